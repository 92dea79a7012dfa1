"""What a heartbeat says of the device's surroundings: sleep, network, battery, place."""

from __future__ import annotations

from random import Random
from typing import Any

from iiot_engine.values import NS_PER_S

from .clock import DeviceClock, Moment
from .nap import Nap, Phase
from .profile import Profile


def sleep_facts(nap: Nap, clock: DeviceClock, moment: Moment) -> dict[str, Any]:
    """Whether it is about to sleep, and until when."""
    if nap.phase is not Phase.LEAVING:
        return {"state": "awake"}
    facts: dict[str, Any] = {"state": "asleep", "for_s": nap.sleep_s}
    unix_ns = clock.unix_ns(moment)
    if unix_ns:
        facts["wake"] = unix_ns // NS_PER_S + round(nap.sleep_s)
    return facts


def surroundings(profile: Profile, loc: tuple[float, ...] | None, random: Random, moment: Moment) -> dict[str, Any]:
    """Network with a signal that varies, power, place and position, as far as the device knows them."""
    facts: dict[str, Any] = {}
    if profile.net:
        rssi = profile.net.get("rssi")
        moved = {} if rssi is None else {"rssi": rssi + random.randint(-3, 3)}
        facts["net"] = {**profile.net, **moved}
    if profile.power:
        facts["power"] = _drained(profile.power, moment.up_ms)
    if profile.place is not None:
        facts["place"] = profile.place
    if loc is not None:
        facts["loc"] = loc
    return facts


def _drained(power: dict[str, Any], up_ms: int) -> dict[str, Any]:
    """The battery as it is after so long: one percent in two hours."""
    battery = power.get("battery")
    return power if battery is None else {**power, "battery": max(0, round(battery - up_ms / 7_200_000, 1))}
