"""Where a bare device is told what to do, whether it answers, and what can be moved."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.helpers import selector

from ..bridge.policies import topics_of_others
from ..bridge.words import async_words
from ..const import CONF_KEY_SOURCE
from ..engine import records
from ..engine.devices.bare_commands import ACTUATOR_KINDS, BareCommands
from ..engine.devices.bare_rules import FLAWS
from ..engine.devices.manifest import Channel
from ..engine.errors import RecordError
from .bare import BareFlow
from .forms import GENERATE, KEEP, PASTE, TEXT, key_source, number
from .interlocks import InterlockSteps
from .pages import chooser

CONF_COMMAND_TOPIC: Final = "command_topic"
CONF_ACK_TOPIC: Final = "ack_topic"
CONF_ACTUATORS: Final = "actuators"
CONF_REMOVE: Final = "remove"
_FIELDS: Final = {"topic": CONF_COMMAND_TOPIC, "ack": CONF_ACK_TOPIC}
_ANY: Final = number(None, None, "any")


class SignedTopicFlow(InterlockSteps, BareFlow):
    """All pages of a bare device."""

    _commands: BareCommands

    async def async_step_commands(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the topics of commands and answers, and for the actuators; or take them away."""
        present = self._policy().commands
        errors: dict[str, str] = {}
        placeholders = {"row": "-", "reason": "-"}
        if user_input is not None:
            if user_input.get(CONF_REMOVE):
                return self._change(replace(self._policy(), commands=None, interlocks={}))
            try:
                self._commands = self._checked(user_input, present)
            except RecordError as err:
                errors, placeholders = _worded(err)
            else:
                return await self._step_for_commands(user_input)
        shown = _shown(present) if user_input is None else user_input
        rows = actuator_rows(self.channels(), await async_words(self.hass, "actuator_kind"))
        return self._show("commands", _form(present, rows), shown, errors, **placeholders)

    async def _step_for_commands(self, user_input: dict[str, Any]) -> SubentryFlowResult:
        if user_input[CONF_KEY_SOURCE] == KEEP:
            return self._change(replace(self._policy(), commands=self._commands))
        self._form, self._topic, self._go_on = user_input, self._commands.topic, self._set_commands
        return await self._step_for_key()

    async def _set_commands(self, key: bytes) -> SubentryFlowResult:
        found = await self._save(key)
        return self._change(replace(self._policy(), commands=replace(self._commands, kid=found.kid)))

    def _checked(self, written: dict[str, Any], present: BareCommands | None) -> BareCommands:
        """Read the form; raises `RecordError`."""
        raw = {
            "topic": written[CONF_COMMAND_TOPIC].strip(),
            "kid": 1 if present is None else present.kid,
            "ack": written.get(CONF_ACK_TOPIC, "").strip() or None,
            "actuators": [_record_of(row) for row in written.get(CONF_ACTUATORS, [])],
        }
        commands = records.read(BareCommands, raw)
        entry, hub = self._hub()
        policy = replace(self._policy(), commands=commands)
        hub.plant.check_policy(self._device_id, policy, policy.kids, topics_of_others(entry, self._device_id))
        return commands


def _form(present: BareCommands | None, rows: selector.ObjectSelector) -> dict[probatio.Marker, Any]:
    fields: dict[probatio.Marker, Any] = {
        probatio.Required(CONF_COMMAND_TOPIC): TEXT,
        probatio.Optional(CONF_ACK_TOPIC): TEXT,
        probatio.Optional(CONF_ACTUATORS): rows,
    }
    fields |= key_source([PASTE, GENERATE] if present is None else [KEEP, PASTE, GENERATE])
    if present is not None:
        fields[probatio.Required(CONF_REMOVE, default=False)] = selector.BooleanSelector()
    return fields


def actuator_rows(channels: dict[str, Channel], words: Mapping[str, str]) -> selector.ObjectSelector:
    """Ask for actuators, which these channels may report; `words` name their kinds.

    Inside of a row Home Assistant's form translates no options.
    """
    kinds = [selector.SelectOptionDict(value=kind, label=words.get(kind, kind)) for kind in ACTUATOR_KINDS]
    return selector.ObjectSelector(
        {
            "multiple": True,
            "label_field": "name",
            "description_field": "kind",
            "translation_key": "bare_actuator",
            "fields": {
                "key": {"required": True, "selector": TEXT},
                "name": {"selector": TEXT},
                "kind": {"required": True, "selector": selector.SelectSelector({"options": kinds})},
                "unit": {"selector": TEXT},
                "minimum": {"selector": _ANY},
                "maximum": {"selector": _ANY},
                "step": {"selector": number(0, None, "any")},
                "channel": {"selector": chooser(channels)},
            },
        }
    )


def _shown(present: BareCommands | None) -> dict[str, Any]:
    if present is None:
        return {}
    rows = [{"kind": one.kind, **records.write(one)} for one in present.actuators]
    answers = {} if present.ack is None else {CONF_ACK_TOPIC: present.ack}
    return {CONF_COMMAND_TOPIC: present.topic, CONF_ACTUATORS: rows, **answers}


def _record_of(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty."""
    stripped = {name: value.strip() if isinstance(value, str) else value for name, value in row.items()}
    return {name: value for name, value in stripped.items() if value not in ("", None)}


def _worded(err: RecordError) -> tuple[dict[str, str], dict[str, str]]:
    """Errors and placeholders of the form."""
    path = err.path.removeprefix("commands.")
    nowhere = {"row": "-", "reason": "-"}
    if (field := _FIELDS.get(path)) is not None:
        taken = next((flaw for flaw, words in FLAWS.items() if words == err.reason), f"invalid_{field}")
        return {field: taken}, nowhere
    at, _, name = path.removeprefix("actuators[").partition("]")
    row = f"{int(at) + 1}{name}" if at.isdecimal() else path
    return {CONF_ACTUATORS: "invalid_actuator"}, {"row": row, "reason": err.reason}
