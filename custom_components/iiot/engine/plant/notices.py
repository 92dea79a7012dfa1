"""Things that a person should know and act upon; said once, withdrawn when they are over."""

from typing import Final

from ..effects import Effect, HealthChanged, Notice
from ..errors import Fact
from ..values import Now
from .member import Member
from .site import Site

TWIN: Final = "two_devices_hold_this_key"
FOREIGN: Final = "second_commander"
CLOCK: Final = "device_clock_wrong"
HUB_CLOCK: Final = "hub_clock_in_doubt"
MANIFEST: Final = "manifest_refused"
KEY: Final = "device_key_unknown"
STORE: Final = "intake_not_writable"
PROTOCOL: Final = "newer_protocol"
CHANNELS: Final = "channels_unnamed"
KINDS: Final = (TWIN, FOREIGN, KEY, CLOCK, HUB_CLOCK, MANIFEST, STORE, PROTOCOL, CHANNELS)


def say(
    site: Site,
    effects: list[Effect],
    kind: str,
    device_id: str | None = None,
    *,
    active: bool = True,
    **facts: Fact,
) -> None:
    """Raise or withdraw a notice, unless it stands like that already."""
    key = (kind, device_id)
    if active == (key in site.notices):
        return
    if active:
        site.notices.add(key)
    else:
        site.notices.discard(key)
    effects.append(Notice(kind, device_id, active, facts))


def withdraw_all(site: Site, device_id: str, effects: list[Effect]) -> None:
    """Nothing that was said of a device matters any more."""
    for kind in KINDS:
        say(site, effects, kind, device_id, active=False)


def settle(site: Site, member: Member, kind: str, now: Now, effects: list[Effect]) -> None:
    """A person decided: this hub goes on with the device. What still holds is found, and said, again."""
    device = member.device
    if kind == TWIN:
        device.has_twin, device.twin_count = False, 0
    elif kind == FOREIGN:
        device.is_foreign = False
    elif kind == KEY:
        member.unfit = 0
    say(site, effects, kind, device.id, active=False)
    site.touch(member, now.steady_ns, 0)
    effects.append(HealthChanged(device.id))
