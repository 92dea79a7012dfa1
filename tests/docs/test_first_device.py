"""The script of the first ten minutes, as it stands in the page, against the engine."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from iiot_engine.devices.inbox import Trust
from iiot_engine.values import Connection, Now
from iiot_engine.wire import signing

from .pages import ROOT
from .world import FLEET_KEY, World

PAGE = ROOT / "docs/start/first-device.md"
ID = "thermo-1"


class StopRunningError(Exception):
    """The script has run long enough."""


class Air:
    """A broker between the script and a hub, and the clocks of both."""

    def __init__(self) -> None:
        self.world = World()
        self.at_s = 0.0
        self.rounds = 0
        self.script: Any = None

    def monotonic(self) -> float:
        return 1000 + self.at_s

    def time_ns(self) -> int:
        return self.world.now.wall_ns

    def publish(self, topic: str, message: bytes, qos: int) -> None:
        assert topic.startswith(f"iiot/{ID}/")
        self.world.receive(topic, message)

    def loop(self, timeout: float) -> int:
        self.at_s += timeout
        self.world.advance(self.at_s)
        for sent in [sent for sent in self.world.sent if f"/{ID}/" in sent.topic]:
            self.world.sent.remove(sent)
            self.script.on_message(
                self.script, None, SimpleNamespace(topic=sent.topic, payload=sent.message, retain=False)
            )
        self.rounds += 1
        if self.rounds == 3:
            self.approve()
        if self.rounds == 40:
            raise StopRunningError
        return 0

    def approve(self) -> None:
        """A person presses *Add* on the card."""
        waiting = self.world.plant.inbox.get(ID)
        assert waiting is not None
        assert waiting.trust is Trust.VERIFIED
        assert waiting.key is not None
        assert waiting.place == "Workshop"
        self.world._perform(self.world.plant.adopt(ID, {1: waiting.key}, self.now))

    @property
    def now(self) -> Now:
        return self.world.now


def execute() -> None:
    """Run the script of the page."""
    script = re.search(
        r"<!-- tested: thermometer -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert script is not None
    exec(compile(script[1], "thermometer.py", "exec"), {"__name__": "__main__"})


def run(monkeypatch: pytest.MonkeyPatch, air: Air, answer: str = "Success") -> None:
    class Client:
        on_connect: Any = None
        on_message: Any = None

        def __init__(self, _version: object, *, client_id: str, clean_session: bool) -> None:
            assert (client_id, clean_session) == (ID, False)
            air.script = self

        def username_pw_set(self, user: str | None, password: str | None) -> None:
            pass

        def connect(self, host: str, port: int, *, keepalive: int) -> None:
            assert (host, port) == ("broker", 1884)
            self.on_connect(self, None, None, ReasonCode(PacketTypes.CONNACK, answer), None)

        def subscribe(self, topics: list[tuple[str, int]]) -> None:
            assert topics == [(f"iiot/{ID}/poll", 0), (f"iiot/{ID}/command", 2)]

        def publish(self, topic: str, message: bytes, qos: int) -> None:
            air.publish(topic, message, qos)

        def loop(self, timeout: float) -> int:
            return air.loop(timeout)

    monkeypatch.setattr("paho.mqtt.client.Client", Client)
    monkeypatch.setattr("time.monotonic", air.monotonic)
    monkeypatch.setattr("time.time_ns", air.time_ns)
    with pytest.raises(StopRunningError):
        execute()


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a person enters before the script."""
    monkeypatch.setenv("FLEET_KEY", FLEET_KEY.hex())
    monkeypatch.setenv("BROKER", "broker")
    monkeypatch.setenv("BROKER_PORT", "1884")
    monkeypatch.chdir(tmp_path)


def test_the_script_joins_and_shows_a_temperature(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    air = Air()
    run(monkeypatch, air)
    member = air.world.plant.members[ID]
    assert member.connection is Connection.LIVE
    assert member.device.manifest is not None
    assert 15 < float(member.board.values["temperature"].value or 0) < 27
    assert (tmp_path / f"{ID}.boot").read_text() == "1"
    assert member.device.refusals.total == 0
    fingerprint = signing.fingerprint(signing.derive_device_key(FLEET_KEY, ID, 1))
    assert capsys.readouterr().out.splitlines() == [
        f"device {ID}, key fingerprint {fingerprint}",
        "broker broker:1884: Success",
    ]


def test_the_script_says_why_the_broker_refuses_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    air = Air()
    monkeypatch.setattr(air, "approve", lambda: None)
    run(monkeypatch, air, "Not authorized")
    assert "broker broker:1884: Not authorized" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BROKER", "", "BROKER is missing"),
        ("FLEET_KEY", "", "FLEET_KEY is missing or no key: 64 hex digits"),
        ("FLEET_KEY", FLEET_KEY.hex()[:-2], "FLEET_KEY is missing or no key: 64 hex digits"),
        ("FLEET_KEY", "x" * 64, "FLEET_KEY is missing or no key: 64 hex digits"),
    ],
)
def test_the_script_says_what_it_lacks(name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=words):
        execute()
