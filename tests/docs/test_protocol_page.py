"""The wire protocol's page against an implementation of signing that shares nothing with ours, and against the hub."""

import hashlib
import hmac
import json
import re
from base64 import b64decode
from collections.abc import Iterator

import pytest

from iiot_engine.errors import Code
from iiot_engine.values import DOWN_QOS, UP_LEAVES, Leaf
from iiot_sim.downward import Dropped, Gate
from iiot_sim.keyring import Keyring

from .pages import ROOT, Example, examples, pages
from .stories import tell_all
from .workings import extract_and_expand
from .world import World

PAGE = ROOT / "docs/reference/protocol.md"
TEXT = PAGE.read_text(encoding="utf-8")


def all_examples() -> list[Example]:
    return [example for page in pages() for example in examples(page.read_text(encoding="utf-8"))]


def stories() -> Iterator[tuple[str, list[Example]]]:
    told: dict[str, list[Example]] = {}
    for example in examples(TEXT):
        told.setdefault(example.words["story"], []).append(example)
    for story, messages in told.items():
        yield story, sorted(messages, key=lambda example: float(example.words["at"]))


def downward() -> list[Example]:
    return [example for example in examples(TEXT) if example.words["way"] == "down"]


def key_named(name: str) -> bytes:
    """Keys as the page gives them: derived from the fleet key 00…1f, or a stranger's."""
    if name == "stranger":
        return hashlib.sha256(b"a key that this hub does not hold").digest()
    return extract_and_expand(bytes(range(32)), b"iiot/1", b"press-07|1")[1]


def mac_fits(example: Example, key: bytes) -> bool:
    found = re.fullmatch(rb'\{"hmac":"([A-Za-z0-9+/]{43}=)", ?"payload":(\{.*\})\}', example.message)
    assert found is not None
    return hmac.compare_digest(hmac.digest(key, found[2], "sha256"), b64decode(found[1]))


@pytest.mark.parametrize(
    "example", all_examples(), ids=lambda e: f"{e.words['story']}-{e.words['topic']}-{e.words['at']}"
)
def test_the_mac_of_every_message_is_what_the_page_says(example: Example):
    if example.words["key"] == "none":
        assert not mac_fits(example, key_named("press-07"))
    else:
        assert mac_fits(example, key_named(example.words["key"]))


@pytest.mark.parametrize(("story", "told"), stories(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_hub_takes_and_sends_what_the_page_says(story: str, told: list[Example]):
    world = World()
    for example in told:
        world.advance(float(example.words["at"]))
        topic = example.words["topic"]
        if example.words["expect"] == "later":
            continue
        if example.words["way"] == "down":
            assert (topic, example.message) in [(sent.topic, sent.message) for sent in world.sent]
            continue
        retained = example.words.get("retained") == "yes"
        assert world.receive(topic, example.message, retained=retained) == example.words["expect"]


@pytest.mark.parametrize("example", downward(), ids=lambda e: f"{e.words['story']}-{e.words['topic']}-{e.words['at']}")
def test_a_device_obeys_what_the_hub_sends(example: Example):
    """The simulated device reads the same protocol."""
    nonce = json.loads(example.message)["payload"]["nonce"]
    gate = Gate("press-07", Keyring("press-07", key_named("press-07"), []), nonce, {})
    leaf = Leaf(example.words["topic"].rpartition("/")[2])
    assert gate.check(leaf, example.message, retained=False).dropped is None
    assert gate.check(leaf, example.message, retained=False).dropped is Dropped.SEEN
    assert gate.check(leaf, example.message, retained=True).dropped is Dropped.RETAINED


def test_the_page_leaves_no_message_of_a_story_out():
    shown = {example.message for example in examples(TEXT)}
    assert shown == {told.message for told in tell_all().values()}


def test_example_messages_are_canonical():
    for example in all_examples():
        if example.words["expect"] == "malformed":
            continue
        payload = json.loads(example.message)["payload"]
        again = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert again.encode() in example.message


def test_every_leaf_and_code_is_named():
    for leaf in Leaf:
        assert f"| `{leaf}` |" in TEXT
    for code in Code:
        assert f"`{code}`" in TEXT


def test_the_leaves_have_the_ways_and_qos_of_the_code():
    rows = re.findall(r"^\| `(\w+)` \| (up|down) \| (\d)", TEXT, re.MULTILINE)
    assert {Leaf(leaf) for leaf, way, _ in rows if way == "up"} == set(UP_LEAVES)
    assert {Leaf(leaf): int(qos) for leaf, way, qos in rows if way == "down"} == DOWN_QOS
