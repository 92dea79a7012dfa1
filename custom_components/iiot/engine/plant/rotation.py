"""A device's key follows another: stored, sent, proved by a message under it; only then the one before is dropped."""

from typing import Any, Final

import orjson

from ..actuation.wish import Wish
from ..devices.keys import KeyStep, steps_in
from ..effects import Effect, Happened, HealthChanged, KeysChanged
from ..errors import RequestError
from ..values import Happening, Leaf, Now
from ..wire import frames, signing
from ..wire.codec import Envelope
from . import orders
from .member import Member
from .site import Site

REKEY: Final = "rekey"
SALT_BYTES: Final = 16
MAX_BYTES: Final = 8_192
"""Size of a heartbeat under a key that is not ours in which steps are looked for; the largest sensible one has half."""


class LastKeyError(RequestError):
    """The number of its key is the highest that there is."""

    code = "last_key"


def propose(site: Site, member: Member, wish: Wish) -> tuple[KeyStep, bytes]:
    """Give the step that the device is to take, and the key that it leads to; raises a `RequestError`.

    As long as a step is not proved it is the same one: the device may have taken it.
    """
    orders.permit(site, member, wish)
    ring, device_id = member.device.keys, member.device.id
    kid, key = ring.current
    step = ring.step
    if step is None:
        if kid >= frames.MAX_UINT32:
            raise LastKeyError(device_id=device_id)
        step = KeyStep(kid + 1, site.entropy(SALT_BYTES).hex())
    return step, signing.derive_next_key(key, bytes.fromhex(step.salt), device_id, step.kid)


def args_of(step: KeyStep) -> dict[str, Any]:
    """Arguments of the command that tells a device of its step."""
    return {"kid": step.kid, "salt": step.salt}


def follow(member: Member, leaf: Leaf, envelope: Envelope) -> tuple[int, bytes] | None:
    """Find the key of a heartbeat that none of ours signed along the steps that it names, from our current key on.

    So a hub whose key file is older than the device's last steps finds its way back. Gives id and key, which nothing
    has taken up yet; None when there is no such way.
    """
    ring = member.device.keys
    if leaf is not Leaf.HEARTBEAT or not ring or len(envelope.span) > MAX_BYTES or b'"rekeyed"' not in envelope.span:
        return None
    try:
        payload = orjson.loads(envelope.span)
    except orjson.JSONDecodeError:
        return None
    found = ring.after(member.device.id, steps_in(payload)) if type(payload) is dict else None
    if found is None or not signing.is_signed_by(found[1], envelope.span, envelope.mac):
        return None
    return found


def proved(member: Member, kid: int, key: bytes | None, now: Now, effects: list[Effect]) -> None:
    """The device has spoken under `kid`, a message that passed every check."""
    if member.device.keys.prove(kid, key, now.steady_ns):
        device_id = member.device.id
        effects += [KeysChanged(device_id), Happened(device_id, Happening.REKEYED), HealthChanged(device_id)]


def expire(member: Member, now: Now, effects: list[Effect]) -> None:
    """Drop the key before when its time is over."""
    if member.device.keys.expire(now.steady_ns):
        effects.append(KeysChanged(member.device.id))
