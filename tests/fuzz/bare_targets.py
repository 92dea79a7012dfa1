"""Bare topics: whatever is signed with a topic's key, or is not, is taken or refused, and a refusal moves nothing."""

import json
from random import Random
from typing import Any, Final

from iiot_engine.devices.bare import BareChannel, BareTopic
from iiot_engine.devices.guesses import proposals
from iiot_engine.values import NS_PER_S
from iiot_engine.wire import paths, signing
from tests.bare_sensor import KEY, TOPIC, BareSensor
from tests.builders import World

from . import nasty
from .target import ACCEPTED, BytesTarget, Verdict, ensure, timed

CHANNELS: Final = (
    BareChannel(path="temperature", key="temperature", minimum=-40, maximum=85),
    BareChannel(path="env.door", key="door", kind="bool"),
    BareChannel(path="motors[*].rpm", key="rpm", kind="int"),
    BareChannel(path="motors[2].name", key="name", kind="text"),
    BareChannel(path="config", key="config", kind="json"),
)


class BareTarget(BytesTarget[BareSensor]):
    """A registered topic, for a whole episode of messages."""

    name = "bare"
    share = 6
    episode = 20

    def setup(self, random: Random) -> dict[str, Any]:
        return {"named": random.random() < 0.8}

    def fresh(self, setup: dict[str, Any]) -> BareSensor:
        topic = BareTopic(topic=TOPIC, channels=CHANNELS if setup["named"] else ())
        return BareSensor(World(), topic).join()

    def draw(self, subject: BareSensor, random: Random) -> bytes:
        world = subject.world
        world.pass_time(random.choice((0.1, 1.0)))
        node: dict[str, Any] = {
            "temperature": random.choice((20.5, -300, None)),
            "env": {"door": True},
            "motors": [{"rpm": 5}] * random.choice((0, 1, 3, 64, 65)),
            "config": {"a": [nasty.value(random)]},
            "ts": world.now.wall_ns // NS_PER_S - random.choice((0, 0, 1, 299, 301)),
            "ts_ns": world.now.wall_ns % NS_PER_S,
        }
        for _ in range(random.choice((0, 0, 1, 2))):
            spoiled = nasty.spoiled(node, random)
            node = spoiled if isinstance(spoiled, dict) else node
        text = json.dumps(node, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
        mac = signing.mac(KEY, text).decode()
        payload = json.dumps(node, indent=1) if random.random() < 0.3 else text.decode()
        message = f'{{"hmac":"{mac}","payload":{payload}}}'.encode("utf-8", "replace")
        return nasty.mutated(message, random) if random.random() < 0.3 else message

    def feed(self, subject: BareSensor, item: bytes) -> Verdict:
        assert subject.member.bare is not None
        before = subject.member.bare.state()
        accepted = subject.world.plant.accepted
        code, cost = timed(lambda: subject.deliver(item))
        if code is not None:
            ensure(subject.member.bare.state() == before, "a refusal moved the window")
            return Verdict(code, cost)
        ensure(subject.world.plant.accepted == accepted + 1, "neither taken nor refused")
        for heard in subject.member.bare.heard.values():
            found = proposals(heard.values, (), ())
            ensure({channel.path for channel in found} == set(paths.flattened(heard.values)), "a value has no proposal")
        return Verdict(ACCEPTED, cost)


TARGETS: Final = (BareTarget(),)
