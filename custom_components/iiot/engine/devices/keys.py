"""The keys under which one device may speak: the current one and, during a rotation, one more."""

from typing import Any

from ..wire import signing
from ..wire.heartbeat import MAX_REKEYS

MAX_SALT_HEX = 128
"""64 bytes."""


class KeyRing:
    """At most two valid keys, newest first."""

    __slots__ = ("_keys",)

    MOST = 2

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = dict(sorted(keys.items(), reverse=True)[: self.MOST])

    def __bool__(self) -> bool:
        return bool(self._keys)

    def signer(self, span: bytes, mac: bytes) -> int | None:
        """Id of the key that made `mac` over `span`, or None."""
        for kid, key in self._keys.items():
            if signing.is_signed_by(key, span, mac):
                return kid
        return None

    def holds(self, kid: int) -> bool:
        """Whether key `kid` is one of ours."""
        return kid in self._keys

    @property
    def current(self) -> tuple[int, bytes]:
        """Id and key for messages to the device."""
        return next(iter(self._keys.items()))

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the current key."""
        return signing.fingerprint(self.current[1])

    def __repr__(self) -> str:
        return f"KeyRing(kids={list(self._keys)})"


def enrolled_key(fleet_key: bytes, device_id: str, kid: int, rekeyed: tuple[tuple[int, str], ...] = ()) -> bytes:
    """Key `kid` of a device that joined by the fleet key, along its key steps when it names any."""
    if not any(step == kid for step, _ in rekeyed):
        return signing.derive_device_key(fleet_key, device_id, kid)
    first = min(step for step, _ in rekeyed) - 1
    key = signing.derive_device_key(fleet_key, device_id, max(first, 1))
    for step, salt in sorted(entry for entry in rekeyed if entry[0] <= kid):
        key = signing.derive_next_key(key, bytes.fromhex(salt), device_id, step)
    return key


def steps_in(payload: dict[str, Any]) -> tuple[tuple[int, str], ...]:
    """Key steps that a heartbeat names, before anything proves it; none when they do not read as steps."""
    named = payload.get("rekeyed")
    if type(named) is not list or len(named) > MAX_REKEYS:
        return ()
    steps = tuple((step[0], step[1]) for step in named if type(step) is list and len(step) == 2)
    readable = all(type(kid) is int and type(salt) is str and _is_salt(salt) for kid, salt in steps)
    return steps if readable and len(steps) == len(named) else ()


def _is_salt(text: str) -> bool:
    return len(text) <= MAX_SALT_HEX and len(text) % 2 == 0 and not text.strip("0123456789abcdef")
