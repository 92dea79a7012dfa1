"""A device in another language, written from the protocol page alone: `stranger/`."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from iiot_engine.wire import codec
from testbed.plant import add_hub
from testbed.ports import LOOPBACK
from testbed.process import Process

from .house import House, allow_sockets, until
from .ledger import Identity
from .visitor import STRANGER, Hall, Visitor
from .wiretap import Wiretap

PREFIX = "works/hall-7"
NAME = "Presse Süd 東 🏭"
LISTENS_S = 5.0
NAP_S = 4


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hall(house: House) -> Hall:
    """A site that asks a person about each device."""
    allow_sockets()
    fleet_key = secrets.token_bytes(32)
    async with house.api() as api:
        entry_id = await add_hub(api, name="Hall 7", prefix=PREFIX, fleet_key=fleet_key.hex(), discovery="ask")
    return Hall(entry_id=entry_id, prefix=PREFIX, fleet_key=fleet_key)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def press(house: House, hall: Hall) -> AsyncIterator[Visitor]:
    """A device that knows the fleet key, approved by a person."""
    allow_sockets()
    broker = f"mqtt://{LOOPBACK}:{house.broker.port}"
    who = ("--broker", broker, "--id", "press-js", "--fleet-key", hall.fleet_key.hex(), "--prefix", PREFIX)
    press = Visitor(house, hall, "press-js", *who)
    await press.start()
    try:
        async with house.api() as api:
            step = await press.card(api)
            shown = step["description_placeholders"]
            assert (shown["name"], shown["model"], shown["device_id"]) == (NAME, "Node", "press-js")
            assert "**Verified.**" in shown["trust"], "it answered a fresh message of the hub"
            step = await api.answer(step, {"name": NAME, "key_source": "derived"})
            assert (step["type"], step["reason"]) == ("abort", "device_added")
        await press.until_shows("mode", "run", "idle")
        yield press
    finally:
        await press.process.stop()


async def test_its_own_tests_pass_against_the_golden_vectors(house: House) -> None:
    tests = Process("its own tests", house.folder / "node-test.log")
    await tests.start(["node", "--test", str(STRANGER / "test")])
    assert await tests.ended() == 0, tests.tail(60)


# --- it joins --------------------------------------------------------------------------------


async def test_a_device_with_the_fleet_key_is_approved_and_its_values_are_live(press: Visitor, house: House) -> None:
    await press.until_shows("health.connection", "live")
    view = await press.view()
    assert view.device(press.id)["name"] == NAME
    await press.until_shows("door", "on", "off")
    shown: set[float] = set()

    async def resistances() -> set[float]:
        value = (await press.view()).value(press.id, "resistance")
        if value not in ("unknown", None):
            shown.add(float(value))
        return shown

    odd = {1e21, 20.0, 123456789.125, 0.0}  # 1e+21, 20 and 0 on the wire
    await until(resistances, odd.issubset, "numbers as JavaScript prints them", within_s=60)
    assert (await press.facts())["refused"] == {}


async def test_a_device_without_a_clock_joins_by_its_provisioning_text(house: House, hall: Hall) -> None:
    key = secrets.token_bytes(32)
    broker = {"host": LOOPBACK, "port": house.broker.port, "tls": False}
    text = {"id": "scale-js", "kid": 1, "key": key.hex(), "boot": 41, "prefix": PREFIX, "broker": broker}
    file = house.folder / "provisioning.json"
    file.write_text(json.dumps(text), encoding="utf-8")
    scale = Visitor(house, hall, "scale-js", "--provisioning", str(file), "--clock", "none", key=key)
    await scale.start()
    try:
        async with Wiretap(house.broker.port) as wire, house.api() as api:
            step = await scale.card(api)
            assert "**Verified.**" not in step["description_placeholders"]["trust"]
            step = await api.answer(step, {"name": "Scale", "key_source": "paste"})
            step = await api.answer(step, {"key": key.hex()})
            assert (step["type"], step["reason"]) == ("abort", "device_added")
            await scale.until_shows("mode", "run", "idle", within_s=30)
            await scale.until_shows("health.connection", "live")

            async def clocks() -> set[tuple[int, bool]]:
                return {(one["tq"], one["ts"] > 0) for one in scale.heard(wire, "data")}

            await until(clocks, {(0, False), (1, True)}.__eq__, "told the time", within_s=30)
            acks = {one["status"] for one in scale.heard(wire, "ack")}
        assert acks == {"done"}
        made = await scale.is_whole()
        assert {row.boot for row in made.rows} == {42}, "the number above that of the provisioning text"
        assert abs((await scale.facts())["health"]["skew_s"]) < 1
    finally:
        await scale.process.stop()


# --- it measures -----------------------------------------------------------------------------


async def test_it_sends_every_form_and_each_row_is_kept_once(press: Visitor, house: House) -> None:
    def forms(wire: Wiretap) -> set[str]:
        live = [one for one in press.heard(wire, "data") if "late" not in one]
        return {
            *(name for one in live for name in ("r", "q", "e", "cols") if name in one),
            *("e alone" for one in live if "e" in one and not one.keys() & {"r", "cols"}),
            *("null" for one in live if None in one.get("r", {}).values()),
            *("three rows" for one in live if len(one.get("rows", ())) == 3),
            *(name for one in live for name in ("v", "i16") if name in one.get("wave", {})),
        }

    async with Wiretap(house.broker.port) as wire:

        async def sent() -> set[str]:
            return forms(wire)

        every = {"r", "q", "e", "cols", "e alone", "null", "three rows", "v", "i16"}
        await until(sent, every.__eq__, "sent in every form", within_s=30)
    await press.is_whole()
    assert (await press.facts())["refused"] == {}


# --- it loses rows ---------------------------------------------------------------------------


async def test_rows_that_get_lost_on_the_way_come_through(press: Visitor, house: House) -> None:
    async with Wiretap(house.broker.port) as wire:
        before = len(press.made().rows)
        await press.process.tell("lose 6")

        async def more() -> int:
            return len(press.made().rows) - before

        await until(more, lambda count: count > 10, "rows made")
        made = await press.is_whole()
        late = [one for one in press.heard(wire, "data") if one.get("late")]
        again = {index for one in late for index in range(one["n"][1], one["n"][1] + len(one.get("rows", "w")))}
    live = set(range(before + 1, len(made.rows) + 1))
    assert again & live, "what was lost was sent again, and only that way"


async def test_rows_of_an_outage_come_through(press: Visitor, house: House) -> None:
    """Its cable is pulled, the broker dies, it dies itself with rows in its memory, and the hub dies."""
    boot = (await press.facts())["window"]["boot"]
    await press.process.tell("cut")
    await asyncio.sleep(1)
    await house.broker.kill()
    await asyncio.sleep(4)
    await press.process.kill()
    kept = press.made().kept
    assert len(kept) > 4
    await press.start()
    await asyncio.sleep(4)
    await house.broker.start()

    async def boots() -> int:
        found: int = (await press.facts())["window"]["boot"]
        return found

    await until(boots, (boot + 1).__eq__, "heard after its restart", within_s=60)
    await house.hass.kill()
    await house.hass.start()
    made = await press.is_whole()
    assert kept <= made.rows.keys()
    assert {row.boot for row in made.rows} == set(range(1, boot + 2))
    assert (await press.facts())["health"]["lost_rows"] == 0


async def test_a_row_that_its_memory_lost_holds_up_nothing(press: Visitor, house: House) -> None:
    """A worn flash: of the rows that wait, one in the middle cannot be read after the restart."""
    await house.broker.kill()

    async def waiting() -> list[Identity]:
        return sorted(press.made().kept)

    kept = await until(waiting, lambda rows: len(rows) > 6, "rows waiting")
    await press.process.kill()
    lost = kept[len(kept) // 2]
    press.forget(lost)
    await house.broker.start()
    async with Wiretap(house.broker.port) as wire:
        await press.start()

        async def told() -> list[list[int]]:
            return [hole for one in press.heard(wire, "heartbeat") for hole in one.get("drop", ())]

        await until(told, lambda holes: [lost.boot, lost.number, lost.number] in holes, "told to the hub")
        made = await press.is_whole(but=frozenset({lost}))
        assert lost in made.rows
    assert (await press.facts())["health"]["lost_rows"] == 1


# --- it listens ------------------------------------------------------------------------------


class Commander:
    """Somebody who holds the device's key and speaks as the hub does, with numbers that the hub has left out."""

    def __init__(self, press: Visitor, wire: Wiretap, nonce: str, below: int) -> None:
        self.press, self.wire, self.nonce = press, wire, nonce
        self._hseq = below

    async def say(self, leaf: str, key: bytes | None = None, **members: Any) -> dict[str, Any]:
        """Send a message down; its number is one further below that of the last."""
        self._hseq -= 1
        payload = {
            "v": 1,
            "type": leaf,
            "id": self.press.id,
            "kid": 1,
            "ts": int(time.time()),
            "ts_ns": 0,
            "nonce": self.nonce,
            "hseq": self._hseq,
            **members,
        }
        await self.wire.say((self.press.topic(leaf), codec.seal(key or self.press.key, payload)))
        return payload


async def commander(press: Visitor, wire: Wiretap, *, below: int) -> Commander:
    """Wait for a heartbeat that names a number of the hub's, and begin so far below the highest."""

    async def beats() -> list[dict[str, Any]]:
        return [one for one in press.heard(wire, "heartbeat") if one["hseq"]]

    beat = (await until(beats, bool, "a heartbeat"))[-1]
    return Commander(press, wire, beat["nonce"], beat["hseq"] - below)


async def test_a_person_asks_it_for_what_waits_to_be_asked(press: Visitor, house: House) -> None:
    page = (await press.view()).device(press.id)["id"]
    async with house.api() as api:
        answer = await api.post("/api/services/iiot/poll?return_response", {"device_id": page})
        told = answer["service_response"]["devices"][page]
        assert (told["status"], set(told["values"])) == ("done", {"level"})
        await press.until_shows("level", str(told["values"]["level"]), f"{told['values']['level']:.1f}")
        body = {"device_id": page, "channels": ["nonsense"]}
        answer = await api.post("/api/services/iiot/poll?return_response", body)
        assert answer["service_response"]["devices"][page]["status"] == "refused"


async def test_it_answers_polls_and_refuses_what_it_does_not_know(press: Visitor, house: House) -> None:
    async with Wiretap(house.broker.port) as wire:
        hub = await commander(press, wire, below=20)

        async def answers(pid: str) -> list[tuple[set[str], set[str]]]:
            found = [one for one in press.heard(wire, "data") if one.get("poll") == pid]
            return [(set(one["r"]), set(one.get("e", ()))) for one in found]

        await hub.say("poll", pid="0a1b2c3d", ch=["level", "temperature", "nonsense"])
        await until(lambda: answers("0a1b2c3d"), [({"level", "temperature"}, {"nonsense"})].__eq__, "two channels read")
        await hub.say("poll", pid="0a1b2c3e")
        await until(
            lambda: answers("0a1b2c3e"), lambda found: [len(keys) for keys, _ in found] == [7], "everything read"
        )
        count = len(press.heard(wire, "heartbeat"))
        await hub.say("poll", pid="0a1b2c3f", ch=[])

        async def beats() -> int:
            return len(press.heard(wire, "heartbeat")) - count

        await until(beats, bool, "a heartbeat at once", within_s=1)

        until_ms = 2**40
        for cid, cmd, deadline in (("A", "set", until_ms), ("B", "set_time", until_ms), ("C", "describe", 1)):
            await hub.say("command", cid=cid, cmd=cmd, args={}, until=deadline, exp=0)
        first = await hub.say("command", cid="D", cmd="describe", args={}, until=until_ms, exp=0)
        await asyncio.sleep(1.1)
        await hub.say("command", cid="D", cmd="describe", args={}, until=until_ms, exp=0, nonce="0" * 16)

        async def acks() -> list[tuple[Any, ...]]:
            return [(one["cid"], one["status"], one.get("reason")) for one in press.heard(wire, "ack")]

        expected = [
            ("A", "rejected", "unsupported"),
            ("B", "rejected", "has_clock"),
            ("C", "expired", None),
            ("D", "done", None),
            ("D", "done", None),
        ]
        await until(acks, lambda found: [one for one in found if len(one[0]) == 1] == expected, "answered")
        assert [one["digest"] for one in press.heard(wire, "manifest")].count(await digest(press)) == 1
        assert all(one["hseq"] > first["hseq"] for one in press.heard(wire, "ack")), "the highest, not the last"
    await press.until_shows("level", *(str(80 - at) for at in range(40)))
    assert not (await press.facts())["second_commander"]
    await press.is_whole()


async def digest(press: Visitor) -> str:
    found: str = (await press.facts())["heartbeat"]["manifest"]
    return found


async def test_it_obeys_nobody_else(press: Visitor, house: House) -> None:
    async with Wiretap(house.broker.port) as wire:
        hub = await commander(press, wire, below=40)
        told = {"cmd": "describe", "args": {}, "until": 2**40, "exp": 0}
        await hub.say("command", key=b"\x55" * 32, cid="forged", **told)
        await hub.say("command", cid="alien", id="press-08", **told)
        await hub.say("command", cid="old", nonce="0" * 16, **told)
        await hub.say("command", cid="far", hseq=1, **told)
        await hub.say("command", cid="shapeless", **{**told, "args": []})
        good = await hub.say("command", cid="good", **told)
        await hub.say("command", cid="again", hseq=good["hseq"], **told)
        retained = codec.seal(press.key, {**good, "cid": "kept", "hseq": good["hseq"] - 5})
        await wire.say((press.topic("command"), retained), retain=True)
        try:

            async def acks() -> list[str]:
                return [one["cid"] for one in press.heard(wire, "ack") if len(one["cid"]) < 26]

            await until(acks, bool, "the good one answered")
            await asyncio.sleep(1)
            assert await acks() == ["good"]
        finally:
            await wire.say((press.topic("command"), b""), retain=True)


# --- it comes and goes -----------------------------------------------------------------------


async def test_it_sleeps_when_answered_and_listens_when_it_wakes(press: Visitor, house: House) -> None:
    async with Wiretap(house.broker.port) as wire:
        await press.process.tell(f"sleep {NAP_S} 2")
        await press.until_shows("health.connection", "asleep", within_s=5)

        async def beats() -> list[dict[str, Any]]:
            found = press.heard(wire, "heartbeat")
            begun = next((at for at, one in enumerate(found) if one["state"] == "asleep"), len(found))
            return found[begun:]

        def naps(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [one for one in found if one["state"] == "asleep"]

        found = await until(beats, lambda seen: len(naps(seen)) == 2 and seen[-1]["state"] == "awake", "slept twice")
        assert all(one["for_s"] == NAP_S for one in naps(found))
        woken = next(one for one in found if one["state"] == "awake")
        listened_s = (naps(found)[1]["up"] - woken["up"]) / 1000
        assert LISTENS_S - 0.2 <= listened_s <= 30
        assert woken["up"] - naps(found)[0]["up"] < 1000 * (NAP_S + 3), "the receipt let it sleep before the 5 s"
        byes = [one for one in press.heard(wire, "data") if one.get("bye")]
        assert len(byes) == 2
        assert len({one["session"] for one in found}) == 3, "each connection has a session of its own"
        assert {one["state"] for one in press.heard(wire, "status")} == {"online"}, "a sleeper does not say farewell"
    await press.until_shows("health.connection", "live")
    await press.is_whole()


async def test_its_will_tells_that_it_is_gone(press: Visitor, house: House) -> None:
    async with Wiretap(house.broker.port) as wire:

        async def states() -> list[str]:
            return [one["state"] for one in press.heard(wire, "status")]

        await press.process.kill()
        await press.until_shows("health.connection", "lost", within_s=4)
        await until(states, lambda seen: seen == ["offline"], "its will came")
        await press.start()
        await press.until_shows("health.connection", "live")
        await press.process.tell("cut")

        await until(states, ["offline", "online", "offline", "online"].__eq__, "back with a new session")
        await press.until_shows("health.connection", "live")
        await press.process.stop()
        await press.until_shows("health.connection", "lost", within_s=4)
        assert (await states())[-1] == "offline", "said by itself"
        await press.start()
        await press.until_shows("health.connection", "live")
    await press.is_whole()


async def test_nothing_was_refused_and_nothing_was_complained_about(press: Visitor, house: House) -> None:
    assert {code for code in (await press.facts())["refused"] if code != "duplicate"} == set()
    assert house.surprises() == []
