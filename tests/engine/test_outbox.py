"""Messages that leave: each QoS, over lost connections and lost sessions, no more at once than the broker takes."""

from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.links.outbox import PUBACK, PUBCOMP, PUBREC, Answered, Outbox
from iiot_engine.links.packets import Message, Packet, PacketError, read

DENIED = 0x87
UNKNOWN = 0x92


def outbox(*, mqtt5: bool = True, last: int = 0xFFFF) -> Outbox:
    numbers = cycle(range(1, last + 1))
    return Outbox(lambda: next(numbers), mqtt5=mqtt5)


def number(at: int) -> bytes:
    return at.to_bytes(2)


def command(at: int, text: bytes, *, again: bool = False) -> bytes:
    """A PUBLISH of QoS 2 on topic `a`, MQTT 5."""
    return bytes([0x3C if again else 0x34, 6 + len(text)]) + b"\0\1a" + number(at) + b"\0" + text


def release(at: int) -> bytes:
    return b"\x62\x02" + number(at)


@pytest.mark.parametrize("mqtt5", [True, False])
def test_what_leaves_is_what_a_reader_of_mqtt_finds(mqtt5: bool) -> None:
    out = outbox(mqtt5=mqtt5)
    long = b"x" * 70_000
    sent = out.publish("a/ü", b"now", 0, retain=False) + out.publish("b", long, 1, retain=True)
    found = read(sent, mqtt5=mqtt5)
    assert found.packets == [Message("a/ü", b"now", False), Message("b", long, True)]
    assert (found.acks, found.taken, out.waiting) == ([number(1)], len(sent), 1)


def test_a_message_of_qos_1_is_over_when_the_broker_has_it() -> None:
    out = outbox()
    out.publish("a", b"x", 1, retain=False)
    assert out.answer(PUBACK, number(1)) == Answered(b"", 0)
    assert out.waiting == 0
    assert out.answer(PUBACK, number(1)) == Answered(b"", 0), "once more, and nothing is left of it"


def test_a_message_of_qos_2_goes_in_two_steps() -> None:
    out = outbox()
    assert out.publish("a", b"x", 2, retain=False) == command(1, b"x")
    assert out.answer(PUBREC, number(1)) == Answered(release(1), 0)
    assert out.waiting == 1
    assert out.answer(PUBCOMP, number(1) + b"\0") == Answered(b"", 0)
    assert out.waiting == 0


@pytest.mark.parametrize(("qos", "answer"), [(1, PUBACK), (2, PUBREC)])
def test_a_message_that_the_broker_does_not_pass_on_is_over_with_its_reason(qos: int, answer: int) -> None:
    out = outbox()
    out.publish("a", b"x", qos, retain=False)
    assert out.answer(answer, number(1) + bytes([DENIED])) == Answered(b"", DENIED), "nothing is released"
    assert out.waiting == 0


def test_no_more_are_under_way_than_the_broker_takes() -> None:
    out = outbox()
    out.resume(2, has_session=False)
    sent = [out.publish("a", text, 2, retain=False) for text in (b"1", b"2", b"3", b"4")]
    assert sent == [command(1, b"1"), command(2, b"2"), b"", b""]
    assert out.publish("a", b"live", 0, retain=False), "of QoS 0 there is no such bound"
    assert out.answer(PUBREC, number(2)) == Answered(release(2), 0)
    assert out.answer(PUBCOMP, number(2)) == Answered(command(3, b"3"), 0)
    assert out.answer(PUBREC, number(1) + bytes([DENIED])) == Answered(command(4, b"4"), DENIED)


@pytest.mark.parametrize("answer", [PUBACK, PUBREC, PUBCOMP])
def test_an_answer_without_a_number_is_no_mqtt(answer: int) -> None:
    with pytest.raises(PacketError):
        outbox().answer(answer, b"\0")


def test_what_nobody_sent_is_released_so_that_it_ends() -> None:
    assert outbox().answer(PUBREC, number(9)) == Answered(release(9), 0)


def test_a_kept_session_goes_on_where_each_message_was() -> None:
    out = outbox()
    out.resume(3, has_session=False)
    for text in (b"1", b"2", b"3", b"4"):
        out.publish("a", text, 2, retain=False)
    out.answer(PUBREC, number(1))
    assert out.resume(3, has_session=True) == release(1) + command(2, b"2", again=True) + command(3, b"3", again=True)
    assert out.answer(PUBCOMP, number(1) + bytes([UNKNOWN])) == Answered(command(4, b"4"), 0), "it was passed on before"


def test_a_broker_that_died_between_both_steps_and_knows_nothing_gets_the_message_anew() -> None:
    out = outbox()
    out.publish("a", b"1", 2, retain=False)
    out.publish("a", b"2", 1, retain=False)
    out.answer(PUBREC, number(1))
    assert read(out.resume(None, has_session=False), mqtt5=True).packets == [
        Packet(0x34, command(3, b"1")[2:]),
        Message("a", b"2", False),
    ]
    assert out.answer(PUBREC, number(3)) == Answered(release(3), 0)


def test_a_number_that_is_still_in_use_is_passed_over() -> None:
    out = outbox(last=3)
    for text in (b"1", b"2"):
        out.publish("a", text, 2, retain=False)
    out.answer(PUBREC, number(2) + bytes([DENIED]))
    assert out.publish("a", b"3", 2, retain=False) == command(3, b"3")
    assert out.publish("a", b"4", 2, retain=False) == command(2, b"4")


class Taker:
    """A broker that passes each message of QoS 2 on when it is released."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.out = outbox()
        self.kept: dict[int, bytes] = {}
        self.passed_on: set[bytes] = set()
        self.answers: list[tuple[int, bytes]] = []
        """What it has not said yet."""
        self.hear(self.out.resume(window, has_session=False))

    def hear(self, sent: bytes) -> None:
        for packet in read(sent, mqtt5=True).packets:
            assert isinstance(packet, Packet)
            if packet.head == 0x62:
                self.answers.append((PUBCOMP, packet.body))
                if (text := self.kept.pop(int.from_bytes(packet.body), None)) is not None:
                    self.passed_on.add(text)
            else:
                self.kept[int.from_bytes(packet.body[3:5])] = packet.body[6:]
                self.answers.append((PUBREC, packet.body[3:5]))
        assert len(self.answers) <= self.window

    def say(self) -> None:
        if self.answers:
            self.hear(self.out.answer(*self.answers.pop(0)).packets)

    def lose(self, *, session: bool) -> None:
        self.answers.clear()
        if session:
            self.kept.clear()
        self.hear(self.out.resume(self.window, has_session=not session))


@given(st.lists(st.sampled_from(["publish", "say", "say", "lose", "forget"]), max_size=60), st.integers(1, 5))
def test_whatever_is_lost_every_message_is_passed_on_at_last(steps: list[str], window: int) -> None:
    broker, count = Taker(window), 0
    for step in steps:
        match step:
            case "publish":
                count += 1
                broker.hear(broker.out.publish("a", b"%d" % count, 2, retain=False))
            case "say":
                broker.say()
            case _:
                broker.lose(session=step == "forget")
    while broker.answers:
        broker.say()
    assert broker.out.waiting == 0
    assert broker.passed_on == {b"%d" % one for one in range(1, count + 1)}
