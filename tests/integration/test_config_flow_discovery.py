"""A device that nobody approved calls, and a person decides."""

import asyncio
import json
import time
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_IGNORE, SOURCE_INTEGRATION_DISCOVERY, SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar

from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.devices import inbox as inbox_room
from custom_components.iiot.engine.wire import signing

from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    DEVICE_KEY,
    OTHER_KEY,
    add_device,
    add_hub,
    answer,
    answer_device_form,
    block_key_file,
    call,
    call_verified,
    cards,
    expected_lingering_timers,
    fields,
    hass_config_dir,
    open_card,
    options_of,
    qr_text,
    settle,
    start_device_form,
    suggested,
)

APPROVED = {"name": "Press 7", "key_source": "derived"}


async def discover(hass: HomeAssistant, entry_id: str, device_id: str = DEVICE_ID) -> Any:
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data={"entry_id": entry_id, "device_id": device_id},
    )


def reason(result: Any) -> Any:
    return result["type"], result.get("reason")


async def test_a_verified_device_is_approved_with_one_form(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    (card,) = cards(hass)
    assert card["context"]["title_placeholders"] == {"name": "Presse 7 (Süd)", "model": "demo"}
    form = await open_card(hass)
    assert form["step_id"] == "confirm_device"
    shown = form["description_placeholders"]
    assert shown["name"] == r"Presse 7 \(Süd\)"
    assert (shown["device_id"], shown["model"], shown["site"]) == (DEVICE_ID, "demo", "Hall 3")
    assert shown["fingerprint"] == signing.fingerprint(DEVICE_KEY)
    assert "**Verified.**" in shown["trust"]
    assert fields(form) == ["name", "area", "description", "key_source"]
    assert options_of(form, "key_source") == ["derived", "paste", "generate"]
    assert suggested(form, "name") == "Presse 7 (Süd)"
    done = await answer(hass, form, **APPROVED, description="Feeds line 2")
    await settle(hass)
    assert reason(done) == ("abort", "device_added")
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.unique_id, subentry.subentry_type) == ("Press 7", DEVICE_ID, "device")
    assert dict(subentry.data) == {
        "device_id": DEVICE_ID,
        "kid": 1,
        "fingerprint": signing.fingerprint(DEVICE_KEY),
        "area": None,
        "description": "Feeds line 2",
        "channel_descriptions": {},
        "policy": {},
    }
    hub = entry.runtime_data.hub
    assert DEVICE_ID in hub.plant.members
    assert hub.keys.device_keys(DEVICE_ID) == {1: DEVICE_KEY}
    assert DEVICE_KEY.hex() not in json.dumps(entry.as_dict(), default=str)
    assert not cards(hass)


async def test_a_signed_device_that_has_not_answered_yet_is_shown_as_such(hass: HomeAssistant, mqtt_mock: Any) -> None:
    await add_hub(hass)
    await call(hass, DEVICE_KEY)
    await call(hass, DEVICE_KEY, seq=2)
    form = await open_card(hass)
    assert "**Signed" in form["description_placeholders"]["trust"]


async def test_a_stranger_joins_by_the_key_that_is_on_it(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call(hass, OTHER_KEY, kid=3)
    form = await open_card(hass)
    shown = form["description_placeholders"]
    assert shown["fingerprint"] == "-"
    assert "**Not verified.**" in shown["trust"]
    assert options_of(form, "key_source") == ["paste", "generate"]
    form = await answer(hass, form, name="Press 7", key_source="paste")
    assert fields(form) == ["key"]
    form = await answer(hass, form, key="no key")
    assert form["errors"] == {"key": "invalid_key"}
    form = await answer(hass, form, key=DEVICE_KEY.hex())
    assert form["errors"] == {"key": "wrong_key"}
    done = await answer(hass, form, key=OTHER_KEY.hex())
    assert reason(done) == ("abort", "device_added")
    assert entry.runtime_data.hub.keys.device_keys(DEVICE_ID) == {3: OTHER_KEY}


async def test_a_stranger_gets_a_new_key(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, prefix="plant/a")
    await call(hass, OTHER_KEY, prefix="plant/a", boot=2**32 - 1)
    form = await answer(hass, await open_card(hass), name="Press 7", key_source="generate")
    assert form["step_id"] == "device_key_made"
    text = qr_text(form)
    assert suggested(form, "provisioning") == text
    told = json.loads(text)
    assert list(told) == sorted(told)
    key = told.pop("key")
    broker = {"host": "mock-broker", "port": 1883, "tls": False}
    assert told == {"boot": 0, "broker": broker, "id": DEVICE_ID, "kid": 1, "prefix": "plant/a"}
    form = await hass.config_entries.flow.async_configure(form["flow_id"])
    assert qr_text(form) == text, "the key stays the same when the form is looked at again"
    done = await answer(hass, form)
    assert reason(done) == ("abort", "device_added")
    assert entry.runtime_data.hub.keys.device_keys(DEVICE_ID) == {1: bytes.fromhex(key)}


async def test_the_new_key_of_a_signed_device_starts_above_its_boot(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry, boot=9)
    form = await answer(hass, await open_card(hass), name="Press 7", key_source="generate")
    assert json.loads(qr_text(form))["boot"] == 9


async def test_a_known_place_is_the_proposed_area(hass: HomeAssistant, mqtt_mock: Any) -> None:
    known = ar.async_get(hass).async_create("Halle 3", aliases={"Hall three"})
    entry = await add_hub(hass)
    await call_verified(hass, entry, place="halle 3")
    form = await open_card(hass)
    assert suggested(form, "area") == known.id
    assert "new_area" not in fields(form)
    await answer(hass, form, **APPROVED, area=known.id)
    (subentry,) = entry.subentries.values()
    assert subentry.data["area"] == known.id


async def test_an_area_is_known_by_its_other_names(hass: HomeAssistant, mqtt_mock: Any) -> None:
    known = ar.async_get(hass).async_create("Halle 3", aliases={"Hall three"})
    entry = await add_hub(hass)
    await call_verified(hass, entry, place="hall three")
    assert suggested(await open_card(hass), "area") == known.id


async def test_an_unknown_place_becomes_an_area_if_a_person_leaves_it_in(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry, place="Cellar")
    form = await open_card(hass)
    assert suggested(form, "new_area") == "Cellar"
    await answer(hass, form, **APPROVED, new_area="Cellar")
    (subentry,) = entry.subentries.values()
    area = ar.async_get(hass).async_get_area_by_name("Cellar")
    assert area is not None
    assert subentry.data["area"] == area.id


async def test_a_place_that_a_person_takes_out_makes_no_area(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry, place="Cellar")
    await answer(hass, await open_card(hass), **APPROVED)
    (subentry,) = entry.subentries.values()
    assert subentry.data["area"] is None
    assert not list(ar.async_get(hass).async_list_areas())


async def test_what_a_stranger_calls_itself_is_text_and_never_a_link(hass: HomeAssistant, mqtt_mock: Any) -> None:
    await add_hub(hass)
    await call(hass, OTHER_KEY, name="![x](https://evil.example) <b>")
    shown = (await open_card(hass))["description_placeholders"]["name"]
    assert shown == r"\!\[x\]\(https\:\/\/evil\.example\) \<b\>"


async def test_a_device_has_a_name(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    form = await answer(hass, await open_card(hass), **{**APPROVED, "name": " "})
    assert form["errors"] == {"name": "name_missing"}


async def test_an_ignored_device_stays_ignored(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    (card,) = cards(hass)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": card["context"]["unique_id"], "title": "Presse 7"},
    )
    await settle(hass)
    assert not cards(hass)
    assert reason(await discover(hass, entry.entry_id)) == ("abort", "already_configured")


async def test_ignored_devices_leave_the_place_of_their_cards_to_others(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    inbox = entry.runtime_data.hub.plant.inbox
    await call(hass, OTHER_KEY, "first")
    (card,) = cards(hass)
    assert inbox._unverified_cards == {"first"}
    await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_IGNORE}, data={"unique_id": card["context"]["unique_id"], "title": "First"}
    )
    await settle(hass)
    assert inbox._unverified_cards == set()
    inbox.take("first")
    await call(hass, OTHER_KEY, "first", seq=2)
    assert not cards(hass)
    assert inbox.get("first").card
    assert inbox._unverified_cards == set(), "it calls again after a restart of the hub"


async def test_the_card_of_a_device_that_had_to_leave_the_inbox_is_withdrawn(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass)
    await call(hass, OTHER_KEY, "first")
    assert [card["context"]["title_placeholders"]["name"] for card in cards(hass)] == ["Presse 7 (Süd)"]
    inbox = entry.runtime_data.hub.plant.inbox
    for number in range(inbox_room.CAPACITY - 1):
        inbox.note(f"flood-{number}", time.time_ns())
    await call(hass, OTHER_KEY, "last")
    assert [card["context"]["unique_id"] for card in cards(hass)] == [f"{entry.entry_id}:last"]


async def test_a_removed_device_that_calls_again_says_so(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    subentry_id = await add_device(hass, entry)
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    await call(hass, DEVICE_KEY)
    form = await discover(hass, entry.entry_id)
    assert "removed" in form["description_placeholders"]["trust"]


async def test_registering_a_device_by_hand_takes_its_card_away(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call(hass, OTHER_KEY)
    await add_device(hass, entry, key=OTHER_KEY)
    assert not cards(hass)


async def test_of_two_people_who_approve_one_device_the_first_one_counts(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call(hass, OTHER_KEY)
    card = await answer(hass, await open_card(hass), name="Theirs", key_source="generate")
    by_hand = await start_device_form(hass, entry)
    by_hand = await answer_device_form(hass, by_hand, device_id=DEVICE_ID, name="Mine", key_source="paste")
    mine, theirs = await asyncio.gather(
        answer_device_form(hass, by_hand, key=OTHER_KEY.hex()), answer(hass, card), return_exceptions=True
    )
    assert mine["type"] == "create_entry"
    assert reason(theirs) == ("abort", "already_configured")
    assert entry.runtime_data.hub.keys.device_keys(DEVICE_ID) == {1: OTHER_KEY}
    assert [found.title for found in entry.subentries.values()] == ["Mine"]


async def test_a_registered_device_gets_no_card(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    assert reason(await discover(hass, entry.entry_id)) == ("abort", "already_configured")


async def test_a_device_that_waits_no_more_gets_no_card(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    assert reason(await discover(hass, entry.entry_id)) == ("abort", "device_gone")


async def test_a_device_that_is_gone_when_the_form_is_submitted(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    form = await open_card(hass)
    entry.runtime_data.hub.plant.inbox.take(DEVICE_ID)
    assert reason(await answer(hass, form, **APPROVED)) == ("abort", "device_gone")


async def test_a_fleet_key_that_is_gone_when_the_form_is_submitted(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    form = await open_card(hass)
    entry.runtime_data.hub.plant.inbox.get(DEVICE_ID).key = None
    assert reason(await answer(hass, form, **APPROVED)) == ("abort", "key_not_derived")
    assert not entry.subentries


@pytest.mark.parametrize("remove", [False, True])
async def test_a_hub_that_stopped_meanwhile_takes_nobody_in(
    hass: HomeAssistant, mqtt_mock: Any, *, remove: bool
) -> None:
    entry = await add_hub(hass)
    entry_id = entry.entry_id
    await call_verified(hass, entry)
    if remove:
        await hass.config_entries.async_remove(entry_id)
    else:
        await hass.config_entries.async_unload(entry_id)
    await settle(hass)
    assert not cards(hass), "its cards are withdrawn"
    assert reason(await discover(hass, entry_id)) == ("abort", "hub_not_running")


async def test_a_disk_that_refuses_the_key_adds_nothing(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    form = await open_card(hass)
    block_key_file(entry)
    assert reason(await answer(hass, form, **APPROVED)) == ("abort", "key_not_saved")
    assert not entry.subentries


async def test_a_site_can_still_be_added_while_cards_are_open(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    form = await answer(hass, menu, next_step_id="home_assistant")
    done = await answer(hass, form, name="North", prefix="north", fleet_key="none", discovery="ask")
    assert done["type"] == "create_entry"


async def test_a_device_that_is_not_ignored_any_more_is_offered_at_its_next_call(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    await add_hub(hass)
    await call(hass, OTHER_KEY)
    (card,) = cards(hass)
    done = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE, "discovery_key": card["context"]["discovery_key"]},
        data={"unique_id": card["context"]["unique_id"], "title": "Presse 7"},
    )
    await settle(hass)
    await call(hass, OTHER_KEY, seq=2)
    assert not cards(hass)
    await hass.config_entries.async_remove(done["result"].entry_id)
    await settle(hass)
    await call(hass, OTHER_KEY, seq=3)
    assert len(cards(hass)) == 1


async def test_a_verified_device_joins_by_itself_where_the_hub_s_owner_said_so(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass, discovery="verified")
    await call(hass, OTHER_KEY, "stranger")
    await call_verified(hass, entry, place="Cellar")
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name().startswith("iiot enrol")))
    await settle(hass)
    (subentry,) = entry.subentries.values()
    assert (subentry.unique_id, subentry.title) == (DEVICE_ID, "Presse 7 (Süd)")
    area = ar.async_get(hass).async_get_area_by_name("Cellar")
    assert area is not None
    assert subentry.data["area"] == area.id
    assert entry.runtime_data.hub.keys.device_keys(DEVICE_ID) == {1: DEVICE_KEY}
    assert [card["context"]["unique_id"] for card in cards(hass)] == [f"{entry.entry_id}:stranger"]


async def test_what_a_device_calls_itself_is_one_clean_line(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry, name="Press\u200b \u202e  7", model="\u2066")
    (card,) = cards(hass)
    assert card["context"]["title_placeholders"] == {"name": "Press 7", "model": DEVICE_ID}
    form = await open_card(hass)
    assert suggested(form, "name") == "Press 7"
    done = await answer(hass, form, name="Press\u200b \u202e 8" + "x" * 200, key_source="derived")
    assert done["reason"] == "device_added"
    assert [found.title for found in entry.subentries.values()] == [f"Press 8{'x' * 200}"[:128]]
