"""The registry file: exported, imported, and its profiles applied, by those whose role allows it."""

from typing import Any, Final

import probatio
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import Context, HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv

from ..bridge import registry
from ..bridge.hub import Hub
from ..bridge.marked_yaml import Document, Flaw, FlawsError
from ..bridge.targets import TARGET_FIELDS, Target, devices_of
from ..const import DOMAIN
from ..engine.actuation.roles import Role
from ..engine.errors import RecordError
from ..engine.plant.registry import Change, Said, said_by_profile
from .handling import hub_of, in_words, not_changed
from .shapes import ChangeShape, DeviceChangesShape, FlawShape, ImportShape

ATTR_DRY_RUN: Final = "dry_run"
ATTR_PROFILE: Final = "profile"
ATTR_REGISTRY: Final = "registry"
MOST_IN_WORDS: Final = 10
"""Errors that a message names; the response names all."""

_EXPORT: Final = probatio.Schema({probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string})
_IMPORT: Final = probatio.Schema(
    {
        probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string,
        probatio.Required(ATTR_REGISTRY): cv.string,
        probatio.Optional(ATTR_DRY_RUN, default=True): cv.boolean,
    }
)
_APPLY: Final = probatio.Schema(
    {
        **TARGET_FIELDS,
        probatio.Required(ATTR_REGISTRY): cv.string,
        probatio.Required(ATTR_PROFILE): cv.string,
        probatio.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)


@callback
def register(hass: HomeAssistant) -> None:
    """Register the actions of this noun."""

    async def export_registry(call: ServiceCall) -> ServiceResponse:
        hub = hub_of(hass, call.data[ATTR_CONFIG_ENTRY_ID])
        await hub.roles.async_permit(call.context.user_id, hub.roles.site, Role.ENGINEER)
        return {"registry": await registry.async_exported(hub)}

    async def import_registry(call: ServiceCall) -> ServiceResponse:
        hub = hub_of(hass, call.data[ATTR_CONFIG_ENTRY_ID])
        told: ImportShape = {"dry_run": call.data[ATTR_DRY_RUN], "errors": [], "devices": {}}
        try:
            document = await hass.async_add_executor_job(registry.read_registry, call.data[ATTR_REGISTRY])
            told["devices"] = await _async_import(hub, document, call)
        except FlawsError as err:
            if not call.return_response:
                raise _flawed(err) from err
            told["errors"] = [flaw_shape(flaw) for flaw in err.flaws]
        return _told(told) if call.return_response else None

    async def apply_profile(call: ServiceCall) -> ServiceResponse:
        targets = devices_of(hass, call.data, call.data.get(ATTR_CONFIG_ENTRY_ID))
        try:
            document = await hass.async_add_executor_job(registry.read_registry, call.data[ATTR_REGISTRY])
        except FlawsError as err:
            raise _flawed(err) from err
        said = _profile(document, call.data[ATTR_PROFILE])
        told, failed = await _async_apply_to_all(targets, said, call)
        if failed and not call.return_response:
            raise not_changed(failed, len(targets))
        return {"dry_run": call.data[ATTR_DRY_RUN], "devices": told} if call.return_response else None

    services = hass.services
    services.async_register(
        DOMAIN, "export_registry", export_registry, schema=_EXPORT, supports_response=SupportsResponse.ONLY
    )
    services.async_register(
        DOMAIN, "import_registry", import_registry, schema=_IMPORT, supports_response=SupportsResponse.OPTIONAL
    )
    services.async_register(
        DOMAIN, "apply_profile", apply_profile, schema=_APPLY, supports_response=SupportsResponse.OPTIONAL
    )


async def _async_import(hub: Hub, document: Document, call: ServiceCall) -> dict[str, DeviceChangesShape]:
    user_id, roles = call.context.user_id, hub.roles
    for device_id in document.raw.get("devices", {}):
        await roles.async_permit(user_id, roles.device(device_id), Role.ENGINEER)
    for one in registry.plan_file(hub, document):
        if one.moves:
            await roles.async_permit(user_id, roles.at(one.place), Role.ENGINEER)
    plans = registry.plan_file(hub, document)  # others may have come in while roles were asked for
    if not call.data[ATTR_DRY_RUN]:
        registry.apply(hub, plans, call.context)
    return {str(one.subentry.unique_id): _changes_shape(one) for one in plans if one.changes}


async def _async_apply_to_all(targets: list[Target], said: Said, call: ServiceCall) -> tuple[dict[str, Any], list[str]]:
    """Apply a profile to each device; gives what became of it by registry id, and whose refusal in words."""
    told: dict[str, Any] = {}
    failed: list[str] = []
    for target in targets:
        try:
            changes = await _async_apply(target, said, call.context, is_dry=call.data[ATTR_DRY_RUN])
            told[target.registry_id] = {"id": target.device_id, **changes}
        except HomeAssistantError as err:
            told[target.registry_id] = {"id": target.device_id, "name": target.name, "changes": [], "reason": str(err)}
            failed.append(f"{target.name}: {err}")
    return told, failed


async def _async_apply(target: Target, said: Said, context: Context, *, is_dry: bool) -> DeviceChangesShape:
    hub = target.hub
    await target.async_permit(context.user_id, Role.ENGINEER)
    try:
        plan = registry.plan(hub, target.device_id, said)
    except RecordError as err:
        raise in_words(err) from err
    if plan.moves:
        await hub.roles.async_permit(context.user_id, hub.roles.at(plan.place), Role.ENGINEER)
    if not is_dry:
        registry.apply(hub, [plan], context)
    return _changes_shape(plan)


def _profile(document: Document, name: str) -> Said:
    said = said_by_profile(document.raw, name)
    if said is None:
        known = ", ".join(document.raw.get("profiles", {})) or "-"
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_profile",
            translation_placeholders={"profile": name, "profiles": known},
        )
    return said


def first_flaws(err: FlawsError) -> dict[str, str]:
    """Say the first flaws of a file, for an exception."""
    lines = [f"{flaw.line}: {flaw.path} {flaw.reason}" for flaw in err.flaws[:MOST_IN_WORDS]]
    return {"flaws": "; ".join(lines)}


def _flawed(err: FlawsError) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="registry_flawed", translation_placeholders=first_flaws(err)
    )


def _told(shape: ImportShape) -> dict[str, Any]:
    return {**shape}


def flaw_shape(flaw: Flaw) -> FlawShape:
    """Say where a file is wrong."""
    return {"line": flaw.line, "path": flaw.path, "reason": flaw.reason}


def _change_shape(change: Change) -> ChangeShape:
    return {"path": change.path, "from": change.before, "to": change.after}


def _changes_shape(plan: registry.Plan) -> DeviceChangesShape:
    return {"name": plan.subentry.title, "changes": [_change_shape(change) for change in plan.changes]}
