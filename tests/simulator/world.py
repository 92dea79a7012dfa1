"""A plant in no time: simulated devices, the real engine as their hub, a network that loses what it is told to lose."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from iiot_engine.effects import Commit, Publish, Refused
from iiot_engine.effects import Effect as HubEffect
from iiot_engine.plant import Plant
from iiot_engine.ports import JournalRow
from iiot_engine.values import NS_PER_MS, NS_PER_S, Leaf, Now, Settings
from iiot_engine.wire import canonical, codec, signing
from iiot_engine.wire.topics import topic_of
from iiot_sim.clock import Moment
from iiot_sim.device import Device, Effect, Reconnect, Restart, Sleep
from iiot_sim.profile import ChannelProfile, Profile, Timing
from iiot_sim.row import Row
from iiot_sim.state import MemoryStore

FLEET_KEY = bytes(range(32))
START_NS = 1_795_190_400 * 1_000_000_000
HUB_TICK_MS = 100
TEMPERATURE = ChannelProfile(
    key="temperature",
    entry={"name": "Temperature", "unit": "°C"},
    signal={"shape": "walk", "min": 0, "max": 40},
)
QUICK = Timing(resend_after_s=6, resend_longest_s=30, resend_start_s=3)


def a_profile(device_id: str = "press-07", **changes: object) -> Profile:
    """Build a device with one channel that confirms; `changes` are members of `Profile`."""
    facts = {"id": device_id, "name": "Press 7", "model": "demo", "channels": (TEMPERATURE,), "sample_s": 1.0}
    return Profile(**{**facts, **changes})


def key_of(device_id: str) -> bytes:
    return signing.derive_device_key(FLEET_KEY, device_id, 1)


@dataclass
class Site:
    """One device where it stands: its store survives a restart, what it made is remembered."""

    profile: Profile
    store: MemoryStore
    device: Device
    booted_ms: int
    made: dict[tuple[int, int], Row] = field(default_factory=dict)
    sent: list[tuple[Leaf, bytes]] = field(default_factory=list)
    link_up: bool = False


class World:
    """Everything at one simulated time."""

    def __init__(self, profiles: Iterable[Profile], *, is_lost: Callable[[str], bool] = lambda _: False) -> None:
        self.now_ms = 0
        self.is_lost = is_lost
        """Asked with the topic of each message of QoS 0."""
        self.broker_up = True
        self.hub_up = True
        self.refused: list[Refused] = []
        self.journal: list[JournalRow] = []
        """Everything that the hub has made durable."""
        self._drawn = 0
        self.hub = Plant(Settings(), self._entropy, FLEET_KEY)
        self.sites = {profile.id: self._site(profile) for profile in profiles}
        self.hub.restore([], {device_id: {1: key_of(device_id)} for device_id in self.sites})
        self.hub.set_connected(True, self.now)
        self._perform(self.hub.start(self.now))

    @property
    def now(self) -> Now:
        return Now(wall_ns=START_NS + self.now_ms * NS_PER_MS, steady_ns=(1000 + self.now_ms) * NS_PER_MS)

    def moment(self, site: Site) -> Moment:
        return Moment(up_ms=self.now_ms - site.booted_ms, wall_ns=self.now.wall_ns)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end_ms = self.now_ms + round(seconds * 1000)
        while self.now_ms < end_ms:
            self.now_ms += HUB_TICK_MS
            for site in self.sites.values():
                self._live(site)
            if self.hub_up:
                self._perform(self.hub.tick(self.now))

    def restart(self, device_id: str) -> Device:
        """Switch a device off and on again."""
        site = self.sites[device_id]
        site.device = self._boot(site.profile, site.store, site.made)
        site.booted_ms, site.link_up = self.now_ms, False
        return site.device

    def cut_broker(self) -> None:
        self.broker_up = False
        self.hub.set_connected(False, self.now)
        for site in self.sites.values():
            site.link_up = False
            site.device.disconnected()

    def mend_broker(self) -> None:
        self.broker_up = True
        self.hub.set_connected(True, self.now)

    def kept_by_hub(self, device_id: str) -> dict[tuple[int, int], dict[str, object]]:
        """Rows in the hub's journal by their identity: time and values, failed reads left out."""
        rows: dict[tuple[int, int], dict[str, object]] = {}
        for entry in self.journal:
            if entry.device_id == device_id and entry.topic.endswith("/data"):
                payload = payload_of(entry.message)
                for at, row in enumerate(rows_in(payload)):
                    boot, first = payload["n"]
                    rows.setdefault((boot, first + at), row)
        return rows

    def _site(self, profile: Profile) -> Site:
        store = MemoryStore()
        made: dict[tuple[int, int], Row] = {}
        return Site(profile, store, self._boot(profile, store, made), self.now_ms, made)

    def _boot(self, profile: Profile, store: MemoryStore, made: dict[tuple[int, int], Row]) -> Device:
        def record(row: Row, _: Moment) -> None:
            made[row.boot, row.index] = row

        return Device(profile, key_of(profile.id), store, seed="world", record=record)

    def _live(self, site: Site) -> None:
        device, moment = site.device, self.moment(site)
        if self.broker_up and not site.link_up and not device.nap.is_asleep:
            site.link_up = True
            device.open_session(moment)
            self._send(site, device.connected(moment))
        if moment.up_ms >= device.next_ms():
            self._send(site, device.tick(moment))

    def _send(self, site: Site, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Sleep):
                site.link_up = False
                site.device.disconnected()
                continue
            if isinstance(effect, Reconnect):
                site.link_up = False
                site.device.disconnected()
                continue
            if isinstance(effect, Restart):
                self.restart(site.profile.id)
                continue
            site.sent.append((effect.leaf, effect.message))
            topic = topic_of("iiot", site.profile.id, effect.leaf)
            arrives = self.broker_up and self.hub_up and not (effect.qos == 0 and self.is_lost(topic))
            if arrives:
                self._perform(self.hub.on_message(topic, effect.message, self.now))

    def _perform(self, effects: Iterable[HubEffect]) -> None:
        for effect in effects:
            match effect:
                case Commit(batch):
                    self.journal += batch.rows
                    self._perform(self.hub.committed(batch, self.now))
                case Publish(topic, message, qos):
                    self._deliver(topic, message, qos)
                case Refused():
                    self.refused.append(effect)
                case _:
                    pass

    def _deliver(self, topic: str, message: bytes, qos: int) -> None:
        _, device_id, leaf = topic.split("/")
        site = self.sites[device_id]
        if not self.broker_up or not site.link_up or (qos == 0 and self.is_lost(topic)):
            return
        self._send(site, site.device.received(Leaf(leaf), message, self.moment(site)))

    def _entropy(self, count: int) -> bytes:
        self._drawn += 1
        return hashlib.sha256(self._drawn.to_bytes(8)).digest()[:count]


def payload_of(message: bytes) -> dict[str, Any]:
    return canonical.decode(codec.split(message).span)


def rows_in(payload: dict[str, Any]) -> list[dict[str, object]]:
    """Time and values of every row of a data message; values that are not there left out."""
    if "wave" in payload:
        wave = payload["wave"]
        return [{"at": wave["t0"], "wave": wave.get("i16", wave.get("v"))}]
    if "r" in payload:
        since_boot_ns = payload["up"] * NS_PER_MS
        at = (
            [payload["ts"], payload["ts_ns"]]
            if payload["tq"]
            else [since_boot_ns // NS_PER_S, since_boot_ns % NS_PER_S]
        )
        return [{"at": at, **_present({**payload["r"], "loc": payload.get("loc")})}]
    return [{"at": row[:2], **_present(dict(zip(payload["cols"], row[2:], strict=True)))} for row in payload["rows"]]


def as_made(row: Row) -> dict[str, object]:
    """A row of the device in the form of `rows_in`."""
    at = [row.s, row.ns]
    if row.reading.wave is not None:
        return {"at": at, "wave": row.reading.wave.get("i16", row.reading.wave.get("v"))}
    loc = None if row.reading.loc is None else list(row.reading.loc)
    return {"at": at, **_present({**row.reading.values, "loc": loc})}


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def losing(share: float, seed: int = 1) -> Callable[[str], bool]:
    """Build a network that loses such a share of all messages of QoS 0."""
    random = Random(seed)
    return lambda _: random.random() < share
