"""The keys under which one device may speak: the current one and, during a rotation, one more."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from ..values import NS_PER_S
from ..wire import signing
from ..wire.heartbeat import MAX_REKEYS

MAX_SALT_HEX = 128
"""64 bytes."""
GRACE_NS: Final = 300 * NS_PER_S
"""The key before still counts upward for so long after the first message under the next."""


class KeyStep(NamedTuple):
    """One step of a rotation (protocol.md, Keys): what the device has to be told to derive its next key."""

    kid: int
    """Number of the key that follows."""
    salt: str
    """Hexadecimal."""


class KeyRing:
    """At most two valid keys: the one for messages to the device, and during a rotation one more.

    A key that was sent is the next one until a message under it proves that the device has it; from then on it is the
    current one, and the one before still counts for `GRACE_NS`, for what is on its way.
    """

    __slots__ = ("_current", "_keys", "_old_until_ns", "step")

    MOST = 2

    def __init__(self, keys: Mapping[int, bytes], step: KeyStep | None = None) -> None:
        self._keys = dict(sorted(keys.items(), reverse=True)[: self.MOST])
        self.step = step if step is not None and step.kid in self._keys and len(self._keys) > 1 else None
        """The step that no message has proved yet."""
        self._current = next((kid for kid in self._keys if self.step is None or kid != self.step.kid), 0)
        self._old_until_ns: int | None = None

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
        return self._current, self._keys[self._current]

    def is_current_in(self, keys: Mapping[int, bytes]) -> bool:
        """Whether the current key is one of `keys`, under the same number."""
        return bool(self._keys) and keys.get(self._current) == self._keys[self._current]

    @property
    def all(self) -> dict[int, bytes]:
        """Every key that counts, by id."""
        return dict(self._keys)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the current key."""
        return signing.fingerprint(self.current[1])

    def begin(self, step: KeyStep, key: bytes) -> None:
        """Let the key of a step count as well: it may be sent from now on."""
        current = self._current
        self._keys = {step.kid: key, current: self._keys[current]}
        self.step, self._old_until_ns = step, None

    def after(self, device_id: str, steps: Iterable[tuple[int, str]]) -> tuple[int, bytes] | None:
        """Derive along the steps that follow the current key: id and key of the last one; None without any."""
        kid, key = self.current
        following = sorted(step for step in steps if step[0] > kid)
        for step, salt in following:
            kid, key = step, signing.derive_next_key(key, bytes.fromhex(salt), device_id, step)
        return (kid, key) if following else None

    def prove(self, kid: int, key: bytes | None, steady_ns: int) -> bool:
        """The device has spoken under `kid`; `key` when it is none that was held. Whether that ended a rotation."""
        if key is None and (self.step is None or kid != self.step.kid):
            return False
        before = self._current
        self._keys = {kid: key or self._keys[kid], before: self._keys[before]}
        self._current, self.step, self._old_until_ns = kid, None, steady_ns + GRACE_NS
        return True

    def expire(self, steady_ns: int) -> bool:
        """Drop the key before, when its time is over; whether one was dropped."""
        if self.step is not None or len(self._keys) < self.MOST:
            return False
        if self._old_until_ns is None:
            self._old_until_ns = steady_ns + GRACE_NS  # the hub has started since
        if steady_ns < self._old_until_ns:
            return False
        self._keys = {self._current: self._keys[self._current]}
        return True

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
