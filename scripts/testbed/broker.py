"""A real Mosquitto on the loopback address."""

import asyncio
import os
import re
import time
from pathlib import Path

from .errors import TestbedError
from .ports import LOOPBACK, is_free
from .process import Process

START_S = 10.0
# 1795190400: client-id 1 prefix/+/data
SUBSCRIBED = re.compile(r"\d+: (?P<client>\S+) [012] (?P<filter>\S+)$")
# 1795190400: client-id prefix/+/data
UNSUBSCRIBED = re.compile(r"\d+: (?P<client>\S+) (?P<filter>\S+)$")
# 1795190400: Client client-id closed its connection. (or: disconnected …, already connected …, has exceeded …)
GONE = re.compile(r"\d+: Client (?P<client>\S+) ")
STARTED = re.compile(r"\d+: mosquitto version \S+ starting")


class Broker:
    """One Mosquitto: anonymous, on one port, with its own folder."""

    def __init__(self, folder: Path, port: int, *, persistence: bool = False) -> None:
        self.port = port
        self.nodelay = False
        """From the next start on: whether it sends small packets at once, which Mosquitto does only when told to."""
        self.process = Process("Mosquitto", folder / "mosquitto.log")
        self._folder = folder
        self._persistence = persistence

    async def start(self) -> None:
        """Start the broker and wait until it listens."""
        if not is_free(self.port):
            message = f"port {self.port} is taken: the broker cannot start"
            raise TestbedError(message)
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "mosquitto.conf"
        settings.write_text(self._settings(), encoding="utf-8")
        await self.process.start(["mosquitto", "-c", str(settings)])
        deadline = time.monotonic() + START_S
        while is_free(self.port):
            self.process.must_run()
            if time.monotonic() > deadline:
                message = f"the broker does not listen on port {self.port}:\n{self.process.tail()}"
                raise TestbedError(message)
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End the broker; clients see the connection close."""
        await self.process.stop()

    async def kill(self) -> None:
        """End the broker at once, as a power cut would."""
        await self.process.kill()

    async def restart(self) -> None:
        """End the broker and start it again on the same port."""
        await self.stop()
        await self.start()

    def subscriptions(self) -> set[str]:
        """Return the topic filters that clients connected now have subscribed to."""
        standing: dict[str, set[str]] = {}
        for line in self.process.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if made := SUBSCRIBED.match(line):
                standing.setdefault(made["client"], set()).add(made["filter"])
            elif ended := UNSUBSCRIBED.match(line):
                standing.get(ended["client"], set()).discard(ended["filter"])
            elif gone := GONE.match(line):
                standing.pop(gone["client"], None)
            elif STARTED.match(line):
                standing.clear()
        return set().union(*standing.values())

    def _settings(self) -> str:
        lines = [
            f"listener {self.port} {LOOPBACK}",
            "allow_anonymous true",
            "max_queued_messages 100000",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "log_type subscribe",
            "log_type unsubscribe",
            "connection_messages true",
            f"set_tcp_nodelay {str(self.nodelay).lower()}",
        ]
        if os.geteuid() == 0:  # it would give up its rights, and with them its folder
            lines.append("user root")
        if self._persistence:
            lines += ["persistence true", f"persistence_location {self._folder}/", "autosave_interval 1"]
        return "\n".join(lines) + "\n"
