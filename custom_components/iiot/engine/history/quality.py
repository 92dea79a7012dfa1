"""How far a reading can be trusted, as history keeps it."""

from enum import IntEnum


class Standing(IntEnum):
    """`Quality`, and which way a read failed."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    COMM = 3
    """The device was asked, and nothing came."""
    VALUE = 4
    """What came could not be used."""
