"""Every word that the code asks for stands in the translations, and no other."""

import ast
import re
from datetime import timedelta
from functools import partial
from typing import Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_mqtt_message,
    async_fire_time_changed,
)

from custom_components.iiot.bridge import adopted
from custom_components.iiot.bridge.health import FLEET, HEALTH
from custom_components.iiot.bridge.joining import JoinStep
from custom_components.iiot.bridge.listening import LISTEN_S
from custom_components.iiot.bridge.notices import (
    CHANNEL_CHATTERS,
    CHANNELS_LACKING,
    ENTITY_BUDGET,
    JOURNAL_BEGAN_ANEW,
    JOURNAL_OVERRUN,
    NEWER_ENTRY,
)
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.actuation import ledger, wish
from custom_components.iiot.engine.actuation.command import Step
from custom_components.iiot.engine.actuation.interlocks import Bar
from custom_components.iiot.engine.actuation.roles import Level
from custom_components.iiot.engine.devices import bare_rules
from custom_components.iiot.engine.devices.assets import Flaw as Relation
from custom_components.iiot.engine.devices.bare_commands import ACTUATOR_KINDS
from custom_components.iiot.engine.devices.inbox import Trust
from custom_components.iiot.engine.errors import (
    Code,
    DeviceIdError,
    KeyFormError,
    PrefixError,
    RecordError,
)
from custom_components.iiot.engine.ingest.expression import Flaw
from custom_components.iiot.engine.links.faults import Fault
from custom_components.iiot.engine.links.tls import Pem
from custom_components.iiot.engine.plant import notices, orders, polls, rotation
from custom_components.iiot.engine.values import UP_LEAVES
from custom_components.iiot.engine.wire import codec, signing
from custom_components.iiot.event import LEVELS
from custom_components.iiot.flows.bare_commands import CONF_ACK_TOPIC, CONF_COMMAND_TOPIC, actuator_rows
from custom_components.iiot.flows.channel_rows import KINDS, ROWS
from custom_components.iiot.panel.views import WORDS as DASHBOARD
from custom_components.iiot.services import ELSEWHERE
from custom_components.iiot.system_health import async_figures

from . import commissioning
from .bare_forms import walk_adopted, walk_bare, walk_channels
from .bare_sensor import open_page as open_bare_page
from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    DEVICE_KEY,
    FLEET_KEY,
    OTHER_KEY,
    add_device,
    add_hub,
    answer,
    answer_device_form,
    call,
    call_verified,
    cards,
    expected_lingering_timers,
    hass_config_dir,
    open_card,
    open_page,
    settle,
    start_device_form,
)
from .people import add_person
from .shown import Shown
from .template_forms import walk_card, walk_templates
from .words import BARE_FLOW, DEVICE_FLOW, FOLDER, OPTION_FLOW, WORDS, aborts_in, placeholders, source, texts

CODES = {kind.__name__: kind.code for kind in (DeviceIdError, KeyFormError, PrefixError)}
EVERYWHERE = {"site", "device", "name", "device_id"}
FACTS = {
    notices.CLOCK: {"skew_s"},
    notices.MANIFEST: {"reason"},
    notices.STORE: {"reason"},
    notices.PROTOCOL: {"version", "known"},
    notices.CHANNELS: {"topic"},
    JOURNAL_OVERRUN: {"rows", "readers", "noisiest"},
    ENTITY_BUDGET: {"enabled", "devices", "diagnostic"},
    CHANNEL_CHATTERS: {"channels"},
    "logins_refused": {"count", "login", "reason"},
    "logins_unanswered": {"broker"},
    NEWER_ENTRY: {"version", "known"},
    CHANNELS_LACKING: {"channels"},
}
BANKS = {
    "trust": set(Trust),
    "bare_kind": set(KINDS),
    "actuator_kind": set(ACTUATOR_KINDS),
    "waiting_reason": {"unknown_device", "removed"},
    "refusal": {code.value for code in Code},
    "message": {leaf.value for leaf in UP_LEAVES},
    "age": {"no_clock", "ahead", "behind"},
    "command_line": {"login", "authority"},
    "dashboard": set(DASHBOARD),
    "level": set(Level),
    "second_person": {"title", "set", "press", "on", "off"},
    "waiting_device": {*Trust, "removed", "ignored"},
    "removed_device": {"forgot", "keeps_key"},
    "join_window": {"open", "closed"},
    "join_step": {*JoinStep, "device", "step", "nobody", "unknown_key", "other_model"},
    "silence": {"broker_away", "elsewhere", "others_heard", "nothing_at_all", "any_device"},
}
"""Words that forms and screens are put together from."""
SITE = {"name": "Hall 3", "prefix": "north", "discovery": "ask"}


async def walk_site(hass: HomeAssistant, entry: MockConfigEntry) -> Shown:
    shown = Shown(WORDS["config"])
    await walk_card(hass, entry, shown)
    for choice in ("generate", "paste"):
        menu = shown.add(await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER}))
        form = await answer(hass, menu, next_step_id="home_assistant")
        shown.add(await answer(hass, shown.add(form), **SITE, fleet_key=choice))
    menu = shown.add(await entry.start_reconfigure_flow(hass))
    shown.add(await answer(hass, menu, next_step_id="own_broker"))
    old = await add_device(hass, entry, "old", signing.derive_device_key(FLEET_KEY, "old", 1))
    menu = await entry.start_reconfigure_flow(hass)
    form = shown.add(await answer(hass, menu, next_step_id="change_site"))
    shown.add(await answer(hass, form, name="Hall 3", prefix="iiot", fleet_key="retire"))
    hass.config_entries.async_remove_subentry(entry, old)
    await settle(hass)
    await call_verified(hass, entry, place="Cellar")
    form = shown.add(await open_card(hass))
    shown.add(await answer(hass, form, name="Press 7", key_source="generate"))
    await call(hass, OTHER_KEY, "stranger")
    flow = next(card for card in cards(hass) if card["context"]["unique_id"].endswith(":stranger"))
    form = shown.add(await hass.config_entries.flow.async_configure(flow["flow_id"]))
    shown.add(await answer(hass, form, name="Press 7", key_source="paste"))
    return shown


async def walk_device(hass: HomeAssistant, entry: MockConfigEntry) -> Shown:
    shown = Shown(WORDS["config_subentries"]["device"])
    for choice in ("generate", "paste"):
        form = shown.add(await start_device_form(hass, entry))
        shown.add(await answer_device_form(hass, form, device_id="new", name="P", key_source=choice))
    subentry_id = await add_device(hass, entry)
    manifest = {
        **dict.fromkeys(("ts", "ts_ns", "tq"), 0),
        **dict.fromkeys(("v", "kid"), 1),
        **dict.fromkeys(("boot", "seq", "up"), 9),
        "id": DEVICE_ID,
        "type": "manifest",
        "digest": "00112233aabbccdd",
        "channels": [{"key": "temp", "name": "Temperature", "kind": "float"}],
        "actuators": [{"key": "speed", "name": "Speed", "kind": "number"}],
        "alarms": [],
        "commands": [],
    }
    async_fire_mqtt_message(hass, f"iiot/{DEVICE_ID}/manifest", codec.seal(DEVICE_KEY, manifest))
    await settle(hass)
    menu = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    for page in menu["menu_options"]:
        menu = shown.add(await entry.start_subentry_reconfigure_flow(hass, subentry_id))
        subentries = hass.config_entries.subentries
        form = shown.add(await subentries.async_configure(menu["flow_id"], {"next_step_id": page}))
        if page == "interlocks":
            shown.add(await subentries.async_configure(form["flow_id"], {"actuator": "speed"}))
    await walk_channels(hass, shown, partial(open_bare_page, hass, entry, subentry_id), "temp")
    shown.add(await answer_device_form(hass, await open_page(hass, entry, "display"), channel="temp"))
    assert "details.channel_descriptions" in shown.fields
    form = await open_page(hass, entry, "revoke")
    await answer_device_form(hass, form, reason="stolen")
    shown.add(await open_page(hass, entry, "revoke"))
    shown.add(await open_page(hass, entry, "replace"))
    form = await open_page(hass, entry, "show_key")
    shown.add(await answer_device_form(hass, form, sure=True))
    return shown


def test_every_field_of_a_row_has_its_words() -> None:
    for bank, rows in (("bare_channel", ROWS), ("bare_actuator", actuator_rows({}, {}))):
        words = WORDS["selector"][bank]["fields"]
        assert list(words) == list(rows.config["fields"])
        assert all(word.keys() == {"name", "description"} for word in words.values())


async def walk_options(hass: HomeAssistant, entry: MockConfigEntry) -> Shown:
    shown = Shown(WORDS["options"])
    flows = hass.config_entries.options
    shown.add(menu := await flows.async_init(entry.entry_id))
    await add_person(hass, "Anna")
    for page in ("preferences", "roles", "check_connectivity", "waiting_devices", "removed_devices"):
        menu = await flows.async_init(entry.entry_id)
        shown.add(await flows.async_configure(menu["flow_id"], {"next_step_id": page}))
    await commissioning.walk(hass, entry, shown)
    menu = await flows.async_init(entry.entry_id)
    await flows.async_configure(menu["flow_id"], {"next_step_id": "check_connectivity"})

    async def listen(listen_for: str, topic: str, device_id: str = DEVICE_ID) -> None:
        wanted = {"listen_for": listen_for, "device_id": device_id}
        step = shown.add(await flows.async_configure(menu["flow_id"], wanted))
        message = step["description_placeholders"].get("command", "' '").split("'")[-2]
        async_fire_mqtt_message(hass, topic.format(id=message.partition('"id":"')[2][:14]), message)
        await settle(hass)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=LISTEN_S + 1))
        await settle(hass)
        shown.add(await flows.async_configure(menu["flow_id"]))
        await flows.async_configure(menu["flow_id"], {"next_step_id": "check_connectivity"})

    await listen("test_message", "iiot/{id}/data")
    await listen("one_device", f"iiot/{DEVICE_ID}/data")
    await listen("any_device", "nowhere")
    assert set(WORDS["options"]["progress"]) == shown.actions
    await walk_templates(hass, entry, shown)
    return shown


async def test_every_form_and_every_choice_has_its_words(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    choices: dict[str, set[str]] = {name: set(words) for name, words in BANKS.items()}
    for walk in (walk_site, walk_device, walk_bare, walk_adopted, walk_options):
        shown = await walk(hass, entry)
        shown.check()
        for name, options in shown.options.items():
            choices.setdefault(name, set()).update(options)
    assert {name: set(words["options"]) for name, words in WORDS["selector"].items() if "options" in words} == choices


def errors_in(text: str) -> set[str]:
    found = set(re.findall(r'(?:errors\[[^\]]+\] = |return \{CONF_\w+: )"(\w+)"', text))
    for handler in re.findall(r"except (\w+) as err:\n\s+errors\[[^\]]+\] = err\.code", text):
        found.add(CODES[handler])
    return found


def test_every_error_has_its_words() -> None:
    broker = {f"broker_{fault}" for fault in Fault} | {"broker_login_missing"} | {pem.value for pem in Pem}
    assert (
        set(WORDS["config"]["error"])
        == errors_in(source("config_flow.py", "flows/keys.py", "flows/templated.py")) | broker
    )
    formulas = {f"expression_{flaw}" for flaw in Flaw}
    device = errors_in(source(*DEVICE_FLOW)) | formulas | set(Relation)
    assert set(WORDS["config_subentries"]["device"]["error"]) == device
    adopting = set(re.findall(r'CONF_\w+: "(\w+)"', source("flows/adopted.py"))) | set(adopted.FLAWS)
    adopting |= {"low_above_high", "percent_needs_range"}  # of the page with the gates
    assert set(WORDS["config_subentries"]["adopted"]["error"]) == adopting
    fields = {f"invalid_{field}" for field in (CONF_COMMAND_TOPIC, CONF_ACK_TOPIC)}
    bare = errors_in(source(*BARE_FLOW)) | formulas | set(bare_rules.FLAWS) | fields | set(Relation)
    assert set(WORDS["config_subentries"]["bare"]["error"]) == bare
    options = source(*OPTION_FLOW)
    rules = source("engine/wire/templates.py", "engine/plant/templates.py", "flows/templates.py")
    templates = set(re.findall(r'TemplateError\("(\w+)"', rules))
    assert set(WORDS["options"]["error"]) == errors_in(options) | templates | {DeviceIdError.code}


def test_every_end_has_its_words() -> None:
    shared = aborts_in(source("bridge/enrolment.py"))
    ends = aborts_in(
        source("config_flow.py", "flows/broker.py", "flows/retire.py", "flows/keys.py", "flows/templated.py")
    )
    changed = {"reconfigure_successful"}  # Home Assistant's own helpers name it
    assert set(WORDS["config"]["abort"]) == shared | ends | changed | {"reauth_successful"}
    assert set(WORDS["config_subentries"]["device"]["abort"]) == shared | changed | aborts_in(source(*DEVICE_FLOW))
    assert set(WORDS["config_subentries"]["adopted"]["abort"]) == shared | changed | aborts_in(
        source("flows/adopted.py", "flows/adopted_pages.py")
    )
    assert set(WORDS["config_subentries"]["bare"]["abort"]) == shared | changed | aborts_in(source(*BARE_FLOW))
    assert set(WORDS["options"]["abort"]) == (shared - {"already_configured"}) | aborts_in(source(*OPTION_FLOW))
    assert placeholders(WORDS["config"]["abort"]["device_added"]) == {"name", "site"}


def test_every_repair_has_its_words() -> None:
    assert set(WORDS["issues"]) == {*notices.KINDS, *FACTS, JOURNAL_BEGAN_ANEW, CHANNELS_LACKING}
    for kind, words in WORDS["issues"].items():
        asked = {name for _, text in texts(words) for name in placeholders(text)}
        assert asked <= EVERYWHERE | FACTS.get(kind, set()), kind
        # A title is plain text, a description is markdown: there the device's name comes escaped.
        assert "device" not in {n for path, t in texts(words) if path.endswith(".description") for n in placeholders(t)}


def raised() -> set[str]:
    """Translation keys of the exceptions that the integration raises."""
    found = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in ("_broken", "_unreadable"):
                found.add(ast.literal_eval(node.args[0]))
            elif name.endswith(("Error", "NotReady", "AuthFailed")):
                keys = (word.value for word in node.keywords if word.arg == "translation_key")
                found |= {key.value for key in keys if isinstance(key, ast.Constant)}
    return found


def refusals_of_wishes() -> set[str]:
    """Translation keys of what stands in the way of a command, and of how one ends that is not done."""
    waits_or_fine = {Step.REQUESTED, Step.ACCEPTED, Step.DONE}
    refused = {ledger.QueueFullError, orders.AwayError, orders.MutedError, orders.ListenOnlyError}
    refused |= {polls.NotPolledError, polls.NotThereError, polls.PollQueueError}
    refused |= {orders.RevokedError, orders.DisabledError, orders.StoodBackError, rotation.LastKeyError}
    refused |= {wish.ArgumentsError, wish.ActuatorError, wish.ValueRefusedError, wish.UnsupportedError, RecordError}
    refused |= {wish.NoChannelError}
    found = {error.code for error in refused} | {f"command_{step}" for step in Step if step not in waits_or_fine}
    found |= set(Bar) | set(ELSEWHERE.values())
    return found | {"needs_admin", "needs_operator", "needs_engineer", "needs_engineer_above"}


def test_every_exception_has_its_words() -> None:
    assert set(WORDS.get("exceptions", {})) == raised() | refusals_of_wishes()


async def test_every_figure_of_system_health_has_its_words(hass: HomeAssistant) -> None:
    assert WORDS["system_health"]["info"].keys() == (await async_figures(hass)).keys()


def test_the_card_of_a_device_is_titled_by_name_and_model() -> None:
    assert placeholders(WORDS["config"]["flow_title"]) == {"name", "model"}


def shown_with_words(domain: str) -> dict[str, set[str]]:
    """Translation key → the states that it has words for."""
    return {key: set(words.get("state", {})) for key, words in WORDS["entity"][domain].items()}


def keys_in(name: str) -> set[str]:
    return set(re.findall(r'_attr_translation_key = "(\w+)"', source(name)))


def test_every_entity_of_ours_has_its_words() -> None:
    figures = {row.key.replace(".", "_"): set(row.options) for row in (*HEALTH, *FLEET)}
    assert set(WORDS["entity"]) == {"binary_sensor", "sensor", "event", "device_tracker", "switch", "button"}
    assert shown_with_words("sensor") == figures
    assert shown_with_words("binary_sensor").keys() == keys_in("binary_sensor.py")
    assert shown_with_words("event").keys() == keys_in("event.py")
    assert shown_with_words("switch").keys() == keys_in("switch.py")
    assert shown_with_words("button").keys() == keys_in("button.py")
    assert shown_with_words("device_tracker").keys() == keys_in("device_tracker.py")
    kinds = WORDS["entity"]["event"]["device_log"]["state_attributes"]["event_type"]["state"]
    assert set(kinds) == set(LEVELS)


def test_a_figure_with_a_unit_needs_no_word_for_it() -> None:
    named = {key for key, words in WORDS["entity"]["sensor"].items() if "unit_of_measurement" in words}
    assert named <= {row.key.replace(".", "_") for row in (*HEALTH, *FLEET) if row.unit is None and row.state_class}
