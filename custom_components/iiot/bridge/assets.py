"""The assets of a site: who is moved where, told to everybody, and devices that wait asleep for a place."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypedDict

from homeassistant.core import CALLBACK_TYPE, Context, callback

from ..engine.devices.assets import renamed
from ..engine.effects import HealthChanged
from .enrolment import policy_of
from .places import Place, floor_of, path_of, place_of, place_of_device, places, spelled
from .policies import write_policy
from .relations import Related, related
from .stations import move, page_of
from .unassigned import Unassigned

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from .hub import Hub


class Described(TypedDict):
    """Where a device stands, and what it is to others."""

    device_id: str
    """Its page in Home Assistant."""
    id: str
    """That is set on the device."""
    name: str
    path: str
    floor: str | None
    area_id: str | None
    line: str | None
    cell: str | None
    waits_for_asset: bool
    """It sleeps until somebody says where it stands."""
    relations: list[Related]


class Assets:
    """Knows where each device was, and says so when it is elsewhere."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._known: Final[dict[str, Place]] = {}
        """By device."""
        self._due: Final[set[str]] = set()
        self.unassigned: Final = Unassigned(hub)

    @callback
    def start(self) -> CALLBACK_TYPE:
        """Follow devices that wait for a place; call what comes back to tell nothing more."""
        releases = [self._hub.on_health(self._came_on), self._hub.on_manifest(self._came_on)]

        @callback
        def stop() -> None:
            for release in releases:
                release()
            self._due.clear()

        return stop

    @callback
    def known(self, subentry: ConfigSubentry) -> None:
        """A device was registered when the hub started: where it stands now is no news."""
        self._known[str(subentry.unique_id)] = place_of(self._hub, subentry)
        self.unassigned.known(subentry)

    @callback
    def joined(self, subentry: ConfigSubentry) -> None:
        """A device was registered just now."""
        self._known[str(subentry.unique_id)] = place_of(self._hub, subentry)
        self.unassigned.joined(subentry)

    @callback
    def left(self, device_id: str) -> None:
        """A device is registered no more."""
        self._known.pop(device_id, None)
        self.unassigned.left(device_id)

    def reason_of(self, device_id: str) -> str | None:
        """Why a device sleeps; None: not for want of a place."""
        return self.unassigned.reason_of(device_id)

    @callback
    def look(self, device_id: str) -> None:
        """Something about a device changed that may have to do with its place: told once for all that changes now."""
        if not self._due:
            self._hub.hass.loop.call_soon(self._judge)
        self._due.add(device_id)

    @callback
    def _came_on(self, device_id: str) -> None:
        if self.unassigned.is_waiting(device_id):
            self.look(device_id)

    @callback
    def _judge(self) -> None:
        due = sorted(self._due)
        self._due.clear()
        for device_id in due:
            place = place_of_device(self._hub, device_id)
            before = self._known.get(device_id, place)
            self._known[device_id] = place
            if before != place:
                self._hub.effects.events.moved(device_id, path_of(self._hub, before))
                self._hub.effects.perform(HealthChanged(device_id))
            self.unassigned.look(device_id)


@callback
def assign(hub: Hub, subentry: ConfigSubentry, place: Place, context: Context | None = None) -> Place:
    """Let a device stand in a place: its page in Home Assistant moves, line and cell are kept in its policy.

    Gives the place as it is written there.
    """
    others = (one for one in hub.entry.subentries.values() if one.subentry_id != subentry.subentry_id)
    place = spelled((place_of(hub, one) for one in others), place)
    move(hub.hass, page_of(hub.hass, hub.entry.entry_id, subentry.subentry_id), place.area_id)
    write_policy(hub, subentry, replace(policy_of(subentry), asset=place.asset), context)
    return place


@callback
def follow_replaced(hub: Hub, before: str, after: str) -> None:
    """Other hardware took the place of a device: what was related to that is related to this."""
    for subentry in list(hub.entry.subentries.values()):
        policy = policy_of(subentry)
        changed = renamed(policy.relations, before, after)
        if changed != policy.relations:
            write_policy(hub, subentry, replace(policy, relations=changed))


def described(hub: Hub, subentry: ConfigSubentry) -> Described | None:
    """Say where a device stands and what it is to others; None: it has no page yet."""
    device_id = str(subentry.unique_id)
    page, member = page_of(hub.hass, hub.entry.entry_id, subentry.subentry_id), hub.plant.members.get(device_id)
    if page is None or member is None:
        return None
    place = place_of(hub, subentry)
    return {
        "device_id": page.id,
        "id": device_id,
        "name": page.name_by_user or subentry.title,
        "path": path_of(hub, place),
        "floor": floor_of(hub.hass, place),
        "area_id": place.area_id,
        "line": place.line,
        "cell": place.cell,
        "waits_for_asset": hub.assets.unassigned.is_waiting(device_id),
        "relations": [related(hub, one) for one in member.policy.relations],
    }


def known_names(hub: Hub) -> tuple[list[str], list[str]]:
    """Give the names of lines and of cells at a site."""
    found = places(hub)
    return _names(one.line for one in found), _names(one.cell for one in found)


def _names(found: Iterable[str | None]) -> list[str]:
    return sorted({name for name in found if name is not None}, key=str.casefold)
