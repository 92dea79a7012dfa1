"""The bus in memory delivers like a broker, only at once."""

import pytest

from iiot_engine.links.broker import LinkDownError, Station, Subscription, Will, is_match, wait_before
from iiot_engine.links.memory import MemoryBus, MemoryLink


class Ear:
    """A connection that remembers what it heard and what happened to it."""

    def __init__(self, bus: MemoryBus, name: str, *filters: str, will: bool = False) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.happened: list[str] = []
        self.link = MemoryLink(
            bus,
            Station(
                client_id=name,
                received=lambda topic, message, retain: self.heard.append((topic, message, retain)),
                subscriptions=tuple(Subscription(topic_filter=one, qos=1) for one in filters),
                will=lambda: Will(topic=f"{name}/gone", message=b"!") if will else None,
                connected=lambda: self.happened.append("connected"),
                gone=lambda: self.happened.append("gone"),
            ),
        )
        self.link.open()


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+/c", "a/b/c", True),
        ("a/+", "a", False),
        ("+/+", "/b", True),
        ("#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "b", False),
        ("#", "$SYS/load", False),
        ("+/load", "$SYS/load", False),
        ("$SYS/#", "$SYS/load", True),
    ],
)
def test_a_filter_matches_as_mqtt_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert is_match(topic_filter, topic) is expected


async def test_a_message_reaches_everybody_who_wants_it_once() -> None:
    bus = MemoryBus()
    one, other = Ear(bus, "one", "a/+", "a/b"), Ear(bus, "other", "c")
    await other.link.publish("a/b", b"1", 0)
    assert one.heard == [("a/b", b"1", False)]
    assert other.heard == []


def test_answers_from_within_a_callback_come_in_order() -> None:
    bus = MemoryBus()
    ear = Ear(bus, "ear", "#")
    echo = Ear(bus, "echo")
    echo.link.station = Station(
        client_id="echo",
        received=lambda topic, message, _: echo.link.send("second", message, 0) if topic == "first" else None,
        subscriptions=(Subscription(topic_filter="first", qos=0),),
    )
    ear.link.send("first", b"x", 0)
    ear.link.send("third", b"x", 0)
    assert [topic for topic, _, _ in ear.heard] == ["first", "second", "third"]


def test_a_retained_message_waits_for_the_next_subscriber() -> None:
    bus = MemoryBus()
    early = Ear(bus, "early", "a")
    early.link.send("a", b"kept", 0, retain=True)
    assert early.heard == [("a", b"kept", False)]
    assert Ear(bus, "late", "a").heard == [("a", b"kept", True)]
    assert Ear(bus, "elsewhere", "b").heard == []
    early.link.send("a", b"", 0, retain=True)
    assert Ear(bus, "later", "a").heard == []


async def test_a_will_is_published_unless_there_was_a_farewell() -> None:
    bus = MemoryBus()
    ear = Ear(bus, "ear", "#")
    await Ear(bus, "polite", will=True).link.close()
    assert ear.heard == []
    await Ear(bus, "abrupt", will=True).link.drop()
    assert ear.heard == [("abrupt/gone", b"!", False)]


def test_the_same_client_id_takes_the_connection_over() -> None:
    bus = MemoryBus()
    ear = Ear(bus, "ear", "#")
    first = Ear(bus, "twin", will=True)
    second = Ear(bus, "twin", will=True)
    assert first.happened == ["connected", "gone"]
    assert second.happened == ["connected"]
    assert ear.heard == [("twin/gone", b"!", False)]
    with pytest.raises(LinkDownError):
        first.link.send("a", b"", 0)


async def test_opening_and_closing_twice_does_no_harm() -> None:
    ear = Ear(MemoryBus(), "ear")
    ear.link.open()
    assert ear.link.is_connected
    await ear.link.close()
    await ear.link.close()
    assert ear.happened == ["connected", "gone"]
    ear.link.open()
    assert ear.link.is_connected


def test_a_bus_loses_what_it_is_told_to_lose() -> None:
    bus = MemoryBus()
    ear = Ear(bus, "ear", "#")
    bus.is_lost = lambda passing: passing.topic == "a"
    ear.link.send("a", b"", 0)
    ear.link.send("b", b"", 0)
    assert [topic for topic, _, _ in ear.heard] == ["b"]


def test_the_wait_before_a_reconnect_doubles_up_to_a_minute_and_is_spread() -> None:
    class Middle:
        @staticmethod
        def uniform(low: float, high: float) -> float:
            assert (low, high) == (0.5, 1.5)
            return 1.0

    waits = [wait_before(attempt, Middle()) for attempt in (1, 2, 3, 4, 5, 6, 7, 1000)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
