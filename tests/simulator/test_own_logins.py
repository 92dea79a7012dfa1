"""Devices that log in as themselves, with each of the keys that may count at the broker."""

from pathlib import Path

from iiot_engine.links.broker import Broker
from iiot_engine.links.control import reconcile
from iiot_engine.links.logins import Login
from iiot_engine.wire import signing
from iiot_sim.keyring import Keyring
from testbed.ports import LOOPBACK
from tests.dynamic_broker import HUB, DynamicBroker

from .test_login import a_run, comes_to
from .world import FLEET_KEY

SALT = "ff" * 16


def test_a_device_that_is_refused_tries_the_key_before_in_turn_as_long_as_it_holds_it() -> None:
    first = bytes(32)
    ring = Keyring("press-07", first, [])
    before = signing.derive_broker_password(first, "press-07", 1)
    assert [ring.password(refused) for refused in range(3)] == [before] * 3
    ring.step(2, SALT)
    after = signing.derive_broker_password(ring.key, "press-07", 2)
    assert [ring.password(refused) for refused in range(4)] == [after, before, after, before]
    span = b"{}"
    assert ring.is_from_hub(span, signing.mac(first, span)), "the hub may still speak under it"
    assert ring.is_from_hub(span, signing.mac(ring.key, span))
    assert [ring.password(refused) for refused in range(2)] == [after, after]


async def test_devices_get_in_when_the_hub_has_made_their_logins(tmp_path: Path) -> None:
    broker = DynamicBroker(tmp_path / "broker")
    await broker.start()
    try:
        run = a_run(tmp_path, broker.port, "--own-logins")
        await comes_to(run, trouble="the broker refuses: Not authorized")
        names = [one.device.profile.id for one in run.fleet.carried]
        user, password = HUB
        there = Broker(host=LOOPBACK, port=broker.port, user=user, password=password)
        assert await reconcile(there, "hub-logins", "iiot", [login_of(name) for name in names], names) == []
        await comes_to(a_run(tmp_path, broker.port, "--own-logins"), online=3)
    finally:
        await broker.stop()


def login_of(name: str) -> Login:
    key = signing.derive_device_key(FLEET_KEY, name, 1)
    return Login(device_id=name, password=signing.derive_broker_password(key, name, 1), mark="key 1")
