"""What must hold whatever happens: checked at every message, every commit, every receipt, and at the end."""

from typing import Any, Final

from iiot_engine.devices.downlink import NOBODYS_NONCE
from iiot_engine.effects import Publish
from iiot_engine.ports import Batch, JournalRow
from iiot_engine.values import Leaf, TimeFlag
from iiot_engine.wire import canonical, codec
from tests.fuzz.bench import check_member, digest

from .broken import ensure
from .command_laws import CommandJudge
from .device import Device, Sent
from .hub import Hub
from .rows import NS, Row, RowId

EXACT_NS: Final = 2 * NS
"""A clock that is closer is taken as it is."""
PROOF_NS: Final = 10 * NS
"""A message that proves its freshness may have been so long on its way."""
DRIFT_PPM: Final = 300
"""The oscillator's own, and the rise that the hub allows it."""
TIMELESS: Final = ("/manifest", "/status")
"""A manifest counts however old it is, and so does the will of the live session."""
DELAY_LIMIT_NS: Final = 300 * NS


class Judge:
    """Sees everything that really happened, and compares it with what the hub knows and says."""

    def __init__(self, hub: Hub, devices: list[Device], faults: frozenset[str]) -> None:
        self.hub = hub
        self.devices = devices
        self.by_id = {device.id: device for device in devices}
        self.faults = faults
        self.commands = CommandJudge(hub, devices)
        self.is_twins = "twins" in faults
        self.rivals: set[str] = set()
        """Devices that somebody else commanded as well."""
        self.durable: dict[str, dict[RowId, Row]] = {device.id: {} for device in devices}
        self.journalled: list[bytes] = []
        self.numbers: set[tuple[str, int, int]] = set()
        """(device, boot, seq) of every journalled message."""
        self.sent_down: set[tuple[str, str, int]] = set()
        """(device, nonce, hseq) of everything that the hub published."""
        self.windows: dict[str, tuple[int, int]] = {}
        self.answered: dict[tuple[str, int], int] = {}
        self.taken: dict[bytes, tuple[int, int, bool]] = {}
        """Message → true time of its last acceptance, the hub's clock error then, whether the hub doubted itself."""
        self.closest_ns: dict[tuple[str, int], int] = {}
        """(device, boot) → smallest delay of a journalled message that could be placed."""
        self.first_held: dict[str, RowId] = {}
        """What each device kept when the first heartbeat that is durable was said."""
        self.known_end: dict[tuple[str, int], int] = {}
        """(device, boot) → highest row that the hub can know of."""
        self.newest_beat: dict[str, tuple[int, int]] = {}
        self.timeless: dict[str, int] = {}
        """Device → boot up to which the hub cannot know how its clock stands to that of before."""
        self.worst_error_ns = 0
        """How far any clock of this history was off."""

    def signed(self, message: bytes) -> Sent | None:
        """What a device really said."""
        return next((found for device in self.devices if (found := device.signed.get(message)) is not None), None)

    def note_lost_time(self) -> None:
        """What the hub measured before its clock stepped unseen promises nothing any more."""
        if self.hub.has_lost_time:
            self.hub.has_lost_time = False
            self.timeless = {device.id: device.flash.boot for device in self.devices}

    # --- a message reaches the hub -----------------------------------------------------------

    def deliver(self, topic: str, message: bytes, true_ns: int, *, retained: bool) -> None:
        """Let it arrive, and look at what it changed."""
        plant = self.hub.plant
        assert plant is not None
        sent = self.signed(message)
        is_genuine = sent is not None and sent.topic == topic and not retained
        is_old = is_genuine and true_ns - sent.true_ns > self._surely_late_ns() if sent else False
        before, shown, accepted = digest(plant_world(self.hub)), self._shown(), plant.accepted
        ledgers = self.commands.ledgers()
        self.hub.receive(topic, message, true_ns, retained=retained)
        is_taken = plant.accepted > accepted
        if not is_genuine:
            ensure(not is_taken, "a message that no device sent here was taken")
        if not is_taken:
            after = digest(plant_world(self.hub))
            changed = [part for part in before if before[part] != after.get(part)]
            ensure(not changed, f"a refused message changed {changed}")
            return
        assert sent is not None
        if topic.endswith("/ack"):
            self.commands.answered(self.by_id[row_device(topic)], message, ledgers)
        else:
            ensure(ledgers == self.commands.ledgers(), "what is no answer changed a command")
        self.taken[message] = (true_ns, self.hub.wall_error_ns, plant._site.doubts)
        if sent.late:
            ensure(_values(shown) == _values(self._shown()), "a late row became a state")
        if is_old and not topic.endswith(TIMELESS) and sent.boot > self.timeless.get(row_device(topic), 0):
            ensure(shown == self._shown(), f"a message {(true_ns - sent.true_ns) / NS:.0f} s old changed what is shown")
        if not self.is_twins:
            device = self.hub.member(row_device(topic)).device
            ensure(not device.has_twin, "a twin was seen where there is none")
            is_right = not device.is_foreign or device.id in self.rivals
            ensure(is_right, "a second commander was seen where there is none")

    def _surely_late_ns(self) -> int:
        """Delay above which no message can pass for fresh: the limit, and what the anchor may be off by."""
        return 2 * DELAY_LIMIT_NS + 2 * self.worst_error_ns + 10 * NS

    def _shown(self) -> dict[str, tuple[Any, ...]]:
        plant = self.hub.plant
        assert plant is not None
        return {
            device_id: (dict(member.board.values), member.device.session, member.device.liveness.heard_ns)
            for device_id, member in plant.members.items()
        }

    # --- the hub speaks ------------------------------------------------------------------------

    def published(self, publish: Publish) -> None:
        """A message of the hub: its number, if it has one, was never used; a receipt speaks of what is on the disk."""
        self.committed()
        payload = canonical.decode(codec.split(publish.message).span)
        ensure(not self.hub.member(payload["id"]).device.is_foreign, "it spoke beside a second commander")
        if payload["nonce"] == NOBODYS_NONCE:
            ensure(payload["type"] == Leaf.POLL and not payload["ch"], "more than a question had no number")
            return
        number = (payload["id"], payload["nonce"], payload["hseq"])
        ensure(number not in self.sent_down, "a down number was used twice")
        self.sent_down.add(number)
        self.commands.published(payload)
        if payload["type"] == "stored":
            for boot, upto in [payload["upto"], *payload.get("more", [])]:
                self._answered(payload["id"], boot, upto)

    def _answered(self, device_id: str, boot: int, upto: int) -> None:
        ensure(upto >= self.answered.get((device_id, boot), 0), "a receipt took back what another one gave")
        self.answered[device_id, boot] = upto
        if self.is_twins:
            return
        for device in self.devices:
            if device.id == device_id:
                open_rows = [row for row in device.flash.rows if row[0] == boot and row[1] <= upto]
                ensure(all(row in self.durable[device_id] for row in open_rows), "answered before it was durable")

    # --- the disk ------------------------------------------------------------------------------

    def committed(self) -> None:
        """Look at every batch that became durable."""
        while self.hub.committed:
            self._judge_batch(self.hub.committed.pop(0))

    def _judge_batch(self, batch: Batch) -> None:
        for row in batch.rows:
            self._judge_row(row)
        self.commands.judge_batch(batch)
        for device_id, _ in batch.states:
            if self.hub.plant is not None:
                window = self.hub.member(device_id).device.window
                ensure((window.boot, window.high) >= self.windows.get(device_id, (0, 0)), "a window was lowered")

    def _judge_row(self, row: JournalRow) -> None:
        sent = self.signed(row.message)
        ensure(sent is not None, "something forged is in the journal")
        assert sent is not None
        number = (row.device_id, row.boot, row.seq)
        ensure(number not in self.numbers, "a message is in the journal twice")
        ensure(sent.topic == row.topic and (sent.boot, sent.seq) == (row.boot, row.seq), "journalled as another one")
        self.numbers.add(number)
        self.journalled.append(row.message)
        self.windows[row.device_id] = max(self.windows.get(row.device_id, (0, 0)), (row.boot, row.seq))
        if sent.held is not None:
            self._note_beat(row.device_id, sent, sent.held)
        for made in sent.rows:
            first = self.durable[row.device_id].setdefault(made.id, made)
            ensure(first == made or self.is_twins, "two different rows with one identity")
            self._may_know(row.device_id, *made.id)
        if row.anchor_ns is not None and not self.is_twins:
            self._judge_time(row, sent)

    def _note_beat(self, device_id: str, sent: Sent, held: RowId) -> None:
        self.first_held.setdefault(device_id, held)
        if (sent.boot, sent.seq) > self.newest_beat.get(device_id, (0, 0)):
            self.newest_beat[device_id] = (sent.boot, sent.seq)
            self._may_know(device_id, held[0], held[1] - 1)

    def _may_know(self, device_id: str, boot: int, index: int) -> None:
        self.known_end[device_id, boot] = max(index, self.known_end.get((device_id, boot), 0))

    def _judge_time(self, row: JournalRow, sent: Sent) -> None:
        """A live message lies where it was made, as exactly as the protocol promises."""
        true_ns, error_ns, doubts = self.taken[row.message]
        boot = (row.device_id, row.boot)
        delay_ns = true_ns - sent.true_ns
        closest = self.closest_ns[boot] = min(delay_ns, self.closest_ns.get(boot, delay_ns))
        if doubts or row.boot <= self.timeless.get(row.device_id, 0) or row.flags & (TimeFlag.LATE | TimeFlag.DELAYED):
            return
        payload = canonical.decode(row.message[65:-1])
        placed_ns = payload["ts"] * NS + payload["ts_ns"]
        if row.flags & TimeFlag.UNCERTAIN_TIME or not payload["tq"]:
            placed_ns = (row.anchor_ns or 0) + payload["up"] * 1_000_000
        elif row.flags & TimeFlag.CORRECTED:
            placed_ns -= row.skew_ns or 0
        age_ns = payload["up"] * 1_000_000
        bound_ns = max(closest, PROOF_NS) + EXACT_NS + age_ns * DRIFT_PPM // 1_000_000 + NS // 100
        off_ns = abs(placed_ns - (sent.true_ns + error_ns))
        ensure(off_ns <= bound_ns, f"placed {off_ns / NS:.1f} s off, at most {bound_ns / NS:.1f} s are promised")

    # --- the end -------------------------------------------------------------------------------

    def freed(self) -> None:
        """Whatever a device let go because it was answered is on the disk."""
        if self.is_twins:
            return
        for device in self.devices:
            missing = device.freed - self.durable[device.id].keys()
            ensure(not missing, f"rows {sorted(missing)[:3]} were answered and are not on the disk")
            device.freed.clear()

    def bounded(self) -> None:
        """What the hub keeps of each device is bounded."""
        plant = self.hub.plant
        if plant is not None:
            for member in plant.members.values():
                check_member(member)

    def finish(self) -> None:
        """After the last fault, and time enough: all is there, once, and nothing else."""
        self.committed()
        self.freed()
        ensure(self.journalled == [row.message for row in self.hub.journal()], "the journal is not what was committed")
        if self.is_twins:
            return
        self.commands.finish()
        for device in self.devices:
            durable = self.durable[device.id].keys()
            ensure(not device.flash.rows, f"{device.id} still keeps {len(device.flash.rows)} rows")
            lost = device.made.keys() - device.given_up - durable
            ensure(not lost, f"rows {sorted(lost)[:3]} of {device.id} are lost")
            ensure(durable <= device.made.keys(), "a row that was never made")
            told = self.hub.member(device.id).lost_rows
            gone = {
                row
                for row in device.given_up - durable
                if row >= self.first_held[device.id] and row[1] <= self.known_end.get((device.id, row[0]), 0)
            }
            ensure(len(gone) <= told <= len(device.given_up), f"{told} rows told as lost, {len(gone)} are")


def row_device(topic: str) -> str:
    """Whose topic it is."""
    return topic.split("/")[1]


class _World:
    """A plant, as the digest asks for it."""

    def __init__(self, hub: Hub) -> None:
        self.plant = hub.plant


def plant_world(hub: Hub) -> Any:
    """The hub's plant where a world is expected."""
    return _World(hub)


def _values(shown: dict[str, tuple[Any, ...]]) -> list[Any]:
    return [facts[0] for facts in shown.values()]
