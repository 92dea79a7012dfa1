"""A stretch of bytes from a broker is cut into packets; what is no MQTT is refused, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.links.broker import Message
from iiot_engine.links.packets import Packet, PacketError, Read, read


def sized(body: bytes) -> bytes:
    left, length = len(body), bytearray()
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes(length) + body


def publish(
    topic: str, message: bytes, *, qos: int = 0, number: int = 7, retained: bool = False, properties: bytes | None = b""
) -> bytes:
    """Write a PUBLISH; `properties` None: MQTT 3.1.1."""
    name = topic.encode()
    body = len(name).to_bytes(2) + name + (number.to_bytes(2) if qos else b"")
    body += (b"" if properties is None else sized(properties)) + message
    return bytes([0x30 | qos << 1 | retained]) + sized(body)


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), max_size=40), st.binary(max_size=300), st.booleans()),
        max_size=6,
    ),
    st.booleans(),
    st.data(),
)
def test_what_was_published_is_read_wherever_the_stretch_ends(
    sent: list[tuple[str, bytes, bool]], mqtt5: bool, data: st.DataObject
) -> None:
    properties = b"\x01\x00" if mqtt5 else None
    whole = b"".join(publish(topic, text, retained=kept, properties=properties) for topic, text, kept in sent)
    cut = data.draw(st.integers(0, len(whole)))
    first = read(whole[:cut], mqtt5=mqtt5)
    second = read(whole[first.taken :], mqtt5=mqtt5)
    assert first.packets + second.packets == [Message(*one) for one in sent]
    assert first.taken + second.taken == len(whole)


def test_a_message_of_qos_1_is_to_be_acknowledged_and_one_of_qos_2_is_left_to_the_client() -> None:
    two = publish("a", b"x", qos=2)
    found = read(publish("a", b"x", qos=1, number=0x0102) + two + b"\xd0\x00", mqtt5=True)
    assert found == Read(
        packets=[Message("a", b"x", False), Packet(two[0], two[2:]), Packet(0xD0, b"")],
        acks=[b"\x01\x02"],
        taken=len(two) * 2 + 2,
    )


def test_long_properties_are_passed_over() -> None:
    found = read(publish("a", b"x", properties=b"\x26" + bytes(200)), mqtt5=True)
    assert found.packets == [Message("a", b"x", False)]


@pytest.mark.parametrize(
    "text",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x01\x00",  # no room for the length of a topic
        b"\x30\x04\x00\x05ab",  # a topic beyond the packet's end
        b"\x30\x04\x00\x02\xff\xfe",  # a topic that is no UTF-8, and no properties
        b"\x30\x05\x00\x01a\x09x",  # properties beyond the packet's end
        b"\x30\x05\x00\x01a\x80\x80",  # properties whose length does not end
    ],
)
def test_what_is_no_message_is_refused(text: bytes) -> None:
    with pytest.raises(PacketError):
        read(text, mqtt5=True)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read_or_refused(text: bytes, mqtt5: bool) -> None:
    try:
        found = read(text, mqtt5=mqtt5)
    except PacketError:
        return
    assert 0 <= found.taken <= len(text)
