"""The one tree of errors: refusals with a code, a level and facts."""

from enum import StrEnum
from typing import Final

type Fact = str | int | float | bool | None


class Code(StrEnum):
    """Why a message was refused, in the order of the checks (protocol.md, Checks upward)."""

    RETAINED = "retained"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    UNKNOWN_DEVICE = "unknown_device"
    REVOKED = "revoked"
    BAD_MAC = "bad_mac"
    UNKNOWN_KEY = "unknown_key"
    NEWER_VERSION = "newer_version"
    """Of the protocol than this hub speaks; what else is in the message nobody here can judge."""
    WRONG_TOPIC = "wrong_topic"
    DUPLICATE = "duplicate"
    REPLAYED = "replayed"
    WRONG_SHAPE = "wrong_shape"
    DELAYED = "delayed"
    """With the option *strict* a delayed message is refused, not kept as late; one of a bare topic always is."""
    BUSY = "busy"
    """The intake cannot be written and its waiting room is full; the device sends again."""


QUIET: Final = frozenset({Code.DUPLICATE, Code.UNKNOWN_DEVICE})
"""Refusals that belong to a healthy site: counted, never a warning."""
ONCE: Final = frozenset({Code.NEWER_VERSION})
"""Refusals that last until a person does something: said once, counted always."""


class EngineError(Exception):
    """Root of everything the engine raises on purpose."""


class Refusal(EngineError):  # noqa: N818 - the field's word; a refusal is no fault
    """A message that changes nothing, with the reason for it.

    `code` is stable; `detail` is one plain English clause for the log and `iiotctl explain`;
    neither ever holds a key or the message itself.
    """

    def __init__(self, code: Code, detail: str = "", **facts: Fact) -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code: Final = code
        self.detail: Final = detail
        self.facts: Final = facts


class RequestError(EngineError):
    """What a person asked for cannot be done; `code` is the translation key."""

    code: str = "request_failed"

    def __init__(self, **facts: Fact) -> None:
        super().__init__(self.code)
        self.facts: Final = facts


class DeviceExistsError(RequestError):
    """The device id is already registered with this hub."""

    code = "already_configured"


class DeviceIdError(RequestError):
    """The text is not a device id (1-64 of `A-Z a-z 0-9 _ -`, never `hub`)."""

    code = "invalid_device_id"


class PrefixError(RequestError):
    """The text cannot be a topic prefix."""

    code = "invalid_prefix"


class FilterError(RequestError):
    """The text cannot be the topic or topic filter of a bare device."""

    code = "invalid_topic"


class TemplateError(RequestError):
    """The text cannot be a template of topics here; `code` says why, `facts` who has them."""

    def __init__(self, code: str, **facts: Fact) -> None:
        super().__init__(**facts)
        self.code = code


class KeyFormError(RequestError):
    """The text is not a key: 64 hexadecimal digits, or the provisioning text."""

    code = "invalid_key"


class RecordError(RequestError):
    """Something that people wrote about a device makes no sense; `path` says where, `reason` why, in plain words."""

    code = "invalid_record"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path=path, reason=reason)
        self.path: Final = path
        self.reason: Final = reason


class StoreError(EngineError):
    """A store cannot be read or written; `facts` say which file and what the system said."""

    def __init__(self, reason: str, **facts: Fact) -> None:
        super().__init__(reason)
        self.reason: Final = reason
        self.facts: Final = facts


class KeyFileError(StoreError):
    """The key file is missing after it existed, or cannot be understood. Never a first run."""


class StoreVersionError(StoreError):
    """The store was written by a newer release than this one."""
