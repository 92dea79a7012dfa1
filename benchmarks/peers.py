"""What the benchmark's Home Assistant has in its configuration: its own MQTT sensors, and components of ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from iiot_engine.values import Leaf
from iiot_engine.wire.topics import topic_of

from .device import CHANNEL, UNIT, Device

OURS: Final = "bench"
SENSORS: Final = "peer"
BARE: Final = "bare"
MAC: Final = "mac"
CALLBACKS: Final = "iiot_bench_peer"
WITNESS: Final = "iiot_bench_watch"
COMPONENTS: Final = {
    CALLBACKS: Path(__file__).parent / "peer_component",
    WITNESS: Path(__file__).parent / "watch_component",
}

type Settings = dict[str, Any]
"""Top level of configuration.yaml."""


def for_ingest(doubles: Sequence[Device]) -> Settings:
    """A sensor a device, bare callbacks, and the witness."""
    keys = {topic_of(MAC, device.id, Leaf.DATA): device.key.hex() for device in doubles}
    sensors = [_sensor(device, CHANNEL, topic_of(SENSORS, device.id, Leaf.DATA)) for device in doubles]
    return {"mqtt": {"sensor": sensors}, CALLBACKS: {"bare": BARE, "mac": MAC, "keys": keys}, WITNESS: {}}


def for_latency(doubles: Sequence[Device]) -> Settings:
    """A sensor for each channel of a device, each with a topic of its own, and the witness."""
    sensors = [_sensor(device, key, channel_topic(device, key)) for device in doubles for key in device.channels]
    return {"mqtt": {"sensor": sensors}, WITNESS: {}}


def for_fleet(_: Sequence[Device]) -> Settings:
    """The witness alone: the sensors come by discovery."""
    return {WITNESS: {}}


def channel_topic(device: Device, key: str) -> str:
    """Topic of a sensor that has one for itself."""
    return topic_of(SENSORS, f"{device.id}-{key}", Leaf.DATA)


def discovery(device: Device) -> dict[str, Any]:
    """Payload by which a device announces its sensors to Home Assistant's MQTT integration."""
    number = device.id.rpartition("-")[2]
    components = {
        key: {
            "platform": "sensor",
            "name": key.replace("_", " ").capitalize(),
            "unique_id": f"peer-{number}-{key}",
            "value_template": f"{{{{ value_json.{key} }}}}",
            "unit_of_measurement": UNIT,
            "device_class": "temperature",
            "state_class": "measurement",
        }
        for key in device.channels
    }
    return {
        "device": {"identifiers": [f"peer-{number}"], "name": f"Peer {number}", "model": "benchmark"},
        "origin": {"name": "benchmark"},
        "state_topic": topic_of(SENSORS, device.id, Leaf.DATA),
        "components": components,
    }


def _sensor(device: Device, key: str, topic: str) -> Settings:
    number = device.id.rpartition("-")[2]
    return {
        "name": f"Peer {number} {key}",
        "unique_id": f"peer-{number}-{key}",
        "state_topic": topic,
        "value_template": f"{{{{ value_json.{key} }}}}",
        "unit_of_measurement": UNIT,
        "device_class": "temperature",
        "state_class": "measurement",
    }
