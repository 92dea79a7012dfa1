"""A site that does not start says why, instead of leaving whoever started the demo to wait."""

import asyncio
from typing import Any

import pytest

from testbed.errors import TestbedError
from testbed.plant import must_start


class FakeApi:
    """A Home Assistant whose only entry goes through these states."""

    def __init__(self, *states: tuple[str, str | None]) -> None:
        self._states = list(states)

    async def get(self, path: str) -> list[dict[str, Any]]:
        assert path == "/api/config/config_entries/entry?domain=iiot"
        state, reason = self._states.pop(0)
        return [{"entry_id": "hall", "title": "Hall 3", "state": state, "reason": reason}]


def start(*states: tuple[str, str | None]) -> None:
    asyncio.run(must_start(FakeApi(*states), "hall"))  # type: ignore[arg-type]  # what it needs of an Api


def test_a_site_that_starts_is_waited_for() -> None:
    start(("setup_in_progress", None), ("loaded", None))


@pytest.mark.parametrize("state", ["setup_error", "migration_error"])
def test_a_site_that_cannot_start_says_its_reason(state: str) -> None:
    with pytest.raises(TestbedError, match="the site Hall 3 does not start: it is of a newer release"):
        start((state, "it is of a newer release"))


def test_a_site_without_a_reason_names_where_it_stands() -> None:
    with pytest.raises(TestbedError, match="Settings, Repairs"):
        start(("migration_error", None))
