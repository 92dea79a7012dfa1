"""The façade over the deciding rooms: a message, a tick or a request in, effects out."""

from .member import Health, Member
from .plant import Plant

__all__ = ["Health", "Member", "Plant"]
