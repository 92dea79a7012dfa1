"""Interlocks at work: each wish is judged, and what actuators do is remembered."""

from collections.abc import Container, Iterable, Mapping
from typing import Final

from ..actuation.command import UNKNOWN_OUTCOME, Command, Step
from ..actuation.interlocks import Asked, Bar, Guard, InterlockError, Seen, misfit
from ..actuation.wish import MOVES, Wish
from ..devices.manifest import Actuator, Manifest
from ..errors import RecordError
from ..values import Now, Quality, Scalar
from .member import Member
from .policy import Policy

type States = Mapping[str, str]
"""Entity of Home Assistant → its state; one that is missing is not known."""

_MOVED: Final = frozenset({Step.DONE, Step.UNKNOWN})
"""Ends of a command after which the actuator stands, or may stand, where it was told to."""


def check(policy: Policy, manifest: Manifest | None, kept: Container[str]) -> None:
    """Raise `RecordError` when an interlock does not fit its actuator, or the device has none of this name.

    Who has not described itself may have any. Those on actuators in `kept` were there before: a device that has lost
    an actuator keeps its interlock.
    """
    if manifest is None:
        return
    for key, lock in policy.interlocks.items():
        actuator = manifest.actuators.get(key)
        if actuator is None and key not in kept:
            known = ", ".join(sorted(manifest.actuators)) or "none"
            raise RecordError(f"interlocks.{key}", f"is no actuator of the device; there are: {known}")
        flaw = None if actuator is None else misfit(lock, actuator)
        if flaw is not None:
            raise RecordError(f"interlocks.{key}.{flaw[0]}", flaw[1])


def judge(member: Member, wish: Wish, states: States, now: Now) -> None:
    """Raise `InterlockError` when an interlock of the actuator stands in the way. The wish fits the actuator."""
    key, actuator = _actuator(member, wish)
    if actuator is None:
        return
    ahead = tuple(
        Asked(command.args["value"], command.steps[0].at_ns)
        for command in member.ledger.on_its_way(key)
        if command.name == "set"
    )
    try:
        _check(member, actuator, wish, states, ahead, now)
        member.guards[key].confirm(member.policy.interlocks[key], wish.args.get("value"), wish.actor.user_id, now)
    except InterlockError as err:
        err.facts.update(key=key, name=actuator.name)
        raise


def bar_of(member: Member, command: Command, states: States, now: Now) -> Bar | None:
    """What stands by now in the way of the command whose turn it is. It was confirmed when it was asked for."""
    _, actuator = _actuator(member, command)
    if actuator is None:
        return None
    try:
        _check(member, actuator, command, states, (), now)
    except InterlockError as err:
        return err.bar
    return None


def follow(member: Member, command: Command, now: Now) -> None:
    """Remember what a command has moved. A late answer to one that was given up comes after others, and is not."""
    guard = member.guards.get(str(command.args.get("key"))) if command.name == "set" else None
    if guard is not None and _may_have_moved(command) and command.steps[-2].step is not Step.UNKNOWN:
        guard.moved(command.args["value"], now)


def observe(member: Member, channels: Iterable[str], now: Now) -> None:
    """Remember what channels that changed say of actuators that somebody may have moved by hand."""
    manifest = member.device.manifest
    if not member.guards or manifest is None:
        return
    changed = frozenset(channels)
    for key, guard in member.guards.items():
        actuator = manifest.actuators.get(key)
        if actuator is None or actuator.channel not in changed:
            continue
        value = _reported(member, actuator)
        if isinstance(value, bool):
            guard.reported(value, _off_at(actuator), now)


def set_guards(member: Member) -> None:
    """Guard what the policy says; what an actuator did before is not forgotten."""
    member.guards = {key: member.guards.get(key) or Guard() for key in member.policy.interlocks}


def _may_have_moved(command: Command) -> bool:
    forgot = command.step is Step.FAILED and command.reason == UNKNOWN_OUTCOME
    return command.step in _MOVED or forgot or command.ended_unanswered


def _actuator(member: Member, wish: Wish | Command) -> tuple[str, Actuator | None]:
    """The actuator that is to be moved, and that has an interlock."""
    key, manifest = str(wish.args.get("key")), member.device.manifest
    if wish.name not in MOVES or manifest is None or key not in member.policy.interlocks:
        return key, None
    return key, manifest.actuators.get(key)


def _check(
    member: Member, actuator: Actuator, wish: Wish | Command, states: States, ahead: tuple[Asked, ...], now: Now
) -> None:
    lock = member.policy.interlocks[actuator.key]
    seen = Seen(
        reported=_reported(member, actuator),
        entity_state=None if lock.condition is None else states.get(lock.condition.entity_id),
        on_its_way=ahead,
        off_at=_off_at(actuator),
    )
    member.guards[actuator.key].check(lock, wish.args.get("value"), seen, now)


def _reported(member: Member, actuator: Actuator) -> Scalar | None:
    shown = member.board.values.get(actuator.channel or "")
    return None if shown is None or shown.quality is Quality.BAD else shown.value


def _off_at(actuator: Actuator) -> float:
    return (actuator.minimum or 0.0) if actuator.kind == "valve" else 0.0
