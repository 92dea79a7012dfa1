"""Who joins a hub without anybody being asked: whoever proves a key while its door stands open, and those on its list.

Both are what a person decided beforehand. A listed device that has a key of its own joins by that key alone, never by
the fleet key: whoever holds the fleet key could otherwise take its place.
"""

from collections.abc import Mapping


class Admission:
    """The join window of one hub, and its list of devices that are expected."""

    def __init__(self) -> None:
        self.open_until_ns = 0
        """Hub time at which the window closes, Unix nanoseconds; past: it is closed."""
        self._expected: dict[str, bytes | None] = {}

    def is_expected(self, device_id: str) -> bool:
        """Whether a device is on the list."""
        return device_id in self._expected

    def key_of(self, device_id: str) -> bytes | None:
        """The key of its own that a listed device has; None: it has none, or is not listed."""
        return self._expected.get(device_id)

    def admits(self, device_id: str, wall_ns: int) -> bool:
        """Whether a device that has proved its key joins at once."""
        return wall_ns < self.open_until_ns or device_id in self._expected

    def expect(self, keys: Mapping[str, bytes | None]) -> None:
        """Make this the list: each device with a key of its own, or None for one that the fleet key makes."""
        self._expected = dict(keys)

    def unexpect(self, device_id: str) -> None:
        """Take a device off the list: it has joined."""
        self._expected.pop(device_id, None)
