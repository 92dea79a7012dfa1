"""The keys of one device: the present one, and during a rotation the one before (protocol.md, Keys)."""

from __future__ import annotations

from typing import Final

from iiot_engine.wire import signing

FIRST_KID: Final = 1
"""Devices of the simulator are enrolled by the fleet key."""
MAX_STEPS: Final = 16
"""Steps that a heartbeat can tell."""


class Keyring:
    """Signs under the newest key; listens to the one before until the hub speaks under the newest."""

    def __init__(self, device_id: str, first: bytes, steps: list[tuple[int, str]]) -> None:
        self.kid = FIRST_KID
        self.key = first
        self.steps: list[tuple[int, str]] = []
        """Every step since provisioning: key number and salt, hex."""
        self._id = device_id
        self._before: tuple[int, bytes] | None = None
        for kid, salt in steps:
            self.step(kid, salt)

    def step(self, kid: int, salt: str) -> None:
        """Take the next key into use; it is the same step when it is the last one again."""
        if (kid, salt) in self.steps[-1:]:
            return
        self._before = self.kid, self.key
        self.key = signing.derive_next_key(self.key, bytes.fromhex(salt), self._id, kid)
        self.kid = kid
        self.steps.append((kid, salt))

    def is_from_hub(self, span: bytes, claimed: bytes) -> bool:
        """Whether a message from above carries the MAC of a key that counts."""
        if signing.is_signed_by(self.key, span, claimed):
            self._before = None
            return True
        return self._before is not None and signing.is_signed_by(self._before[1], span, claimed)

    def password(self, refused: int) -> str:
        """Give what the device logs in with after so many attempts that the broker refused: each key has its turn.

        The hub changes the password when it knows that the device has the next key, so the one before may still count.
        """
        kid, key = (self.kid, self.key) if self._before is None or refused % 2 == 0 else self._before
        return signing.derive_broker_password(key, self._id, kid)
