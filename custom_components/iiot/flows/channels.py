"""Channels: the gates of each, how often it is shown, and those that the hub works out."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import probatio
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers import selector

from ..bridge.enrolment import plain
from ..bridge.mapping import clean_name
from ..engine.devices.manifest import Channel
from ..engine.ingest.calculated import MAX_CALCULATED, Calculated
from ..engine.ingest.checks import MAX_INTERVAL_S, MAX_STUCK_S, Checks, span_of
from ..engine.ingest.expression import FUNCTIONS, ExpressionError, read_expression
from ..engine.values import Kind
from .forms import TEXT, number, per_second
from .pages import CONF_CHANNEL, PageSteps, chooser, label

CONF_KEY: Final = "channel_key"
CONF_EXPRESSION: Final = "expression"
CONF_UNIT: Final = "unit"
CONF_CLASS: Final = "device_class"
CONF_PRECISION: Final = "precision"
CONF_REMOVE: Final = "remove"
_NUMBERS: Final = (Kind.FLOAT, Kind.INT)
_KEY: Final = re.compile(r"[a-z0-9_]{1,64}")
_CLASSES: Final = selector.SelectSelector(
    {
        "options": [found.value for found in SensorDeviceClass],
        "custom_value": True,
        "sort": True,
        "mode": selector.SelectSelectorMode.DROPDOWN,
    }
)


def _gates(channel: Channel) -> dict[str, Any]:
    """Field of `Checks` → field of the form: those that a channel of this kind can have."""
    unit = clean_name(channel.unit or "", "") or None
    fields = {
        "low": number(None, None, "any", unit),
        "high": number(None, None, "any", unit),
        "slew_per_s": number(0, None, "any", per_second(unit)),
        "stuck_s": number(1, MAX_STUCK_S, 1, "s"),
        "deadband": number(0, None, "any", unit),
        "deadband_percent": number(0, 100, 0.1, "%"),
        "interval_s": number(0, MAX_INTERVAL_S, 0.1, "s"),
    }
    return fields if channel.kind in _NUMBERS else {name: fields[name] for name in ("stuck_s", "interval_s")}


class ChannelSteps(PageSteps):
    """The pages on a device's channels."""

    _channel: Channel
    _calculated_key: str | None = None
    """Of the calculated channel that is changed; None: a new one."""
    _missing: Sequence[str] = ()
    """Keys in the formula that are no channels of the device."""

    async def async_step_gates(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the channel."""
        channels = self._all_channels()
        if not channels:
            return self.async_abort(reason="no_channels")
        if user_input is not None:
            self._channel = channels[user_input[CONF_CHANNEL]]
            return await self.async_step_gate()
        return self.async_show_form(
            step_id="gates",
            data_schema=probatio.Schema({probatio.Required(CONF_CHANNEL): chooser(channels)}),
            description_placeholders={"name": plain(self._get_reconfigure_subentry().title)},
        )

    async def async_step_gate(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the gates of the channel; a form without any answer takes them away."""
        channel, policy = self._channel, self.policy()
        errors: dict[str, str] = {}
        if user_input is not None:
            checks = Checks(**{name: value for name, value in user_input.items() if value or name in ("low", "high")})
            errors = _errors(checks, channel)
            if not errors:
                others = {key: kept for key, kept in policy.channels.items() if key != channel.key}
                own = {} if checks == Checks() else {channel.key: checks}
                return self.keep(replace(policy, channels=others | own))
        present, nothing = policy.channels.get(channel.key, Checks()), Checks()
        gates = _gates(channel)
        shown = {name: value for name in gates if (value := getattr(present, name)) != getattr(nothing, name)}
        fields = {probatio.Optional(name): field for name, field in gates.items()}
        return self.async_show_form(
            step_id="gate",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(fields), shown if user_input is None else user_input
            ),
            errors=errors,
            description_placeholders={"channel": plain(label(channel))},
        )

    async def async_step_calculated(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which calculated channel is to be changed; none: a new one."""
        if not self.channels():
            return self.async_abort(reason="no_channels")
        present = self.policy().calculated
        if user_input is not None or not present:
            self._calculated_key = (user_input or {}).get(CONF_CHANNEL)
            return await self.async_step_formula()
        rows = {key: Channel(key=key, name=row.name, kind=Kind.FLOAT) for key, row in present.items()}
        return self.async_show_form(
            step_id="calculated",
            data_schema=probatio.Schema({probatio.Optional(CONF_CHANNEL): chooser(rows)}),
            description_placeholders={"name": plain(self._get_reconfigure_subentry().title)},
        )

    async def async_step_formula(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what is worked out, and how; or take it away."""
        policy = self.policy()
        errors: dict[str, str] = {}
        if user_input is not None:
            key = self._calculated_key or str(user_input[CONF_KEY]).strip()
            others = {found: row for found, row in policy.calculated.items() if found != self._calculated_key}
            if user_input.get(CONF_REMOVE):
                return self.keep(replace(policy, calculated=others))
            errors = self._formula_errors(key, user_input, others)
            if not errors:
                return self.keep(replace(policy, calculated=others | {key: _calculated(user_input)}))
        shown = user_input
        if shown is None and self._calculated_key is not None:
            shown = _shown(policy.calculated[self._calculated_key])
        return self.async_show_form(
            step_id="formula",
            data_schema=self.add_suggested_values_to_schema(_formula_form(is_new=self._calculated_key is None), shown),
            errors=errors,
            description_placeholders={
                "channels": ", ".join(f"`{key}`" for key in self.channels()),
                "functions": ", ".join(f"`{name}`" for name in FUNCTIONS),
                "missing": ", ".join(self._missing),
            },
        )

    def _all_channels(self) -> dict[str, Channel]:
        member = self.member()
        calculated = member.board.calculated if member else []
        return self.channels() | {channel.key: channel for channel in calculated}

    def _formula_errors(self, key: str, user_input: dict[str, Any], others: dict[str, Calculated]) -> dict[str, str]:
        channels, errors = self.channels(), dict[str, str]()
        if not _KEY.fullmatch(key):
            errors[CONF_KEY] = "invalid_channel_key"
        elif key in channels or key in others:
            errors[CONF_KEY] = "channel_exists"
        elif len(others) >= MAX_CALCULATED:
            errors[CONF_KEY] = "too_many_calculated"
        if not user_input[CONF_NAME].strip():
            errors[CONF_NAME] = "name_missing"
        try:
            names = read_expression(user_input[CONF_EXPRESSION]).names
        except ExpressionError as err:
            errors[CONF_EXPRESSION] = f"expression_{err.flaw}"
        else:
            self._missing = sorted(names - channels.keys())
            if self._missing:
                errors[CONF_EXPRESSION] = "expression_unknown_channel"
        return errors


def _errors(checks: Checks, channel: Channel) -> dict[str, str]:
    errors: dict[str, str] = {}
    if checks.flaw() is not None:
        errors["high"] = "low_above_high"
    elif checks.deadband_percent and not span_of(checks, channel):
        errors["deadband_percent"] = "percent_needs_range"
    return errors


def _formula_form(*, is_new: bool) -> probatio.Schema:
    fields: dict[probatio.Marker, Any] = {probatio.Required(CONF_KEY): TEXT} if is_new else {}
    fields |= {
        probatio.Required(CONF_NAME): TEXT,
        probatio.Required(CONF_EXPRESSION): TEXT,
        probatio.Optional(CONF_UNIT): TEXT,
        probatio.Optional(CONF_CLASS): _CLASSES,
        probatio.Optional(CONF_PRECISION): number(0, 12, 1),
    }
    if not is_new:
        fields[probatio.Required(CONF_REMOVE, default=False)] = selector.BooleanSelector()
    return probatio.Schema(fields)


def _shown(row: Calculated) -> dict[str, Any]:
    facts = {
        CONF_NAME: row.name,
        CONF_EXPRESSION: row.expression,
        CONF_UNIT: row.unit,
        CONF_CLASS: row.device_class,
        CONF_PRECISION: row.precision,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _calculated(user_input: dict[str, Any]) -> Calculated:
    precision = user_input.get(CONF_PRECISION)
    return Calculated(
        name=user_input[CONF_NAME].strip(),
        expression=user_input[CONF_EXPRESSION].strip(),
        unit=user_input.get(CONF_UNIT, "").strip() or None,
        device_class=user_input.get(CONF_CLASS) or None,
        state_class="measurement",
        precision=None if precision is None else int(precision),
    )
