"""The envelope `{"hmac":"…","payload":{…}}`: taken apart without parsing, put together signed."""

import re
from typing import Any, Final, NamedTuple

from ..errors import Code, Refusal
from . import canonical, signing

MAX_MESSAGE_BYTES: Final = 65_535

_MAC: Final = re.compile(rb"[A-Za-z0-9+/]{43}=")
_MAC_FIRST: Final = b'{"hmac":"'
_THEN_PAYLOAD: Final = b'","payload":{'
_PAYLOAD_FIRST: Final = b'{"payload":{'
_THEN_MAC: Final = b'},"hmac":"'

# {"hmac":" is 9 bytes, the MAC 44, ","payload": 12
_MAC_END: Final = 9 + 44
_SPAN_START: Final = _MAC_END + 12
# ,"hmac":" is 9 bytes, the MAC 44, "} 2
_TAIL: Final = 9 + 44 + 2


class Envelope(NamedTuple):
    """The two members of a message, neither trusted nor parsed."""

    mac: bytes
    """44 bytes of base64."""
    span: bytes
    """The payload's bytes as transmitted: what is verified is what is parsed."""


def split(message: bytes) -> Envelope:
    """Match the whole message against the envelope's form, in either order of its members.

    Raises `Refusal` (`too_large`, `malformed`).
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise Refusal(Code.TOO_LARGE, "more than 65,535 bytes", size=len(message))
    if message.startswith(_MAC_FIRST) and message.endswith(b"}}"):
        found = Envelope(message[9:_MAC_END], message[_SPAN_START:-1])
        if message.startswith(_THEN_PAYLOAD, _MAC_END) and _MAC.fullmatch(found.mac):
            return found
    elif message.startswith(_PAYLOAD_FIRST) and message.endswith(b'"}'):
        found = Envelope(message[-_TAIL + 9 : -2], message[11:-_TAIL])
        if message.startswith(_THEN_MAC, len(message) - _TAIL - 1) and _MAC.fullmatch(found.mac):
            return found
    raise Refusal(Code.MALFORMED, "not an envelope of hmac and payload")


def seal(key: bytes, payload: dict[str, Any]) -> bytes:
    """Sign `payload` and put it into its envelope."""
    span = canonical.encode(payload)
    return b'{"hmac":"' + signing.mac(key, span) + b'","payload":' + span + b"}"
