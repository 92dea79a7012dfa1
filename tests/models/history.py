"""One history: devices, a hub, a network and their faults, all driven by one seed."""

from random import Random
from typing import Final, NamedTuple

from iiot_engine.effects import Publish
from iiot_engine.values import Settings
from tests.vectors import reference

from .broken import LawError, ensure
from .device import Clock, Device, Flash, Sent
from .hands import DONE, Answer, PowerCutError
from .hub import Disk, Hub
from .laws import Judge
from .link import Link
from .people import Asked, draw_asked
from .rows import NS

START_NS: Final = 1_795_190_400 * NS
FLEET_KEY: Final = bytes(range(32))
CALM_S: Final = 4_000
"""A device that nobody answered may wait ten minutes before it tries its oldest row again."""
QUIET_S: Final = 50
"""The hub sees all of it so long, longer than the silence after which a device is late."""
FAULTS: Final = (
    *("loss", "duplicate", "delay", "outage", "reboot", "kill", "slow", "fail", "hub_step", "dead_step"),
    *("device_step", "intruder", "bad_memory", "sleep", "odd", "full", "broker_waits"),
    *("torn", "stuck", "liar", "cut_off", "rival"),
)


class Story(NamedTuple):
    """Everything that a history is made of."""

    seed: int
    steps: int
    """Seconds of faults, about."""
    faults: frozenset[str]
    devices: int = 1
    strict: bool = False
    real_disk: bool = False
    asks: float = 0.0
    """How often somebody asks a device for something, a second."""
    hasty: bool = False
    """They ask for short movements, one after the other."""


def story(random: Random) -> Story:
    """Draw a story."""
    faults = {fault for fault in FAULTS if random.random() < 0.45}
    is_twins = random.random() < 0.08
    if is_twins:
        faults = {fault for fault in faults if fault in ("loss", "duplicate", "delay", "intruder", "slow")} | {"twins"}
    real = random.random() < 0.05
    return Story(
        seed=random.randrange(2**32),
        steps=random.choice((60, 200, 200, 600)),
        faults=frozenset(faults),
        devices=2 if is_twins else random.choice((1, 1, 2, 3)),
        strict=random.random() < 0.2,
        real_disk=real,
        asks=0.0 if is_twins else random.choice((0.0, 0.05, 0.5)),
        hasty=random.random() < 0.3,
    )


class History:
    """Plays a story; raises `LawError`, or whatever should never have come."""

    def __init__(self, told: Story) -> None:
        self.story = told
        self.random = Random(told.seed)
        self.now_ns = START_NS
        self.link = Link(Random(told.seed + 1), told.faults)
        self.devices = [self._device(at) for at in range(told.devices)]
        keys = {device.id: device.key for device in self.devices}
        self.disk = Disk(is_real=told.real_disk)
        self.hub = Hub(self.disk, keys, Settings(strict=told.strict), Random(told.seed + 2), self._published)
        self.judge = Judge(self.hub, self.devices, told.faults)
        self.dead_until_ns = 0
        self.back_ns: dict[int, int] = {}
        """Device → when it has its connection, or its power, back."""
        self.heard_ns = 0
        """When the hub has its connection back."""

    def _device(self, at: int) -> Device:
        is_twin = "twins" in self.story.faults
        device_id = "model-0" if is_twin else f"model-{at}"
        errors = (0, 0, 0, 1, -1, 30, -200, 4_000)
        error = 0 if is_twin else self.random.choice(errors)
        tq = 2 if is_twin else self.random.choice((0, 2, 2))
        clock = Clock(tq, error * NS if tq else 0, self.random.choice((0, 80, -80)))
        key = reference.device_key(FLEET_KEY, device_id, 1)
        random = Random(self.story.seed + 10 + at)
        device = Device(device_id, key, Flash(boot=40 * at if is_twin else 0), clock, random, self._sent)
        if self.link.chance("full", 1):
            device.most_rows = 25
        return device

    def _sent(self, sent: Sent) -> None:
        self.link.send_up(sent, self.now_ns)

    def _published(self, publish: Publish) -> None:
        ensure(not self.heard_ns, "something was published without a connection")
        self.judge.published(publish)
        self.link.send_down(publish.topic, publish.message, self.now_ns)

    # --- playing -------------------------------------------------------------------------------

    def play(self) -> None:
        """Faults, then calm, then judgement."""
        try:
            self.begin()
            for _ in range(self.story.steps):
                if self.random.random() < self.story.asks:
                    self.ask(draw_asked(self.random, len(self.devices), hasty=self.story.hasty))
                self.step()
            self.end()
        finally:
            self.disk.close()

    def begin(self) -> None:
        """Everything is switched on for the first time."""
        self.hub.start(self.now_ns)
        self.hub.adopt(self.now_ns)
        for device in self.devices:
            device.hands.cut_chance = 0.05 * ("torn" in self.story.faults)
            device.hands.stuck_chance = 0.1 * ("stuck" in self.story.faults)
            device.start(self.now_ns)
            device.connected(self.now_ns)
        self._note_errors()

    def join(self) -> None:
        """Everything is switched on in peace, until the hub knows what the devices can do."""
        self.link.is_calm = True
        self.begin()
        while any(member.device.manifest is None for member in self.hub.members()):
            self.step()
        self.link.is_calm = False

    def ask(self, asked: Asked) -> str | None:
        """Somebody asks for something, and perhaps thinks better of it; the id of the command."""
        cid = self.judge.commands.ask(asked, self.now_ns)
        if cid is not None and asked.is_cancelled:
            self.judge.commands.cancel(cid, self.now_ns)
        return cid

    def step(self) -> None:
        """About a second passes, with its misfortunes."""
        self._misfortunes()
        self._work()

    def end(self) -> None:
        """Faults are over: time for all to come through, then judgement."""
        self._calm()
        quiet = 0
        for _ in range(CALM_S):
            self._work(is_over=True)
            quiet = quiet + 1 if self._is_over() else 0
            if quiet == QUIET_S:
                break
        self.judge.bounded()
        self.judge.finish()
        self._check_present()

    def _work(self, *, is_over: bool = False) -> None:
        self.now_ns += self.random.randrange(NS // 2, 3 * NS // 2)
        self.judge.commands.now_ns = self.now_ns
        self.hub.tick(self.now_ns)
        for at, device in enumerate(self.devices):
            if device.is_off:
                continue
            try:
                device.tick(self.now_ns)
            except PowerCutError:
                self._lose_power(at, device)
                continue
            if not is_over and device.asleep_until_ns is None and device.is_leaving_ns is None:
                self._measure(device)
        self._deliver()
        if is_over:
            self._restore_all()
        if self.hub.plant is not None and (is_over or self.random.random() < 0.1):
            self._settle()
        self.judge.committed()
        self.judge.freed()
        self.judge.commands.moved()

    def _measure(self, device: Device) -> None:
        pick = self.random.random()
        if pick < 0.25:
            odd = self.link.chance("odd", 0.4)
            device.measure(self.now_ns, self.random.choice(("odd", "wrong", "failed", "wave")) if odd else "count")
        elif pick < 0.3:
            device.measure_batch(self.now_ns, self.random.randint(1, 4))

    def _deliver(self) -> None:
        for letter in self.link.arrived(self.link.up, self.now_ns):
            if self.hub.plant is not None and not self.heard_ns:
                self.judge.deliver(letter.topic, letter.message, self.now_ns, retained=letter.retained)
            elif "broker_waits" in self.story.faults and self.random.random() < 0.5:
                later = max(self.dead_until_ns, self.heard_ns) + self.random.randrange(5 * NS)
                self.link.put(self.link.up, letter.topic, letter.message, later, retained=letter.retained)
        for letter in self.link.arrived(self.link.down, self.now_ns):
            _, device_id, leaf = letter.topic.split("/")
            for at, device in enumerate(self.devices):
                if device.id == device_id and device.is_connected and not device.is_off and not letter.retained:
                    self._hear(at, device, leaf, letter.message)

    def _hear(self, at: int, device: Device, leaf: str, message: bytes) -> None:
        try:
            device.hear(leaf, message, self.now_ns)
        except PowerCutError:
            self._lose_power(at, device)

    # --- faults --------------------------------------------------------------------------------

    def _misfortunes(self) -> None:
        chance, random = self.link.chance, self.random
        self.hub.slow, self.hub.failing = 0.2 * chance("slow", 1), 0.3 * chance("fail", 0.3)
        if self.hub.plant is None and self.now_ns >= self.dead_until_ns:
            self._start_hub()
        elif self.hub.plant is not None and chance("kill", 0.02):
            self.hub.kill()
            self.heard_ns = 0
            self.judge.commands.counts["kills"] += 1
            self.dead_until_ns = self.now_ns + random.choice((0, 0, 3, 40, 200)) * NS
            if chance("dead_step", 0.5):
                self.hub.set_clock(random.choice((-4_000, -90, -3, 3, 90, 4_000)))
        if self.hub.plant is not None and chance("hub_step", 0.01):
            self.hub.set_clock(random.choice((-4_000, -90, -3, 3, 90, 4_000)))
        if self.heard_ns and self.now_ns >= self.heard_ns:
            self._connect_hub()
        elif self.hub.plant is not None and not self.heard_ns and chance("cut_off", 0.01):
            self.hub.plant.set_connected(False, self.hub.now(self.now_ns))
            self.heard_ns = self.now_ns + random.choice((2, 20, 90)) * NS
        if chance("intruder", 0.3):
            self.link.intrude(self.now_ns)
        for at, device in enumerate(self.devices):
            self._trouble(at, device)
        self._note_errors()
        self.judge.note_lost_time()

    def _trouble(self, at: int, device: Device) -> None:
        chance, random = self.link.chance, self.random
        if self.back_ns.get(at, 0) > self.now_ns:
            return
        if at in self.back_ns:
            self._come_back(at, device)
        if chance("liar", 0.05) and device.is_connected and device.asleep_until_ns is None:
            self._lie(device)
        if chance("rival", 0.01) and device.is_connected:
            self._command_as_another(device)
        if chance("reboot", 0.015):
            self._lose_power(at, device)
        elif device.is_connected and chance("outage", 0.02):
            self._will(device)
            device.disconnected()
            self.back_ns[at] = self.now_ns + random.choice((1, 10, 90, 400)) * NS
        elif device.is_connected and device.is_leaving_ns is None and chance("sleep", 0.01):
            device.sleep(self.now_ns, random.choice((20, 120)))
        if chance("device_step", 0.01) and device.clock.tq:
            device.clock = device.clock._replace(error_ns=random.choice((0, 1, -1, 100, -2_000)) * NS)
        if chance("bad_memory", 0.02) and device.flash.rows and not device.is_off:
            device.lose(random.choice(sorted(device.flash.rows)))

    def _lose_power(self, at: int, device: Device) -> None:
        self.judge.commands.counts["resets"] += 1
        self._will(device)
        device.power_cut()
        self.back_ns[at] = self.now_ns + self.random.choice((0, 1, 30, 300)) * NS

    def _lie(self, device: Device) -> None:
        """A device with a good key answers what is not its own, or what it answered before."""
        cid = self.judge.commands.nobodys(device, self.random)
        device.hands.lie(cid, self.random.choice((DONE, Answer("rejected"), Answer("failed", "lie"))), self.now_ns)

    def _command_as_another(self, device: Device) -> None:
        """Another hub that has the key asks the device how it is, under a number of its own."""
        number = device.hseq + self.random.randrange(1, 2**22)
        members = {"v": 1, "type": "poll", "id": device.id, "kid": 1, "ts": 0, "ts_ns": 0, "pid": "00000001", "ch": []}
        message = reference.seal(device.key, members | {"nonce": device.nonce, "hseq": number})
        self.judge.rivals.add(device.id)
        self.link.send_down(f"iiot/{device.id}/poll", message, self.now_ns)

    def _settle(self) -> None:
        """A person lets this hub go on."""
        plant = self.hub.plant
        for device_id in [member.device.id for member in self.hub.members() if member.device.is_foreign]:
            assert plant is not None
            self.judge.commands.counts["second commanders"] += 1
            self.hub.perform(plant.settle(device_id, "second_commander", self.hub.now(self.now_ns)), self.now_ns)

    def _start_hub(self) -> None:
        self.hub.start(self.now_ns)
        self.judge.commands.started()

    def _connect_hub(self) -> None:
        self.heard_ns = 0
        if self.hub.plant is not None:
            self.hub.plant.set_connected(True, self.hub.now(self.now_ns))

    def _will(self, device: Device) -> None:
        """The broker notices some time later that the connection is gone."""
        if device.is_connected:
            due_ns = self.now_ns + self.random.randrange(45 * NS)
            self.link.put(self.link.up, device.will.topic, device.will.message, due_ns)

    def _come_back(self, at: int, device: Device) -> None:
        del self.back_ns[at]
        if device.is_off:
            device.start(self.now_ns)
        if not device.is_connected and device.asleep_until_ns is None:
            device.connected(self.now_ns)

    def _note_errors(self) -> None:
        errors = [abs(self.hub.wall_error_ns), *(abs(device.clock.error_ns) for device in self.devices)]
        self.judge.worst_error_ns = max(self.judge.worst_error_ns, *errors)

    # --- the end -------------------------------------------------------------------------------

    def _calm(self) -> None:
        self.link.is_calm = True
        self.hub.slow = self.hub.failing = 0.0
        if self.hub.plant is None:
            self._start_hub()
        self._connect_hub()
        for device in self.devices:
            device.hands.cut_chance = 0.0
        self._restore_all()

    def _restore_all(self) -> None:
        for at, device in enumerate(self.devices):
            if at in self.back_ns:
                self._come_back(at, device)

    def _is_over(self) -> bool:
        on_the_way = any(letter.due_ns > self.now_ns + NS for letter in (*self.link.up, *self.link.down))
        return (
            self.judge.commands.is_over()
            and not on_the_way
            and all(
                not device.flash.rows and device.asleep_until_ns is None and self._missing(device) is None
                for device in self.devices
            )
        )

    def _missing(self, device: Device) -> str | None:
        """What the hub should know of a device in the end, and does not."""
        member = self.hub.member(device.id)
        if "twins" in self.story.faults:
            return None if member.device.has_twin else "nobody was told that two devices have one key"
        if member.connection != "live":
            return f"it is {member.connection} although it beats"
        return "its manifest never came through" if member.device.manifest is None else None

    def _check_present(self) -> None:
        for device in self.devices:
            missing = self._missing(device)
            if missing is not None:
                raise LawError(f"{device.id}: {missing}")
