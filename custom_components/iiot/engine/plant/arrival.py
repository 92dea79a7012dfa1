"""One message that has passed the checks, on its way through the rooms."""

from typing import NamedTuple

from ..devices.anchor import Timing
from ..devices.refusals import Refusals
from ..effects import ConnectionChanged, Effect, Refused
from ..errors import QUIET, Code, Refusal
from ..ports import JournalRow
from ..values import Now, TimeFlag
from ..wire.frames import Header
from .member import Member
from .site import Site


class Arrival(NamedTuple):
    """A message with its sender, its place in time, and where its effects go."""

    site: Site
    member: Member
    header: Header
    timing: Timing
    now: Now
    effects: list[Effect]


def count_refusal(refusals: Refusals, device_id: str, refusal: Refusal, now: Now, effects: list[Effect]) -> None:
    """Count a refusal, and say so when it is time."""
    if refusals.count(refusal.code, now.steady_ns) and refusal.code not in QUIET:
        count = refusals.counts[refusal.code]
        effects.append(Refused(device_id, refusal.code, refusal.detail, count))


def check_room(site: Site) -> None:
    """Raise `Refusal(busy)` while nothing more may be accepted."""
    if site.waiting.is_full:
        raise Refusal(Code.BUSY, "the journal cannot be written")


def journal(site: Site, member: Member, row: JournalRow) -> None:
    """Keep a row with the next commit; one of a device in maintenance is marked as trial."""
    if member.policy.trial:
        row = row._replace(flags=row.flags | TimeFlag.TRIAL)
    site.waiting.rows.append(row)
    site.waiting.size += len(row.message)


def announce(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """Say it when the connection state is another than before."""
    state = member.device.liveness.state(now.wall_ns, site.settings)
    if state is not member.connection:
        member.connection = state
        effects.append(ConnectionChanged(member.device.id))
