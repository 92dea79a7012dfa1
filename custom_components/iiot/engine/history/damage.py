"""What kept bytes that make no sense end in."""

from ..errors import EngineError


class DamagedError(EngineError):
    """Kept bytes are not what was written: the chunk is set aside, the rest goes on."""
