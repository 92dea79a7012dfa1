"""States of adopted entities: judged and journalled like readings, and marked as unsigned for ever."""

from contextlib import suppress

from ..devices.adopted import AdoptedEntity, clean_state, value_of
from ..effects import Effect, ValuesChanged
from ..errors import Code, Refusal
from ..ports import JournalRow
from ..values import NS_PER_S, Now, TimeFlag
from ..wire import canonical
from ..wire.bare import read as read_stamped
from ..wire.data import moment_of
from .arrival import announce, check_room, journal
from .bare import COMMIT_WITHIN_NS
from .member import Member
from .site import Site


def entities(site: Site) -> dict[str, list[str]]:
    """Entity → devices that have adopted it."""
    found: dict[str, list[str]] = {}
    for device_id, member in site.members.items():
        for entity in member.policy.entities:
            found.setdefault(entity.entity_id, []).append(device_id)
    return found


def take(
    site: Site, member: Member, entity_id: str, state: str, changed_ns: int, now: Now, effects: list[Effect]
) -> None:
    """Take a state in; raises `Refusal(busy)`. One that is known from before a start only shows that it is there."""
    if member.device.is_revoked:
        raise Refusal(Code.REVOKED, "a person revoked this device")
    entity = _entity(member, entity_id)
    if entity is None:
        return
    state = clean_state(state)
    held = member.board.values.get(entity.key)
    if held is None or held.time_ns != changed_ns:
        check_room(site)
        changed = _show(member, entity, state, changed_ns, now.wall_ns)
        if changed:
            effects.append(ValuesChanged(member.device.id, changed))
        message = _message(entity_id, state, changed_ns)
        row = JournalRow(now.wall_ns, member.device.id, entity_id, 0, 0, 0, TimeFlag.UNSIGNED, None, None, message)
        journal(site, member, row)
        member.messages += 1
        site.touch(member, now.steady_ns, COMMIT_WITHIN_NS)
    member.device.liveness.hear(now.wall_ns)
    announce(site, member, now, effects)


def show_again(site: Site, row: JournalRow) -> None:
    """Show a journalled state as it was shown when it came."""
    member = site.members.get(row.device_id)
    entity = None if member is None else _entity(member, row.topic)
    if member is None or entity is None:
        return
    with suppress(Refusal):  # characters that nobody reads, or what a disk has made of it
        time_ns, note = read_stamped(row.message)
        state = note.get("state")
        if isinstance(state, str):
            _show(member, entity, state, time_ns, row.received_ns)


def _entity(member: Member, entity_id: str) -> AdoptedEntity | None:
    return next((found for found in member.policy.entities if found.entity_id == entity_id), None)


def _show(member: Member, entity: AdoptedEntity, state: str, time_ns: int, received_ns: int) -> list[str]:
    moment = {entity.key: value_of(entity, state)}
    changed: list[str] = []
    member.board.show_moment(moment_of(moment), moment, time_ns, received_ns, changed)
    member.board.calculate(changed)
    member.values_changed = True
    return changed


def _message(entity_id: str, state: str, changed_ns: int) -> bytes:
    """Write a clean state down, in the journal's own words: there is no message of anybody."""
    seconds, nanos = divmod(changed_ns, NS_PER_S)
    return canonical.encode({"entity_id": entity_id, "state": state, "ts": seconds, "ts_ns": nanos})
