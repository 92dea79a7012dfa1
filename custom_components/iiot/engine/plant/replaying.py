"""The first reader of the journal: last values, brought up to date after a start."""

from ..devices.anchor import Timing
from ..errors import Refusal
from ..ports import JournalRow
from ..values import ClockQuality, Leaf, Now, TimeFlag
from ..wire import canonical, codec, frames
from ..wire.data import read_data
from . import adopted, bare, leaves, polls
from .arrival import Arrival
from .site import Site


def show_again(site: Site, row: JournalRow) -> None:
    """Show a journalled row as it was shown when it came; everything else is in the state."""
    if row.flags & TimeFlag.UNSIGNED:
        adopted.show_again(site, row)
        return
    if row.flags & TimeFlag.UNANSWERED:
        polls.show_again(site, row)
        return
    route = site.routes.get(row.topic)
    if route is None:
        bare.show_again(site, row)
        return
    if route[1] is not Leaf.DATA:
        return
    if row.flags & (TimeFlag.LATE | TimeFlag.DELAYED) or row.anchor_ns is None:
        return
    try:
        payload = canonical.decode(codec.split(row.message).span)
        header = frames.read_header(payload)
        data = read_data(payload)
    except Refusal:
        return
    time_ns = _time(row, header)
    timing = Timing(row.anchor_ns, row.skew_ns, 0, time_ns, row.flags, proven=False)
    now = Now(wall_ns=row.received_ns, steady_ns=0)
    leaves.show(Arrival(site, route[0], header, timing, now, []), data, time_ns)


def _time(row: JournalRow, header: frames.Header) -> int:
    if header.tq == ClockQuality.NONE or row.flags & TimeFlag.UNCERTAIN_TIME:
        return (row.anchor_ns or 0) + header.up_ns
    if row.flags & TimeFlag.CORRECTED:
        return header.ts_ns - (row.skew_ns or 0)
    return header.ts_ns
