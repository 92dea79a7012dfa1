"""Commands of bare devices: the envelope of their readings, the other way; one that cannot answer is told once."""

from typing import Any, Final

from ..effects import Effect, Publish
from ..errors import Refusal
from ..values import DOWN_QOS, NS_PER_S, Leaf, Now
from ..wire import bare, frames
from . import orders
from .member import Member
from .routes import BareRoute
from .site import Site

_NO_NUMBER: Final = {"hseq": 0}
"""Messages to a bare device have no numbers."""


def send(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """Send the open command when it is due; let the next one have its turn. The device may be spoken to."""
    commands, state = member.policy.commands, member.bare
    if commands is None or state is None or not orders.may_leave(member, now):
        return
    orders.begin(site, member, now, effects)
    due = member.ledger.due(now)
    if due is None:
        return
    body = {
        "cid": due.cid,
        "cmd": due.name,
        "args": due.args,
        "exp": (now.wall_ns + member.ledger.remaining_ns(now)) // NS_PER_S,
        "topic": commands.topic,
    }
    message = bare.seal(state.keys[commands.kid], now.wall_ns, body)
    effects.append(Publish(commands.topic, message, DOWN_QOS[Leaf.COMMAND]))
    member.ledger.sent(now)
    if due.ended_unanswered:
        orders.tell(site, member, [due], now, effects)


def is_answer(route: BareRoute) -> bool:
    """Whether what comes on a topic answers commands."""
    commands = route.member.policy.commands
    return commands is not None and route.topic.topic == commands.ack


def read_answer(values: dict[str, Any]) -> frames.Ack:
    """Read what a bare device says of a command; raises `Refusal`."""
    try:
        return frames.read_ack(values | _NO_NUMBER)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"no answer to a command: {refusal.detail}") from None
