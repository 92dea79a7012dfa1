"""What leaves the hub in words holds no secret, wherever a person or a device has put one."""

import re
from typing import Any, Final

REDACTED: Final = "**REDACTED**"

_SECRETS: Final = (
    re.compile(r"(?:[0-9A-Fa-f][ :-]?){63}[0-9A-Fa-f]"),  # a key as forms take it: 64 digits, parted or not
    re.compile(r"(?<![\w+/=-])[\w+/-]{43}="),  # the same in base64
    re.compile(r"(?<=://)[^\s/@]+(?=@)"),  # a login in an address
)


def redacted(value: Any) -> Any:
    """Give the same with everything blanked that looks like a secret: in texts, in lists, in keys and values."""
    if isinstance(value, str):
        for secret in _SECRETS:
            value = secret.sub(REDACTED, value)
        return value
    if isinstance(value, dict):
        return {redacted(key): redacted(found) for key, found in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(found) for found in value]
    return value
