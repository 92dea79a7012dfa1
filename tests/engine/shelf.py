"""A device that never loses a row (protocol.md, data)."""

from typing import Any

from iiot_engine.values import NS_PER_S
from iiot_engine.wire import canonical, codec, signing
from tests.builders import Machine, World

type RowId = tuple[int, int]
"""Boot and index."""

ROWS_A_MESSAGE = 4
MOST_RESENT = 8
RESEND_AFTER_NS = 60 * NS_PER_S


def rows_in(payload: dict[str, Any]) -> dict[RowId, Any]:
    """Every row of a data message, by identity."""
    boot, first = payload["n"]
    if "r" in payload:
        return {(boot, first): payload["r"]["strokes"]}
    return {(boot, first + at): row[2] for at, row in enumerate(payload["rows"])}


def durable_rows(world: World) -> dict[RowId, Any]:
    """The journal as its readers see it: of two rows with one identity the first wins."""
    found: dict[RowId, Any] = {}
    for row in world.journal():
        if row.topic.endswith("/data"):
            for identity, value in rows_in(canonical.decode(codec.split(row.message).span)).items():
                assert found.setdefault(identity, value) == value, "two different rows with one identity"
    return found


class Recorder(Machine):
    """Keeps rows until they are answered, and sends them again as the protocol says."""

    def __init__(self, world: World, **options: Any) -> None:
        self.kept: dict[RowId, tuple[int, int]] = {}
        """Identity → time of the row and its value: on flash, so it survives a reboot."""
        self.made: dict[RowId, int] = {}
        self.sent_ns: dict[RowId, int] = {}
        self.resent: dict[RowId, int] = {}
        super().__init__(world, **options)

    def reboot(self) -> None:
        super().reboot()
        self.sent_ns, self.resent = {}, {}

    def measure(self) -> tuple[str, bytes]:
        """Take a reading and send it at once."""
        identity = (self.boot, self.index)
        self.index += 1
        value = len(self.made)
        self.made[identity] = value
        self.kept[identity] = (self.world.now.wall_ns, value)
        self.sent_ns[identity] = self.world.steady_ns
        return self.make("data", r={"strokes": value}, n=list(identity))

    def heartbeat(self) -> tuple[str, bytes]:
        """What it keeps."""
        held = min(self.kept, default=(self.boot, self.index))
        return self.make("heartbeat", **self.heartbeat_body(held=list(held)))

    def again(self) -> list[tuple[str, bytes]]:
        """Messages with the rows that are due to be sent again, the oldest first."""
        now, messages = self.world.steady_ns, []
        due = [row for row in sorted(self.kept) if now - self.sent_ns.get(row, -RESEND_AFTER_NS) >= RESEND_AFTER_NS]
        open_messages = sum(1 for row in self.resent if row in self.kept)
        while due and open_messages < MOST_RESENT:
            first = due.pop(0)
            together = [first]
            while due and len(together) < ROWS_A_MESSAGE and due[0] == (first[0], together[-1][1] + 1):
                together.append(due.pop(0))
            rows = [
                [self.kept[row][0] // NS_PER_S, self.kept[row][0] % NS_PER_S, self.kept[row][1]] for row in together
            ]
            for row in together:
                self.sent_ns[row] = now
            self.resent[first] = now
            open_messages += 1
            messages.append(self.make("data", cols=["strokes"], rows=rows, n=list(first), late=True))
        self.resent = {row: at for row, at in self.resent.items() if row in self.kept and now - at < RESEND_AFTER_NS}
        return messages

    def take(self, message: bytes) -> dict[str, Any] | None:
        """A message from above: a receipt frees the rows that it answers."""
        envelope = codec.split(message)
        assert signing.is_signed_by(self.key, envelope.span, envelope.mac)
        payload = canonical.decode(envelope.span)
        if payload["nonce"] != self.nonce:
            return None
        self.hseq = max(self.hseq, payload["hseq"])
        if payload["type"] == "stored":
            for boot, upto in [payload["upto"], *payload.get("more", [])]:
                for row in [row for row in self.kept if row[0] == boot and row[1] <= upto]:
                    del self.kept[row]
        return payload
