"""What the plant wants people to know, as Home Assistant's repairs."""

from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..const import DOMAIN
from ..engine.effects import Notice
from ..engine.plant import notices
from .enrolment import plain

if TYPE_CHECKING:
    from ..runtime import IiotConfigEntry

JOURNAL_OVERRUN: Final = "journal_overrun"
JOURNAL_BEGAN_ANEW: Final = "journal_began_anew"
DATA_ENTRY_ID: Final = "entry_id"
DATA_DEVICE_ID: Final = "device_id"
DATA_KIND: Final = "kind"

FIXABLE: Final = frozenset({notices.TWIN, notices.FOREIGN})
"""A person decides; the others end by themselves."""

_SEVERITY: Final = {
    notices.TWIN: ir.IssueSeverity.ERROR,
    notices.FOREIGN: ir.IssueSeverity.ERROR,
    notices.CLOCK: ir.IssueSeverity.WARNING,
    notices.HUB_CLOCK: ir.IssueSeverity.ERROR,
    notices.MANIFEST: ir.IssueSeverity.WARNING,
    notices.STORE: ir.IssueSeverity.CRITICAL,
    JOURNAL_OVERRUN: ir.IssueSeverity.ERROR,
    JOURNAL_BEGAN_ANEW: ir.IssueSeverity.ERROR,
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
def withdraw_notices(hass: HomeAssistant, entry_id: str) -> None:
    """Take away every repair of a hub that stops; at its next start it says again what still holds."""
    found = [
        issue_id
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.data is not None and issue.data.get(DATA_ENTRY_ID) == entry_id
    ]
    for issue_id in found:
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def issue_id_of(entry_id: str, kind: str, device_id: str | None) -> str:
    """Name the repair of one notice."""
    return f"{entry_id}_{kind}" if device_id is None else f"{entry_id}_{kind}_{device_id}"


def _name_of(entry: IiotConfigEntry, device_id: str | None) -> str:
    if device_id is None:
        return ""
    return next((found.title for found in entry.subentries.values() if found.unique_id == device_id), device_id)
