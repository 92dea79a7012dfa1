"""Numbers that stand in the running text are those of the code."""

import re

import pytest

from iiot_engine.devices import anchor, device, downlink, inbox, liveness, manifest_rules
from iiot_engine.ingest import gates
from iiot_engine.plant import answers, door, jumps, plant, reception, upkeep
from iiot_engine.values import NS_PER_S, Settings
from iiot_engine.wire import canonical, codec, data, frames, heartbeat, replay, topics
from iiot_sim import downward, resend, state
from iiot_sim.profile import Timing

from .pages import ROOT

DEVICE = Timing()
HUB = Settings()


def seconds(nanos: int) -> str:
    return f"{nanos / NS_PER_S:g} s"


PROTOCOL = (
    f"A message is UTF-8 and at most {codec.MAX_MESSAGE_BYTES:,} bytes.",
    f"nested more than {canonical.MAX_DEPTH} deep",
    f"`seq` at most {replay.WIDTH:,} behind the highest",
    f"by more than {seconds(anchor.MAX_RUNAHEAD_NS)} since the newest undelayed message",
    f"answered, within {seconds(downlink.FRESH_NS)}, an empty poll",
    f"The inbox holds at most {inbox.CAPACITY:,} ids",
    f"of at most {door.MAX_STRANGER_BYTES:,} bytes, with at most {door.MAX_STRANGER_PARTS} lists and objects",
    f"place, {door.MAX_NAME} characters of each, and its last {inbox.MOST_CALLS} different messages",
    f"different messages, {inbox.MOST_CALL_BYTES:,} bytes together",
    f"at most {inbox.CARDS_A_MINUTE} new cards a minute and have at most {inbox.MOST_UNVERIFIED_CARDS} at any time",
    f"polls a stranger whose MAC is good at most once {'a minute' if door.ASK_EVERY_NS == 60 * NS_PER_S else '?'}",
    f"{'three' if device.TWIN_PROOFS == 3 else '?'} times, with rising `seq`",
    f"`ts` within {seconds(reception.TWIN_FRESH_NS)} of the hub's clock",
    f"more than {seconds(device.TWIN_APART_NS)} after the first message of the higher boot",
    f"may rise by {anchor.RISE_PPM} ppm",
    f"of most of at least {'three' if jumps.LEAST_DEVICES == upkeep.DOUBT_DEVICES == 3 else '?'} devices agree",
    f"less than {seconds(downlink.FRESH_NS)} ago was made after",
    f"| up to {HUB.delay_limit_s:g} s (option) | counts as live |",
    f"| up to {seconds(anchor.EXACT_SKEW_NS)} | the device's own |",
    f"| up to {HUB.skew_limit_s:g} s (option) | the device's, corrected",
    f"A row time below 10^{len(str(data.RELATIVE_BELOW_S)) - 1} s counts",
    f"exceeds {seconds(upkeep.DOUBT_SKEW_NS)}, it corrects no",
    f"{HUB.late_factor:g} and {HUB.lost_factor:g} are options of the hub",
    f"{liveness.WAKE_MARGIN_S:g} s or a {'tenth' if liveness.WAKE_MARGIN_SHARE == 0.1 else '?'} of its sleep",
    f"or after {DEVICE.bye_s:g} s. After waking it listens for {DEVICE.listen_s:g} s",
    f"adds {DEVICE.listen_more_s:g} s, up to {DEVICE.listen_longest_s:g} s",
    f"further off than {heartbeat.MAX_SLEEP_S:,.0f} s counts as that far",
    f"at most {manifest_rules.MAX_CHANNELS} channels",
    f"Members of an actuator; at most {manifest_rules.MAX_ACTUATORS}",
    f"An entry of `alarms` (at most {manifest_rules.MAX_ALARM_KINDS})",
    f"obeys (at most {manifest_rules.MAX_COMMANDS} names)",
    f"longer than {gates.MAX_TEXT:,} characters is bad",
    f"`dt_ns` 1 to {frames.MAX_UINT32 * 1000:,}",
    f"unanswered {DEVICE.resend_after_s:g} s after it was last sent",
    f"more than {resend.MAX_FLIGHTS} messages of rows sent again",
    f"240 … {DEVICE.resend_longest_s:g} s",
    f"sent alone {resend.MAX_LONE_SENDS} times",
    f"0 to {DEVICE.resend_start_s:g} s after a reconnect",
    f"at most {downward.WIDTH} below the highest seen",
    f"on disk in blocks of {downlink.BLOCK}",
    f"spread over up to {plant.POLL_SPREAD_S:g} s",
    f"ring of at least {state.RING} `cid`s",
    f"`set_time`, at most once {'a minute' if answers.SET_TIME_EVERY_NS == 60 * NS_PER_S else '?'}",
    f"an empty poll, at most once {'a minute' if answers.POLL_EVERY_NS == 60 * NS_PER_S else '?'}",
    f"{heartbeat.MAX_ALARMS} of [code, ch or null, occ]",
)


def flat(page: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("phrase", PROTOCOL)
def test_the_protocol_page_says(phrase: str):
    assert phrase in flat("docs/reference/protocol.md")


def test_describe_is_asked_for_as_the_page_says():
    assert answers._ASKING == ((5, 60 * NS_PER_S), (10, 600 * NS_PER_S))
    assert answers._ASKING_LAST_NS == 3600 * NS_PER_S
    assert "five times a minute apart, five times 10 minutes apart, then every" in flat("docs/reference/protocol.md")


def test_other_pages_say():
    assert f"at most {topics.MAX_PREFIX_BYTES} bytes" in flat("docs/reference/options.md")
    assert "late* after 45 s, *lost* after 90 s" in flat("docs/start/first-device.md")
    assert (30 * HUB.late_factor, 30 * HUB.lost_factor) == (45, 90)
