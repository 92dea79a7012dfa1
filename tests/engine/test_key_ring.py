"""The keys under which one device may speak: which is current, which is next, which is void."""

from iiot_engine.devices.keys import KeyRing, KeyStep

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


def test_a_ring_without_a_key_has_none() -> None:
    ring = KeyRing({}, KeyStep(2, "00"))
    assert not ring
    assert ring.all == {}
    assert ring.step is None
    assert not ring.is_current_in({1: OLD})
    assert not ring.expire(0)
    assert ring.signer(b"", b"") is None


def test_a_ring_knows_which_key_is_current() -> None:
    ring = KeyRing({1: OLD, 2: NEW}, KeyStep(2, "00"))
    assert ring.current == (1, OLD)
    assert ring.is_current_in({1: OLD})
    assert not ring.is_current_in({2: OLD})
    assert KeyRing({1: OLD, 2: NEW}).current == (2, NEW)
    assert KeyRing({2: NEW}, KeyStep(2, "00")).current == (2, NEW), "a step from nowhere is none"
    assert not ring.prove(1, None, 0)
    assert ring.after("press-07", [(1, "00")]) is None
