"""What can go wrong in the testbed, in words for the person who started it."""


class TestbedError(Exception):
    """The testbed cannot do what was asked; the text says why."""

    __test__ = False


class ApiError(TestbedError):
    """Home Assistant refused a request."""
