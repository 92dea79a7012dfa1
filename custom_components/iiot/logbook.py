"""Lines of the logbook: what happened to a device or a site, in words.

Home Assistant shows by itself what entities show: the connection of a device, and that it wrote into its log.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from homeassistant.components.logbook.const import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_ICON,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.components.logbook.models import LazyEventPartialState
from homeassistant.const import ATTR_ENTITY_ID, ATTR_NAME
from homeassistant.core import HomeAssistant, callback

from .bridge.events import (
    ASSET_CHANGED,
    ATTR_DEVICE,
    ATTR_KIND,
    ATTR_LEFT_OUT,
    ATTR_SITE,
    COMMAND,
    COUNTERS_ZEROED,
    JOIN_CLOSED,
    JOIN_OPENED,
    KEY_SHOWN,
    NOTICE,
    POLICY_CHANGED,
    REFUSED,
    ROLE_SET,
    SERIALS_IMPORTED,
    TEMPLATE_SET,
    WAITS_FOR_ASSET,
    WISH_REFUSED,
    WISH_WAITS,
)
from .bridge.notices import CHANNEL_CHATTERS, JOURNAL_BEGAN_ANEW, JOURNAL_OVERRUN
from .const import DOMAIN, EVENT_DEVICE
from .engine.actuation.command import Step
from .engine.plant import notices
from .engine.values import Happening

type Describe = Callable[[LazyEventPartialState], dict[str, Any]]

HAPPENINGS: Final = {
    Happening.ENROLLED: "joined the site {site}",
    Happening.REMOVED: "was removed from the site {site}",
    Happening.KEY_PROVED: "proved that it holds a key of the site {site}",
    Happening.TRIAL_BEGAN: "is in maintenance mode: its values are marked as trial",
    Happening.TRIAL_ENDED: "is in maintenance mode no more",
    Happening.REKEYED: "took its next key",
    Happening.REPLACED: "is other hardware from now on",
    Happening.RESTORED: "was brought back to the site {site}",
    Happening.REVOKED: "was revoked: nothing that it says counts",
    Happening.ADMITTED: "is not revoked any more",
}
STEPS: Final = {
    Step.REQUESTED: "is to do {command}{args}",
    Step.SENT: "was told {command}{args}",
    Step.ACCEPTED: "works on {command}{args}",
    Step.DONE: "did {command}{args}",
    Step.REJECTED: "will not do {command}{args}: {reason}",
    Step.FAILED: "failed to do {command}{args}: {reason}",
    Step.EXPIRED: "got {command}{args} too late",
    Step.UNKNOWN: "did not say whether it did {command}{args}",
    Step.NOT_SENT: "was never told {command}{args}{why}",
    Step.CANCELLED: "need not do {command}{args} any more",
}
DECISIONS: Final = {
    WISH_REFUSED: "was not told {command}{args}: {reason}",
    WISH_WAITS: "waits {seconds} s for a second person before {command}{args}",
    POLICY_CHANGED: "goes by other rules: {sections}",
    ASSET_CHANGED: "was moved from {before} to {asset}",
    WAITS_FOR_ASSET: "is to sleep until it is assigned to an area or a line",
    ROLE_SET: "took {person} as {role} of {node}",
    JOIN_OPENED: "lets devices in that prove a key, until {until}",
    JOIN_CLOSED: "lets no device in by itself any more",
    SERIALS_IMPORTED: "expects {added} more devices, {expected} in all",
    KEY_SHOWN: "had its key shown to an administrator",
    TEMPLATE_SET: "listens to devices of the template {template}",
}
"""What people decided, and what came of it for those who asked."""
NO_ROLE: Final = "took {person} out of the roles of {node}"
NO_TEMPLATE: Final = "listens to new devices of the template {template} no more"
NOTICES: Final = {
    notices.TWIN: ("shares its key with another device", "is the only device with its key again"),
    notices.FOREIGN: ("is commanded by somebody else as well", "is commanded by this hub alone again"),
    notices.KEY: ("sends messages that no key of this hub has signed", "is heard under the key of this hub again"),
    notices.CLOCK: ("has a wrong clock, off by {skew_s} s", "has a right clock again"),
    notices.HUB_CLOCK: ("doubts its own clock, off by {skew_s} s from those of its devices", "trusts its clock again"),
    notices.MANIFEST: ("describes itself wrongly: {reason}", "describes itself well again"),
    notices.STORE: ("cannot write to its journal: {reason}", "can write to its journal again"),
    notices.PROTOCOL: (
        "speaks version {version} of the protocol, this hub knows {known}: update the integration",
        "speaks a version of the protocol that this hub knows",
    ),
    notices.CHANNELS: ("sends values on {topic} that nobody has named", "has names for its values"),
    CHANNEL_CHATTERS: (
        "changes {channels} so often that it is shown slower",
        "changes all channels at a fair pace again",
    ),
    JOURNAL_BEGAN_ANEW: ("began a new journal: the old one was missing", ""),
    JOURNAL_OVERRUN: ("lost {rows} rows of its journal before {readers} read them", ""),
}
"""Notice → when it begins, when it is over. The subject is the device, or the site."""


@callback
def async_describe_events(hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]) -> None:
    """Say how an event becomes a line."""
    del hass
    async_describe_event(DOMAIN, EVENT_DEVICE, describe)


@callback
def describe(event: LazyEventPartialState) -> dict[str, Any]:
    """Put an event into words, also one that another release has fired."""
    facts = event.data
    message = _message(str(facts.get(ATTR_KIND, "")), facts)
    if left_out := facts.get(ATTR_LEFT_OUT):
        message += f"; {left_out} lines before this one were left out"
    line = {
        LOGBOOK_ENTRY_NAME: str(facts.get(ATTR_NAME, "")),
        LOGBOOK_ENTRY_MESSAGE: message,
        LOGBOOK_ENTRY_ICON: "mdi:factory",
    }
    if entity_id := facts.get(ATTR_ENTITY_ID):
        line[LOGBOOK_ENTRY_ENTITY_ID] = str(entity_id)
    return line


def _message(kind: str, facts: Mapping[str, Any]) -> str:
    words: str
    if kind in HAPPENINGS:
        words = HAPPENINGS[Happening(kind)]
    elif kind == REFUSED:
        words = "had a message refused: {detail} ({code}, {count} so far)"
        if not facts.get(ATTR_DEVICE):
            words = "refused a message of nobody it knows: {detail} ({code}, {count} so far)"
    elif kind == COUNTERS_ZEROED:
        words = "begins to count anew; so far it had {figures}"
        figures = dict(facts.get("figures", {})).items()
        had = ", ".join(f"{name.replace('_', ' ')} {figure}" for name, figure in figures if figure)
        facts = {**facts, "figures": had or "nothing counted"}
    elif kind == NOTICE and facts.get("notice") in NOTICES:
        words = NOTICES[facts["notice"]][0 if facts.get("active") else 1]
        facts = {**facts, **facts.get("facts", {})}
    elif kind == COMMAND and facts.get("step") in STEPS:
        words = STEPS[Step(facts["step"])]
        if facts["step"] == Step.SENT and facts.get("answered") is False:
            words += "; it cannot answer"
    elif kind in DECISIONS:
        words = _decision(kind, facts)
    else:
        words = kind.replace("_", " ")
    args = ", ".join(f"{name} {_word(value)}" for name, value in dict(facts.get("args", {})).items())
    why = f": {facts['reason']}" if facts.get("reason") else ""
    facts = {"reason": "no reason given", **facts, "args": f" ({args})" if args else "", "why": why}
    return words.format_map(_Known({ATTR_SITE: "", **facts})).strip()


def _decision(kind: str, facts: Mapping[str, Any]) -> str:
    if kind == ROLE_SET and not facts.get("role"):
        return NO_ROLE
    return NO_TEMPLATE if kind == TEMPLATE_SET and not facts.get("registered") else DECISIONS[kind]


def _word(value: Any) -> Any:
    return ("off", "on")[value] if isinstance(value, bool) else value


class _Known(dict[str, Any]):
    """Facts, of which an event of another release may lack some."""

    def __missing__(self, name: str) -> str:
        return "?"
