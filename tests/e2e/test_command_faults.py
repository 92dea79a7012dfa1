"""Something breaks while a command is on its way: the press strokes once, and in the end the hub knows it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from iiot_engine.actuation.command import Step
from iiot_engine.wire import codec, signing
from testbed.errors import ApiError
from testbed.plant import DOMAIN

from .house import allow_sockets, until
from .press_shop import PREFIX, PRESS, PressShop
from .relay import Kind, Packet, Relay
from .wiretap import Wiretap

SOON_S = 10.0
COMMANDER = "second_commander"
FAR_AHEAD = 2**21
"""Further than a hub leaps in its numbers when it starts."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PressShop]:
    allow_sockets()
    shop = PressShop(tmp_path_factory.mktemp("shop"))
    async with shop.running():
        yield shop


def from_the_hub(packet: Packet) -> bool:
    """The hub releases a command to the broker."""
    return packet.kind == Kind.PUBREL and packet.from_client


def to_the_press(packet: Packet) -> bool:
    """The broker releases a command to the press: it has its PUBREC, and waits for the PUBCOMP."""
    return packet.kind == Kind.PUBREL and not packet.from_client


def from_the_press(packet: Packet) -> bool:
    """The press has taken a command, and says so."""
    return packet.kind == Kind.PUBCOMP and packet.from_client


def an_answer(packet: Packet) -> bool:
    """The press answers."""
    return packet.kind == Kind.PUBLISH and packet.topic.endswith("/ack")


def at_hub(shop: PressShop) -> Relay:
    return shop.at_hub


def at_press(shop: PressShop) -> Relay:
    return shop.at_press


@pytest.mark.parametrize(
    ("place", "packet"),
    [(at_hub, from_the_hub), (at_press, from_the_press)],
    ids=["before the press has it", "after the press has it"],
)
async def test_a_broker_that_dies_between_pubrec_and_pubcomp_repeats_and_loses_nothing(
    shop: PressShop, place: Callable[[PressShop], Relay], packet: Callable[[Packet], bool]
) -> None:
    before = len(shop.strokes())
    place(shop).hold(packet)
    asking = asyncio.create_task(shop.press())
    await place(shop).until_held(within_s=SOON_S)
    await shop.broker.kill()
    await place(shop).cut()
    await shop.broker.start()
    told = await asking
    assert told["status"] == "done", told
    assert shop.strokes()[before:] == [told["command_id"]]
    await shop.until_live()


async def test_a_press_that_loses_its_power_between_the_steps_of_qos_2_is_told_again(shop: PressShop) -> None:
    before = len(shop.strokes())
    shop.at_press.hold(to_the_press)
    asking = asyncio.create_task(shop.press())
    await shop.at_press.until_held(within_s=SOON_S)
    await shop.plant.kill()
    await shop.at_press.cut()
    await shop.start_press()
    told = await asking
    assert told["status"] == "done", told
    assert shop.strokes()[before:] == [told["command_id"]]


async def test_a_press_that_loses_its_power_in_the_middle_says_that_nobody_knows(shop: PressShop) -> None:
    before = len(shop.strokes())
    shop.at_press.hold(an_answer)
    asking = asyncio.create_task(shop.press())
    await shop.at_press.until_held(within_s=SOON_S)
    await shop.plant.kill()
    ((cid, status),) = [one for one in shop.ring().items() if one[0] not in shop.strokes()]
    assert status == "accepted", "the power went away between the intent and its end"
    await shop.at_press.cut()
    await shop.start_press()
    told = await asking
    assert (told["command_id"], told["status"], told["reason"]) == (cid, "failed", "unknown_outcome")
    assert shop.strokes()[before:] == []
    await shop.until_live()


async def test_a_killed_hub_goes_on_where_it_was(shop: PressShop) -> None:
    before = len(shop.strokes())
    shop.at_press.hold(an_answer)
    asking = asyncio.create_task(shop.press())
    await shop.at_press.until_held(within_s=SOON_S)
    await until(lambda: counted(shop), lambda count: count == before + 1, "moved", within_s=SOON_S)
    await shop.hass.kill()
    with suppress(ApiError, aiohttp.ClientError):
        await asking
    assert shop.commands()[-1].step is Step.SENT
    shop.copy_hub()
    await shop.at_press.cut()
    await shop.hass.start()
    closed = await shop.until_closed(within_s=60)
    assert closed.step is Step.DONE
    assert shop.strokes()[before:] == [closed.cid]


async def test_a_second_hub_is_found_and_this_one_sends_nothing_until_a_person_decides(shop: PressShop) -> None:
    before = len(shop.strokes())
    async with Wiretap(shop.broker.port) as wire:

        async def beats() -> list[dict[str, Any]]:
            found = [one for one in wire.heard if one.topic == f"{PREFIX}/{PRESS}/heartbeat"]
            return [json.loads(one.message)["payload"] for one in found]

        beat = (await until(beats, bool, "a heartbeat"))[-1]
        members = {"v": 1, "type": "poll", "id": PRESS, "kid": 1, "ts": 1, "ts_ns": 0, "pid": "00000001", "ch": []}
        numbers = {"nonce": beat["nonce"], "hseq": beat["hseq"] + FAR_AHEAD}
        key = signing.derive_device_key(shop.fleet_key, PRESS, 1)
        await wire.say((f"{PREFIX}/{PRESS}/poll", codec.seal(key, members | numbers)))
        issue = (await until(shop.repairs, lambda found: COMMANDER in found, "told"))[COMMANDER]
        assert (await shop.press())["status"] == "refused"
    await go_on(shop, issue)
    assert (await shop.press())["status"] == "done"
    assert len(shop.strokes()) == before + 1


async def test_an_old_copy_of_the_hub_commands_nobody_until_a_person_decides(shop: PressShop) -> None:
    """It believes that a command is open, and that there is time: it finds the press commanded by somebody else."""
    before = len(shop.strokes())
    await shop.hass.kill()
    shop.restore_hub()
    believed = shop.commands()[-1]
    assert believed.step is Step.SENT
    async with Wiretap(shop.broker.port) as wire:
        await shop.hass.start()
        issue = (await until(shop.repairs, lambda found: COMMANDER in found, "told"))[COMMANDER]
        assert (await shop.press())["status"] == "refused"
        said = [json.loads(one.message)["payload"] for one in wire.heard if one.topic == f"{PREFIX}/{PRESS}/command"]
    assert not [one for one in said if one["cmd"] == "press"], "not even the one that it believes open"
    await go_on(shop, issue)
    assert (await shop.press())["status"] == "done"
    assert next(one for one in shop.commands() if one.cid == believed.cid).step is Step.DONE, "the press said it again"
    assert len(shop.strokes()) == before + 1


async def counted(shop: PressShop) -> int:
    return len(shop.strokes())


async def go_on(shop: PressShop, issue: dict[str, Any]) -> None:
    """A person decides that this hub goes on."""
    async with shop.api() as api:
        step = await api.post("/api/repairs/issues/fix", {"handler": DOMAIN, "issue_id": issue["issue_id"]})
        step = await api.post(f"/api/repairs/issues/fix/{step['flow_id']}", {"next_step_id": "go_on"})
        assert step["type"] == "create_entry"

    async def told() -> dict[str, dict[str, Any]]:
        return await shop.repairs()

    await until(told, lambda found: COMMANDER not in found, "settled")
