"""Somebody on the broker who should not be there, beside a plant that works."""

import asyncio
import json
import re
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from iiot_engine.values import Leaf
from iiot_engine.wire import codec, signing
from iiot_engine.wire.topics import topic_of
from testbed.plant import DOMAIN, Plant

from .house import until
from .wiretap import Heard, Wiretap
from .works import LIVE, Site, Works

TWIN_AFTER_S = 62.0
ATTACK_WITHIN_S = 60.0
A_MINUTE_S = 60.0
A_DAY_S = 86_400
REFUSAL = re.compile(
    r"^\d+-\d+-\d+ (?P<h>\d+):(?P<m>\d+):(?P<s>[\d.]+) WARNING .*: refused a message of (?P<device>.*?): "
    r".* \((?P<code>\w+); \d+ so far\)$",
    re.MULTILINE,
)
FLOOD = 5_000
FIRST_WAVE = 1_500
CARDS_A_MINUTE = 10
INBOX = 1_000
FLAT_KB = 12_000
CALL = {
    "v": 1,
    "type": "heartbeat",
    "kid": 1,
    "ts_ns": 0,
    "boot": 1,
    "seq": 1,
    "up": 1000,
    "tq": 2,
    "name": "x" * 60,
    "model": "y" * 60,
    "fw": "1.0.0",
    "nonce": "8899aabbccddeeff",
    "session": "0badcafe",
    "interval": 30,
    "state": "awake",
    "manifest": "00112233aabbccdd",
    "hseq": 0,
    "held": [1, 1],
    "alarms": [],
}


async def refused(works: Works, site: Site) -> Counter[str]:
    """Return how many messages were refused so far, by code."""
    facts = await works.facts(site)
    counts = Counter(facts["refused_of_strangers"])
    for device in facts["devices"]:
        counts += Counter(device["refused"])
    return counts


async def attack(works: Works, site: Site) -> dict[str, Any]:
    """Let the simulator's intruder loose on a site; gives back its report."""
    report = works.folder / "intruder.json"
    file = works.folder / f"{site.name.lower()}.key"
    intruder = Plant(works.folder / "intruder", broker_port=works.broker.port, fleet_key_file=file, prefix=site.prefix)
    await intruder.start("intruder", "--speed", "4", "--status-json", str(report))
    try:
        async with asyncio.timeout(ATTACK_WITHIN_S):
            assert await intruder.process.ended() == 0
    finally:
        await intruder.stop()
    found: dict[str, Any] = json.loads(report.read_text())["attacks"]
    return found


async def repairs(works: Works) -> dict[str, dict[str, Any]]:
    """Return our repairs, by kind."""
    async with works.api() as api, await api.websocket() as socket:
        issues = (await socket.call("repairs/list_issues"))["issues"]
    return {issue["translation_key"]: issue for issue in issues if issue["domain"] == DOMAIN}


async def test_an_intruder_changes_nothing_and_every_message_of_his_is_counted(works: Works) -> None:
    works.expect(r": refused a message of ")
    site = works.factory
    await asyncio.sleep(max(0.0, site.started_s + TWIN_AFTER_S - time.time()))
    before, shape = await refused(works, site), (await works.view(site)).shape
    registered = {one["device_id"] for one in (await works.facts(site))["devices"]}
    shown: list[dict[str, Any]] = []
    async with Wiretap(works.broker.port) as wire, works.changes() as changes:
        watching = asyncio.create_task(keep(changes, shown))
        report = await attack(works, site)
        watching.cancel()
        cleared = sum(not heard.message for heard in wire.heard if heard.topic.startswith(f"{site.prefix}/"))
    expected = sum((Counter(kind["expected"]) for kind in report.values()), Counter[str]())
    assert set(report) >= {"forged", "altered", "replayed", "reordered", "wrong_topic", "retained", "twin", "oversize"}
    blank = sum(codes.get("malformed", 0) for kind, codes in blank_of(report).items())
    expected["malformed"] += cleared - blank  # he clears what he left retained, by empty messages

    async def counted() -> Counter[str]:
        return Counter(dict(await refused(works, site) - before))

    await until(counted, lambda now: sum(now.values()) >= sum(expected.values()), "all refused", within_s=10)
    assert await counted() == expected

    assert (await works.view(site)).shape == shape, "no new device, no new entity"
    assert {one["device_id"] for one in (await works.facts(site))["devices"]} == registered
    assert not [state for state in shown if state["state"] in ("99.9", "lost")], "no state of his, nobody lost"
    assert works.journal(site).compare(works.produced(site), set()) == [], "nothing of his in the journal"
    assert_said_once_a_minute(works.new_log())
    await settle_the_twin(works, site)


async def keep(changes: Any, shown: list[dict[str, Any]]) -> None:
    while True:
        shown.append(await changes.get())


def blank_of(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The malformed ones have one empty message in nineteen, which is counted with the others already."""
    count = report["malformed"]["sent"]
    return {"malformed": {"malformed": -(-count // 19)}}


def assert_said_once_a_minute(log: str) -> None:
    said: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for line in REFUSAL.finditer(log):
        seconds = 3600 * int(line["h"]) + 60 * int(line["m"]) + float(line["s"])
        said[line["device"], line["code"]].append(seconds)
    assert said, "it was told"
    for times in said.values():
        assert all((later - earlier) % A_DAY_S >= A_MINUTE_S - 0.5 for earlier, later in pairwise(times))
    assert not [code for _, code in said if code in ("duplicate", "unknown_device")], "these belong to every day"


async def settle_the_twin(works: Works, site: Site) -> None:
    """The repair names the device that has a twin; a person decides, and the hub speaks to it again."""
    twins = [one for one in (await works.facts(site))["devices"] if one["two_devices_hold_this_key"]]
    assert len(twins) == 1
    issue = (await repairs(works))["two_devices_hold_this_key"]
    assert issue["severity"] == "error"
    assert issue["is_fixable"]
    assert issue["translation_placeholders"]["device_id"] == twins[0]["device_id"]
    async with works.api() as api:
        step = await api.post("/api/repairs/issues/fix", {"handler": DOMAIN, "issue_id": issue["issue_id"]})
        assert (step["type"], step["step_id"]) == ("menu", "decide")
        step = await api.post(f"/api/repairs/issues/fix/{step['flow_id']}", {"next_step_id": "go_on"})
        assert step["type"] == "create_entry"
    assert "two_devices_hold_this_key" not in await repairs(works)
    assert not [one for one in (await works.facts(site))["devices"] if one["two_devices_hold_this_key"]]


async def test_a_message_left_in_the_broker_is_refused_when_the_hub_comes(works: Works) -> None:
    works.expect(r": refused a message of ")
    site = works.yard
    before = (await refused(works, site))["retained"]
    async with Wiretap(works.broker.port) as wire:

        async def beats() -> list[Heard]:
            return [one for one in wire.heard if re.fullmatch(rf"{site.prefix}/[^/]+/heartbeat", one.topic)]

        true = (await until(beats, bool, "a heartbeat from the yard"))[0]
        await wire.say((true.topic, true.message), retain=True)
        try:
            async with works.api() as api:
                await api.post(f"/api/config/config_entries/entry/{site.entry_id}/reload", {})

            async def retained() -> int:
                return (await refused(works, site))["retained"]

            await until(retained, lambda count: count > before, "refused")
            assert await retained() == before + 1
        finally:
            await wire.say((true.topic, b""), retain=True)
    await works.until_live(site)


# --- the flood -----------------------------------------------------------------------------


def calls(site: Site, count: int) -> list[tuple[str, bytes]]:
    """Make heartbeats of as many devices that nobody knows, each signed with a key of its own."""
    made: list[tuple[str, bytes]] = []
    for _ in range(count):
        key = signing.derive_device_key(b"\x55" * 32, str(len(made)), 1)
        name = f"flood-{key.hex()[:8]}-{time.monotonic_ns()}"
        payload = {**CALL, "id": name, "ts": int(time.time())}
        made.append((topic_of(site.prefix, name, Leaf.HEARTBEAT), codec.seal(key, payload)))
    return made


def memory_kb(works: Works) -> int:
    """Return the resident memory of the Home Assistant process."""
    status = Path(f"/proc/{works.hass.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1])  # type: ignore[index]


async def test_a_flood_of_strangers_fills_nothing_and_disturbs_nobody(works: Works) -> None:
    site = works.factory
    begun_s, cards = time.monotonic(), set(await works.cards(site))
    known = (await works.facts(site))["refused_of_strangers"].get("unknown_device", 0)
    dropped = (await works.facts(site))["inbox"]["dropped"]
    shown: list[dict[str, Any]] = []
    async with Wiretap(works.broker.port, listens=False) as wire, works.changes() as changes:
        watching = asyncio.create_task(keep(changes, shown))
        await flooded(works, site, wire, FIRST_WAVE, known + FIRST_WAVE)
        full = memory_kb(works)
        await flooded(works, site, wire, FLOOD - FIRST_WAVE, known + FLOOD)
        grown = memory_kb(works) - full
        watching.cancel()
    minutes = (time.monotonic() - begun_s) // A_MINUTE_S + 1
    assert len(set(await works.cards(site)) - cards) <= CARDS_A_MINUTE * minutes
    inbox = (await works.facts(site))["inbox"]
    assert inbox["waiting"] == INBOX
    assert inbox["dropped"] - dropped >= FLOOD - INBOX
    assert grown < FLAT_KB, f"{grown} kB more"
    assert set((await works.connections(site)).values()) <= set(LIVE)
    lost = [state for state in shown if state["state"] in ("late", "lost", "unavailable")]
    assert not lost, "the plant goes on meanwhile"
    assert works.surprises() == [], "strangers are no warning"


async def flooded(works: Works, site: Site, wire: Wiretap, count: int, refused_then: int) -> None:
    """Send so many calls, and wait until each of them was counted."""
    await wire.say(*calls(site, count))

    async def strangers() -> int:
        found: int = (await works.facts(site))["refused_of_strangers"].get("unknown_device", 0)
        return found

    await until(strangers, lambda now: now >= refused_then, "all counted", within_s=60)
