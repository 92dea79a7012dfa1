"""A broker that keeps what it holds, when it is asked to."""

import asyncio
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from testbed.broker import Broker
from testbed.errors import TestbedError
from testbed.ports import LOOPBACK, free_ports

from .house import until


def retained(port: int) -> bytes | None:
    """Return the retained message of the topic `plant`, or None."""
    received: list[bytes] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: received.append(message.payload)
    client.connect(LOOPBACK, port)
    client.subscribe("plant")
    for _ in range(20):
        client.loop(0.05)
    client.disconnect()
    return received[0] if received else None


def retain(port: int, payload: bytes) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect(LOOPBACK, port)
    client.loop_start()
    client.publish("plant", payload, qos=1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize(("persistence", "kept"), [(True, b"here"), (False, None)])
async def test_a_restarted_broker_knows_what_it_kept(tmp_path: Path, persistence: bool, kept: bytes | None) -> None:
    broker = Broker(tmp_path / "broker", free_ports(1)[0], persistence=persistence)
    await broker.start()
    try:
        await asyncio.to_thread(retain, broker.port, b"here")
        await broker.restart()
        assert await asyncio.to_thread(retained, broker.port) == kept
    finally:
        await broker.stop()


async def test_the_broker_tells_what_is_listened_to(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker", free_ports(1)[0])
    await broker.start()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    try:
        client.connect(LOOPBACK, broker.port)
        client.loop_start()
        for change, filters in (
            (lambda: client.subscribe([("hall/+", 1), ("yard/#", 0)]), {"hall/+", "yard/#"}),
            (lambda: client.unsubscribe("hall/+"), {"yard/#"}),
            (client.disconnect, set[str]()),
        ):
            change()

            async def told() -> set[str]:
                return broker.subscriptions()

            await until(told, filters.__eq__, f"{filters}", within_s=5)
    finally:
        client.loop_stop()
        await broker.stop()


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker", free_ports(1)[0])
    await broker.start()
    try:
        with pytest.raises(TestbedError, match="is taken"):
            await Broker(tmp_path / "other", broker.port).start()
    finally:
        await broker.stop()
