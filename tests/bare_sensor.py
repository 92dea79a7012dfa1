"""A device on the bench that signs its messages and knows nothing else of the protocol."""

from typing import Any, Final

from iiot_engine.devices.bare import BareChannel, BareTopic
from iiot_engine.errors import Code
from iiot_engine.plant import Member
from iiot_engine.plant.policy import Policy
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import bare

from .builders import World

TOPIC: Final = "sensors/lab1/bme280"
KEY: Final = b"mqtt-message-signing-key".ljust(32, b"\0")
CHANNELS: Final = (
    BareChannel(path="temperature", key="temperature", unit="°C", minimum=-40, maximum=85),
    BareChannel(path="humidity", key="humidity"),
)


class BareSensor:
    """One bare device. It sends only what a test tells it to send."""

    def __init__(self, world: World, *topics: BareTopic, keys: dict[int, bytes] | None = None) -> None:
        self.world = world
        self.topics = topics or (BareTopic(topic=TOPIC, channels=CHANNELS),)
        self.topic = self.topics[0].topic
        self.id = f"topic:{self.topic}"
        self.keys = keys or {1: KEY}
        self.clock_ahead_s = 0.0

    @property
    def member(self) -> Member:
        """What the hub keeps of it."""
        return self.world.plant.members[self.id]

    def join(self) -> BareSensor:
        """Be registered."""
        self.world.keys[self.id] = self.keys
        self.world.perform(self.world.plant.adopt(self.id, self.keys, self.world.now))
        self.register(*self.topics)
        return self

    def register(self, *topics: BareTopic, **decided: Any) -> None:
        """A person says anew where it speaks and what its values are."""
        policy = self.world.policies[self.id] = Policy(topics=topics, **decided)
        self.world.perform(self.world.plant.set_policy(self.id, policy))

    def make(self, values: dict[str, Any], *, ago_s: float = 0.0, kid: int = 1) -> bytes:
        """Sign values."""
        time_ns = self.world.now.wall_ns + round((self.clock_ahead_s - ago_s) * NS_PER_S)
        return bare.seal(self.keys[kid], time_ns, values)

    def send(self, *, topic: str | None = None, ago_s: float = 0.0, kid: int = 1, **values: Any) -> Code | None:
        """Send values at once; the code of the refusal, if any."""
        return self.deliver(self.make(values, ago_s=ago_s, kid=kid), topic)

    def deliver(self, message: bytes, topic: str | None = None) -> Code | None:
        """Let a message arrive, whoever made it."""
        return self.world.refusal_of(topic or self.topic, message)

    def value(self, channel: str) -> Any:
        """The value that an entity would show; None without one."""
        shown = self.member.board.values.get(channel)
        return None if shown is None else shown.value
