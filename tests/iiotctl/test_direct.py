"""Straight to the broker with a key: real Mosquitto, simulated devices, no hub."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from iiot_ctl.direct import Direct, Manner, make_cid
from iiot_ctl.errors import RefusedError, UnreachableError, UsageError
from iiot_ctl.fleet import Order
from iiot_ctl.keyring import Keyring
from iiot_ctl.notes import Notes
from iiot_engine.links.broker import Broker
from testbed.ports import LOOPBACK, free_ports
from tests.iiotctl.field import Field, a_field
from tests.simulator.world import FLEET_KEY, key_of

KEYS = Keyring(fleet_key=FLEET_KEY)


@pytest.fixture
async def field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Field]:
    """Three devices."""
    async with a_field(tmp_path, capsys, monkeypatch) as field:
        yield field


def direct(field: Field, notes: str = "notes", **manner: object) -> Direct:
    facts: dict[str, object] = {"listen_s": 0.3, "within_s": 8.0, **manner}
    broker = Broker(host=LOOPBACK, port=field.mosquitto.port)
    return Direct(broker, KEYS, Manner(**facts), field.folder / notes)  # type: ignore[arg-type]


async def test_a_command_is_done_by_the_devices_signed_answer(field: Field) -> None:
    device_id = field.id_of("Ventilation")
    setting = ["command", "set", device_id, "--args", '{"key":"speed","value":70}']
    code, text = await field.ctl(*setting)
    assert (code, text) == (0, "Ventilation: done\n")
    assert field.reported("Ventilation", "speed") == 70
    # Its own number of the last time is no hub's.
    code, facts = await field.facts("command", "set", device_id, "--args", '{"key":"speed","value":710}')
    assert code == 1
    assert facts[0]["status"] == "rejected"
    assert facts[0]["reason"]
    assert facts[0]["is_fine"] is False


async def test_who_does_not_know_the_numbers_takes_them_for_a_hubs_and_is_refused_until_he_takes_over(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    device_id = field.id_of("Ventilation")
    assert (await field.ctl("command", "identify", device_id, "--args", '{"s":1}'))[0] == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(field.folder / "another"))
    code, text = await field.ctl("set-interval", device_id, "--every", "2s")
    assert code == 1
    assert "a hub commands it: it has obeyed message" in text
    assert "--take-over" in text
    assert (await field.ctl("set-interval", device_id, "--every", "2s", "--take-over"))[0] == 0


async def test_a_hub_that_speaks_meanwhile_is_heard(field: Field) -> None:
    device_id = field.id_of("Ventilation")
    async with direct(field, listen_s=3.0) as way, direct(field, "others", take_over=True) as other:
        asking = asyncio.create_task(way.order(Order(name="describe"), [device_id]))
        while device_id not in way.ear.heard or way.ear.heard[device_id].beat is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await other.order(Order(name="poll"), [device_id])
        (outcome,) = await asking
    assert outcome.status == "refused"
    assert "somebody with its key spoke to it just now" in outcome.reason


async def test_interval_rate_sleep_and_poll(field: Field) -> None:
    scale, basin = field.id_of("Scale"), field.id_of("Basin")
    code, facts = await field.facts("poll", scale)
    assert code == 0
    assert set(facts[0]["result"]["values"]) >= {"weight"}
    code, facts = await field.facts("poll", scale, "--channel", "weight", "--channel", "nothing")
    assert facts[0]["result"]["failed"] == {"nothing": "VALUE"}
    assert (await field.ctl("set-interval", scale, "--every", "2s"))[0] == 0
    assert (await field.ctl("set-rate", scale, "--hz", "0.5", "--channel", "zero"))[0] == 0
    code, text = await field.ctl("awake", basin)
    assert (code, text) == (0, "Basin: done\n")
    code, text = await field.ctl("sleep", basin, "--for", "1h")
    assert (code, text) == (0, "Basin: done\n")


async def test_devices_are_listed_as_they_are_heard(field: Field) -> None:
    code, facts = await field.facts("list", "--within", "3s")
    assert code == 0
    seen = {one["name"]: one for one in facts}
    assert seen["Ventilation"]["state"] == "live"
    assert {"speed"} <= {value["key"] for value in seen["Ventilation"]["values"]}
    assert seen["Ventilation"]["lag_s"] < 5
    code, text = await field.ctl("list", "ventilation", "--within", "3s")
    assert [line.split()[0] for line in text.splitlines()] == ["name", "Ventilation"]
    code, text = await field.ctl("list", "Pump", "--within", "1s")
    assert code == 1
    assert "there is no device Pump" in text


async def test_the_whole_fleet_is_asked_at_once(field: Field) -> None:
    code, facts = await field.facts("command", "identify", "--all", "--args", '{"s":1}', "--within", "3s")
    assert code == 0, facts
    assert {one["name"] for one in facts} >= {"Ventilation", "Scale"}


async def test_one_device_is_asked_with_its_own_key(field: Field) -> None:
    device_id = field.id_of("Ventilation")
    file = field.folder / "ventilation.json"
    file.write_text(json.dumps({"id": device_id, "kid": 1, "key": key_of(device_id).hex()}))
    way = ["--broker", f"{LOOPBACK}:{field.mosquitto.port}", "--key-file", str(file), "--listen", "0.1"]
    assert await field.bare("command", "describe", *way) == (0, "Ventilation: done\n")
    code, text = await field.bare("awake", field.id_of("Scale"), *way)
    assert code == 1
    assert f"the key is of {device_id}" in text


async def test_a_device_that_is_not_there_or_has_another_key_is_not_reached(field: Field) -> None:
    code, text = await field.ctl("awake", "nowhere", "--within", "1s")
    assert code == 3
    assert "nowhere was not heard within 1 s: check its id" in text
    device_id = field.id_of("Ventilation")
    file = field.folder / "wrong.key"
    file.write_text("ab" * 32)
    way = ["--broker", f"{LOOPBACK}:{field.mosquitto.port}", "--key-file", str(file), "--within", "8s"]
    code, text = await field.bare("awake", device_id, *way)
    assert code == 3
    assert "refused as bad_mac: check the key" in text


async def test_a_broker_that_is_not_there_is_code_3(field: Field) -> None:
    (port,) = free_ports(1)
    code, text = await field.bare("list", "--broker", f"{LOOPBACK}:{port}")
    assert code == 3
    assert text == (
        "iiotctl: the broker is not reachable: nobody listens at this address; check that it is right and that the"
        " program there runs\n"
    )


async def test_no_answer_is_no_success(field: Field) -> None:
    device_id = field.id_of("Ventilation")
    async with direct(field) as way:
        met = await way._meet(device_id)
        met.key = bytes(32)  # what it sends now fits no key
        outcome = await way._send(met, Order(name="awake", life_s=0.5))
    assert (outcome.status, outcome.is_fine) == ("unknown", False)
    assert "it may have been done" in outcome.reason


async def test_a_connection_that_is_lost_is_told(field: Field) -> None:
    device_id = field.id_of("Ventilation")
    async with direct(field) as way:
        met = await way._meet(device_id)
        await way._link.drop()
        with pytest.raises(UnreachableError, match="the connection to the broker was lost"):
            await way._send(met, Order(name="awake"))


async def test_what_takes_a_hub_or_a_key_says_so(field: Field) -> None:
    async with direct(field) as way:
        with pytest.raises(UsageError, match="--wait takes a hub"):
            await way.order(Order(name="awake", waits=True), ["x"])
    broker = Broker(host=LOOPBACK, port=field.mosquitto.port)
    async with Direct(broker, Keyring(), Manner(), field.folder / "notes") as way:
        with pytest.raises(UsageError, match="a key is needed"):
            await way.order(Order(name="awake"), ["x"])


def test_numbers_are_noted_before_they_are_used(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "deep" / "used.json")
    assert not notes.is_ours("a", "n", 1)
    for number in range(100):
        notes.use("a", "n", number)
    assert notes.is_ours("a", "n", 99)
    assert not notes.is_ours("a", "n", 3)
    assert not notes.is_ours("a", "m", 99)
    (tmp_path / "deep" / "used.json").write_text("[]")
    assert not notes.is_ours("a", "n", 99)
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="nothing was sent"):
        Notes(tmp_path / "file" / "used.json").use("a", "n", 1)


def test_command_numbers_are_ulids() -> None:
    first, second = make_cid(0), make_cid(1_795_190_400_000_000_000)
    assert len(first) == len(second) == 26
    assert first < second
    assert first.startswith("0" * 10)
