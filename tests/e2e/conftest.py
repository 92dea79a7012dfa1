"""What end-to-end tests stand on: real processes on free ports in folders of their own, ended by their process ids."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from .house import House, allow_sockets
from .works import Works

SESSION: Final = "session"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All end-to-end tests share one event loop, as they share what they started."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope=SESSION), append=False)


@pytest.fixture(autouse=True)
def _sockets_of_this_machine() -> None:
    """Allow sockets, to the loopback address only."""
    allow_sockets()


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Leave out the check of Home Assistant's test plugin: tasks of the shared loop outlive a test."""


@pytest_asyncio.fixture(scope=SESSION, loop_scope=SESSION)
async def running_works(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Works]:
    """The works, started once for all tests; with every device live."""
    allow_sockets()
    works = Works(tmp_path_factory.mktemp("works"))
    async with AsyncExitStack() as stack:
        for process in works.processes:
            stack.push_async_callback(process.stop)
        await works.start()
        yield works


@pytest_asyncio.fixture(loop_scope=SESSION)
async def works(running_works: Works) -> AsyncIterator[Works]:
    """The works at work; a test may not leave a warning of ours that it does not expect."""
    await running_works.mend()
    running_works.forget_log()
    yield running_works
    assert not running_works.surprises()


@pytest_asyncio.fixture(scope="module", loop_scope=SESSION)
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house for one file of tests, with nothing at work in it."""
    allow_sockets()
    house = House(tmp_path_factory.mktemp("house"), "A house")
    async with AsyncExitStack() as stack:
        for process in (house.broker.process, house.hass.process):
            stack.push_async_callback(process.stop)
        await house.broker.start()
        await house.hass.start()
        yield house
