"""What browser tests stand on: a real Chromium before a real Home Assistant."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import pytest_socket
from playwright.async_api import Browser, BrowserContext, async_playwright

from .installation import Installation
from .screen import Screen, stored_login

SESSION: Final = "session"
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)
PICTURES: Final = Path(__file__).parents[2] / ".cache" / "screenshots"

type Visit = Callable[..., Awaitable[Screen]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the caller say where pictures go, and how long the plant has run when they are taken."""
    parser.addoption("--keep-screenshots", default=str(PICTURES), metavar="DIR", help="where the pictures go")
    parser.addoption("--settle", default=0.0, type=float, metavar="S", help="seconds that the plant runs before")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All browser tests share one event loop, as they share the browser and what it looks at."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope=SESSION), append=False)


@pytest.fixture(autouse=True)
def _sockets_of_this_machine() -> None:
    """Allow sockets, to the loopback address only."""
    _allow_sockets()


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Leave out the check of Home Assistant's test plugin: tasks of the shared loop outlive a test."""


@pytest.fixture(scope=SESSION)
def pictures(pytestconfig: pytest.Config) -> Path:
    """The folder in which the pictures are kept."""
    folder = Path(pytestconfig.getoption("--keep-screenshots", default=str(PICTURES)))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest_asyncio.fixture(scope=SESSION, loop_scope=SESSION)
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium, started once for all tests."""
    _allow_sockets()
    program = os.environ.get("IIOT_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, "there is no Chromium on the path: run scripts/test browser, or name one in IIOT_CHROMIUM"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope=SESSION, loop_scope=SESSION)
async def running_installation(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> AsyncIterator[Installation]:
    """The installation, started once for all tests."""
    _allow_sockets()
    installation = Installation(tmp_path_factory.mktemp("installation"))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(installation.stop)
        await installation.start()
        await asyncio.sleep(pytestconfig.getoption("--settle", default=0.0))
        yield installation


@pytest_asyncio.fixture(loop_scope=SESSION)
async def installation(running_installation: Installation) -> AsyncIterator[Installation]:
    """The installation at work; a test may not leave a warning of ours that it does not expect."""
    running_installation.forget_log()
    yield running_installation
    assert not running_installation.surprises()


@pytest_asyncio.fixture(loop_scope=SESSION)
async def visit(
    chromium: Browser, installation: Installation, pictures: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Visit]:
    """Opens a page of Home Assistant as its owner, in a window of its own."""
    grant = await installation.grant()
    screens: list[Screen] = []
    async with AsyncExitStack() as stack:

        async def open_window(path: str, *, size: tuple[int, int] = DESKTOP, **settings: Any) -> Screen:
            context = await stack.enter_async_context(window(chromium, size, **settings))
            await context.add_init_script(stored_login(grant, installation.hass.url))
            screens.append(await Screen.open(context, installation.hass.url, path, pictures))
            return screens[-1]

        yield open_window
        for number, screen in enumerate(screens):
            await screen.keep(f"last-{number}-{request.node.name}")


@asynccontextmanager
async def window(chromium: Browser, size: tuple[int, int] = DESKTOP, **settings: Any) -> AsyncIterator[BrowserContext]:
    """A browser that remembers nothing of the others."""
    width, height = size
    settings |= {"viewport": {"width": width, "height": height}, "reduced_motion": "reduce"}
    context = await chromium.new_context(**settings)
    try:
        yield context
    finally:
        await context.close()


def _allow_sockets() -> None:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"])
