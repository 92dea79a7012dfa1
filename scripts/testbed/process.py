"""A program that the testbed starts, watches and ends; by its own process id, never by name."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import TestbedError

STOP_S = 30.0
TAIL_LINES = 20


class Process:
    """One program; all it prints is appended to a file.

    It gets a session of its own, so that Ctrl-C in the terminal reaches the testbed alone, which ends it in order.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The id of the running program; raises TestbedError when it does not run."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, *, hears: bool = False
    ) -> None:
        """Start the program; raises TestbedError when it runs already or cannot be found.

        A program that hears takes lines from `tell`.
        """
        if self.is_running:
            message = f"{self.name} runs already"
            raise TestbedError(message)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE if hears else asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                message = f"{command[0]} is not on the path: run scripts/setup"
                raise TestbedError(message) from error

    async def stop(self, timeout_s: float = STOP_S) -> None:
        """End the program with SIGTERM and wait; with SIGKILL when it takes longer than that."""
        await self._end(signal.SIGTERM, timeout_s)

    async def kill(self) -> None:
        """End the program at once, as a power cut would."""
        await self._end(signal.SIGKILL, STOP_S)

    async def tell(self, line: str) -> None:
        """Write a line to the standard input of a program that hears."""
        pipe = self._running().stdin
        assert pipe is not None, f"{self.name} does not hear"
        pipe.write(f"{line}\n".encode())
        await pipe.drain()

    def freeze(self) -> None:
        """Stop the program where it stands, as a machine that hangs would; its connections stay open."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen program go on."""
        self._running().send_signal(signal.SIGCONT)

    async def ended(self) -> int:
        """Wait until the program ends by itself and return its exit code."""
        return await self._running().wait()

    def must_run(self) -> None:
        """Raise TestbedError with the end of the log when the program has ended by itself."""
        if not self.is_running:
            code = None if self._process is None else self._process.returncode
            message = f"{self.name} has ended (exit code {code}):\n{self.tail()}"
            raise TestbedError(message)

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines that the program printed."""
        if not self.log.exists():
            return "(no output)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            message = f"{self.name} does not run"
            raise TestbedError(message)
        return self._process

    async def _end(self, first: signal.Signals, timeout_s: float) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(first)
        try:
            async with asyncio.timeout(timeout_s):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
