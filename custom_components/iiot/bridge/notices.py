"""What the plant wants people to know, as Home Assistant's repairs."""

from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..const import DOMAIN
from ..engine.effects import Notice
from ..engine.plant import notices
from .enrolment import plain
from .mapping import clean_name
from .stations import subentry_of

if TYPE_CHECKING:
    from collections.abc import Container

    from ..runtime import IiotConfigEntry

JOURNAL_OVERRUN: Final = "journal_overrun"
JOURNAL_BEGAN_ANEW: Final = "journal_began_anew"
ENTITY_BUDGET: Final = "entity_budget"
CHANNELS_LACKING: Final = "channels_lacking"
NEWER_ENTRY: Final = "newer_entry"
CHANNEL_CHATTERS: Final = "channel_chatters"
LOGINS_REFUSED: Final = "logins_refused"
LOGINS_UNANSWERED: Final = "logins_unanswered"
DATA_ENTRY_ID: Final = "entry_id"
DATA_DEVICE_ID: Final = "device_id"
DATA_KIND: Final = "kind"

FIXABLE: Final = frozenset(
    {
        notices.TWIN,
        notices.FOREIGN,
        notices.KEY,
        notices.CLOCK,
        notices.MANIFEST,
        notices.CHANNELS,
        JOURNAL_OVERRUN,
        JOURNAL_BEGAN_ANEW,
        ENTITY_BUDGET,
        CHANNEL_CHATTERS,
        CHANNELS_LACKING,
    }
)
"""A person can settle these here. The machine itself has to be mended for the others, and then they end."""

_LASTING: Final = frozenset({JOURNAL_OVERRUN, JOURNAL_BEGAN_ANEW})
"""They tell what happened, which does not end: they stay until a person has seen them."""

_SEVERITY: Final = {
    notices.TWIN: ir.IssueSeverity.ERROR,
    notices.FOREIGN: ir.IssueSeverity.ERROR,
    notices.KEY: ir.IssueSeverity.WARNING,
    notices.CLOCK: ir.IssueSeverity.WARNING,
    notices.HUB_CLOCK: ir.IssueSeverity.ERROR,
    notices.MANIFEST: ir.IssueSeverity.WARNING,
    notices.STORE: ir.IssueSeverity.CRITICAL,
    notices.PROTOCOL: ir.IssueSeverity.ERROR,
    notices.CHANNELS: ir.IssueSeverity.WARNING,
    JOURNAL_OVERRUN: ir.IssueSeverity.ERROR,
    JOURNAL_BEGAN_ANEW: ir.IssueSeverity.ERROR,
    ENTITY_BUDGET: ir.IssueSeverity.WARNING,
    CHANNEL_CHATTERS: ir.IssueSeverity.WARNING,
    CHANNELS_LACKING: ir.IssueSeverity.WARNING,
    NEWER_ENTRY: ir.IssueSeverity.ERROR,
    LOGINS_REFUSED: ir.IssueSeverity.ERROR,
    LOGINS_UNANSWERED: ir.IssueSeverity.ERROR,
}


@callback
def show_notice(hass: HomeAssistant, entry: IiotConfigEntry, notice: Notice) -> None:
    """Raise the repair of a notice, or take it away when the notice is withdrawn."""
    issue_id = issue_id_of(entry.entry_id, notice.kind, notice.device_id)
    if not notice.active:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    # A title is shown as it is, a description as markdown, into which no device may write links.
    device = _name_of(entry, notice.device_id)
    facts = {name: plain(str(fact)) for name, fact in notice.facts.items()}
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        data={DATA_ENTRY_ID: entry.entry_id, DATA_DEVICE_ID: notice.device_id, DATA_KIND: notice.kind},
        is_fixable=notice.kind in FIXABLE,
        is_persistent=notice.kind in _LASTING,
        severity=_SEVERITY[notice.kind],
        translation_key=notice.kind,
        translation_placeholders={
            **facts,
            "site": entry.title,
            "device": device,
            "name": plain(device),
            "device_id": notice.device_id or "",
        },
    )


@callback
def standing_notices(
    hass: HomeAssistant, entry: IiotConfigEntry, device_ids: Container[str]
) -> set[tuple[str, str | None]]:
    """Kind and device of the plant's notices that people see from before a restart of the hub.

    They stay, so that one which a person chose to ignore stays ignored; those of devices that are gone go.
    """
    standing: set[tuple[str, str | None]] = set()
    for issue_id, facts in _issues_of(hass, entry.entry_id):
        kind, device_id = str(facts[DATA_KIND]), facts[DATA_DEVICE_ID]
        if kind not in notices.KINDS:
            continue
        if device_id is None or device_id in device_ids:
            standing.add((kind, None if device_id is None else str(device_id)))
        else:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
    return standing


@callback
def withdraw_notices(hass: HomeAssistant, entry_id: str) -> None:
    """Take away every repair of a hub that is disabled or removed."""
    for issue_id, _ in _issues_of(hass, entry_id):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def is_told(hass: HomeAssistant, entry: IiotConfigEntry, kind: str) -> bool:
    """Whether people see a notice of the hub itself."""
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id_of(entry.entry_id, kind, None)) is not None


def issue_id_of(entry_id: str, kind: str, device_id: str | None) -> str:
    """Name the repair of one notice."""
    return f"{entry_id}_{kind}" if device_id is None else f"{entry_id}_{kind}_{device_id}"


def _issues_of(hass: HomeAssistant, entry_id: str) -> list[tuple[str, dict[str, str | int | float | None]]]:
    return [
        (issue.issue_id, issue.data)
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.data is not None and issue.data.get(DATA_ENTRY_ID) == entry_id
    ]


def _name_of(entry: IiotConfigEntry, device_id: str | None) -> str:
    if device_id is None:
        return ""
    subentry = subentry_of(entry, device_id)
    return clean_name(device_id if subentry is None else subentry.title, device_id)
