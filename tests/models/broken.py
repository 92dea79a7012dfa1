"""How a law says that it was broken."""


class LawError(AssertionError):
    """A promise of the protocol was broken."""


def ensure(condition: object, what: str) -> None:
    """Raise `LawError` unless `condition` holds."""
    if not condition:
        raise LawError(what)
