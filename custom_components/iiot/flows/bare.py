"""A device that signs its messages but does not speak the protocol: its topics, their keys, what its values are."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, Final

import probatio
from homeassistant.config_entries import SOURCE_RECONFIGURE, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import selector

from ..bridge.enrolment import DeviceKey, async_put_key, device_data, is_registered, plain, policy_of, running_hub
from ..bridge.hub import Hub
from ..bridge.mapping import clean_name
from ..bridge.policies import topics_of_others
from ..bridge.stations import move, page_of
from ..const import CONF_AREA, CONF_DESCRIPTION, CONF_FINGERPRINT, CONF_KEY, CONF_KEY_SOURCE, CONF_KID, CONF_POLICY
from ..engine import records
from ..engine.devices import bare_rules
from ..engine.devices.bare import BareTopic
from ..engine.devices.guesses import proposals
from ..engine.errors import KeyFormError, RecordError, StoreError
from ..engine.plant.policy import Policy
from ..engine.wire import signing, topics
from ..runtime import IiotConfigEntry
from .assets import AssetSteps
from .channel_rows import ROWS, channels_of, row_of, rows_of
from .channels import ChannelSteps
from .forms import GENERATE, PASTE, TEXT, choice, details, key_source
from .relations import RelationSteps

CONF_TOPIC: Final = "topic"
CONF_INTERVAL: Final = "interval_s"
CONF_CHANNELS: Final = "channels"
CONF_USE: Final = "topic_use"
READINGS: Final = "readings"
ALARMS: Final = "alarms"
PAGES: Final = [
    "channels",
    "gates",
    "calculated",
    "add_topic",
    "commands",
    "interlocks",
    "new_key",
    "remove_topic",
    "details",
    "asset",
    "relations",
]
_PREFIX: Final = "topic:"
"""Before the id of a bare device: no device of the protocol has a colon in its id."""
_INTERVAL: Final = selector.NumberSelector(
    {"min": 1, "max": 86_400, "step": 1, "unit_of_measurement": "s", "mode": selector.NumberSelectorMode.BOX}
)


class BareFlow(AssetSteps, RelationSteps, ChannelSteps):
    """A bare device is registered by one of its topics, and changed."""

    def __init__(self) -> None:
        self._form: dict[str, Any] = {}
        self._topic = ""
        self._made: bytes | None = None
        self._key: bytes | None = None
        self._go_on: Callable[[bytes], Any] = self._create

    # --- joining -------------------------------------------------------------------------

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the topic, the device and where its key comes from."""
        entry, hub = self._hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            self._form, self._topic = user_input, user_input[CONF_TOPIC].strip()
            errors = self._check_topic(hub)
            if not user_input[CONF_NAME].strip():
                errors[CONF_NAME] = "name_missing"
            elif not errors and is_registered(entry, self._device_id):
                errors[CONF_TOPIC] = "already_configured"
            if not errors:
                return await self._step_for_topic(self._create)
        fields = {probatio.Required(CONF_TOPIC): TEXT} | details() | interval_field() | key_source([PASTE, GENERATE])
        return self._show("user", fields, user_input, errors, site=plain(entry.title))

    async def async_step_wildcards(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Say what a filter that more than one topic matches means."""
        if user_input is not None:
            return await self._step_for_key()
        return self._show("wildcards", {}, topic=self._topic)

    async def async_step_key(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Take the key with which the device signs on this topic."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                key = signing.parse_text_key(user_input[CONF_KEY])
            except KeyFormError:
                errors[CONF_KEY] = "invalid_text_key"
            else:
                return await self._take_key(key)
        return self._show("key", {probatio.Required(CONF_KEY): TEXT}, user_input, errors, topic=self._topic)

    async def async_step_key_made(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show a new key, this once."""
        if self._made is None:
            self._made = secrets.token_bytes(signing.KEY_BYTES)
        if user_input is not None:
            return await self._take_key(self._made)
        field = probatio.Optional(CONF_KEY, description={"suggested_value": self._made.hex()})
        fingerprint = signing.fingerprint(self._made)
        return self._show("key_made", {field: TEXT}, topic=self._topic, fingerprint=fingerprint)

    async def async_step_shared(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Say what it means that somebody else has this key, too."""
        if user_input is not None and self._key is not None:
            return await self._go_on(self._key)  # type: ignore[no-any-return]  # each of them ends the flow
        return self._show("shared", {}, topic=self._topic)

    # --- changing ------------------------------------------------------------------------

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what is to be changed."""
        del user_input
        subentry = self._get_reconfigure_subentry()
        return self.async_show_menu(
            step_id="reconfigure", menu_options=PAGES, description_placeholders={"name": plain(subentry.title)}
        )

    async def async_step_channels(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Name the values of a topic: those that are known, and proposals for those that came."""
        if user_input is not None:
            self._topic = user_input[CONF_TOPIC]
        elif len(names := self._names(readings=True)) == 1:
            (self._topic,) = names
        elif names:
            return self._show("channels", self._topics(readings=True))
        else:
            return self.async_abort(reason="no_readings")
        return await self.async_step_topic_channels()

    async def async_step_topic_channels(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show the channels of the chosen topic."""
        policy, topic = self._policy(), self._registered_topic()
        taken = [key for other in policy.topics if other != topic for key in other.keys]
        errors: dict[str, str] = {}
        placeholders = {"topic": topic.topic, "row": "-", "reason": "-"}
        rows = rows_of((*topic.channels, *self._proposals(topic, taken)))
        if user_input is not None:
            rows = user_input.get(CONF_CHANNELS, [])
            others = [other for other in policy.topics if other != topic]
            try:
                changed = replace(topic, channels=channels_of(rows, taken))
                bare_rules.check_channels([*others, changed])
            except RecordError as err:
                errors[CONF_CHANNELS] = "invalid_channel"
                placeholders |= {"row": row_of(err.path), "reason": err.reason}
            else:
                return self._change_topics(changed, topic)
        field = probatio.Optional(CONF_CHANNELS, description={"suggested_value": rows})
        return self._show("topic_channels", {field: ROWS}, None, errors, **placeholders)

    async def async_step_add_topic(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Let the device speak on one more topic."""
        _, hub = self._hub()
        errors: dict[str, str] = {}
        if user_input is not None:
            self._form, self._topic = user_input, user_input[CONF_TOPIC].strip()
            errors = self._check_topic(hub)
            if not errors:
                return await self._step_for_topic(self._add_topic)
        uses = choice([READINGS, ALARMS], CONF_USE)
        use: dict[probatio.Marker, Any] = {probatio.Required(CONF_USE, default=READINGS): uses}
        fields = {probatio.Required(CONF_TOPIC): TEXT} | use | key_source([PASTE, GENERATE])
        return self._show("add_topic", fields, user_input, errors)

    async def async_step_new_key(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Give a topic another key: the old one is void at once."""
        if user_input is not None:
            self._form, self._topic = user_input, user_input[CONF_TOPIC]
            self._go_on = self._change_key
            return await self._step_for_key()
        return self._show("new_key", self._topics() | key_source([PASTE, GENERATE]))

    async def async_step_remove_topic(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Forget a topic with its channels and its key."""
        if len(self._policy().topics) == 1:
            return self.async_abort(reason="last_topic")
        if user_input is not None:
            self._topic = user_input[CONF_TOPIC]
            return self._change_topics(None, self._registered_topic())
        return self._show("remove_topic", self._topics())

    async def async_step_details(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change what people wrote about the device."""
        subentry = self._get_reconfigure_subentry()
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_NAME].strip():
                return self._change_details(user_input)
            errors[CONF_NAME] = "name_missing"
        page = page_of(self.hass, self._entry_id, subentry.subentry_id)
        present = {
            CONF_NAME: subentry.title,
            CONF_AREA: page.area_id if page else subentry.data[CONF_AREA],
            CONF_DESCRIPTION: subentry.data[CONF_DESCRIPTION],
            CONF_INTERVAL: self._policy().interval_s,
        }
        return self._show("details", details() | interval_field(), user_input or present, errors)

    # --- keys ----------------------------------------------------------------------------

    async def _step_for_topic(self, go_on: Callable[[bytes], Any]) -> SubentryFlowResult:
        self._go_on = go_on
        return await (self.async_step_wildcards() if topics.has_wildcards(self._topic) else self._step_for_key())

    async def _step_for_key(self) -> SubentryFlowResult:
        return await (self.async_step_key() if self._form[CONF_KEY_SOURCE] == PASTE else self.async_step_key_made())

    async def _take_key(self, key: bytes) -> SubentryFlowResult:
        _, hub = self._hub()
        self._key = key
        if hub.keys.holders(key):
            return await self.async_step_shared()
        return await self._go_on(key)  # type: ignore[no-any-return]  # each of them ends the flow

    async def _create(self, key: bytes) -> SubentryFlowResult:
        policy = Policy(topics=(BareTopic(topic=self._topic),), interval_s=float(self._form[CONF_INTERVAL]))
        device_key = await self._save(key, is_new=True)
        written = {**self._form, CONF_POLICY: records.write(policy)}
        return self.async_create_entry(
            title=clean_name(self._form[CONF_NAME], self._device_id),
            data=device_data(self._device_id, device_key, written),
            unique_id=self._device_id,
        )

    async def _add_topic(self, key: bytes) -> SubentryFlowResult:
        device_key = await self._save(key)
        alarm = self._alarm_key() if self._form[CONF_USE] == ALARMS else None
        return self._change_topics(BareTopic(topic=self._topic, kid=device_key.kid, alarm=alarm), None)

    async def _change_key(self, key: bytes) -> SubentryFlowResult:
        self._registered_topic()
        device_key = await self._save(key)
        topic = self._registered_topic()
        return self._change_topics(replace(topic, kid=device_key.kid), topic)

    async def _save(self, key: bytes, *, is_new: bool = False) -> DeviceKey:
        _, hub = self._hub()
        kid = max(hub.keys.device_keys(self._device_id), default=0) + 1
        found = DeviceKey(kid=1 if is_new else kid, key=key)
        try:
            await async_put_key(self.hass, hub, self._device_id, found, is_new=is_new, beside=not is_new)
        except StoreError as err:
            raise AbortFlow("key_not_saved") from err
        return found

    # --- what there is -------------------------------------------------------------------

    def _hub(self) -> tuple[IiotConfigEntry, Hub]:
        return running_hub(self.hass, self._entry_id)

    @property
    def _device_id(self) -> str:
        if self.source == SOURCE_RECONFIGURE:
            return str(self._get_reconfigure_subentry().unique_id)
        return _PREFIX + self._topic

    def _policy(self) -> Policy:
        return policy_of(self._get_reconfigure_subentry())

    def _alarm_key(self) -> str:
        taken = {key for topic in self._policy().topics for key in topic.keys}
        return next(key for number in count(1) if (key := f"alarm_{number}") not in taken)

    def _registered_topic(self) -> BareTopic:
        """Give the chosen topic; aborts when another form has taken it away meanwhile."""
        found = next((topic for topic in self._policy().topics if topic.topic == self._topic), None)
        if found is None:
            raise AbortFlow("topic_gone")
        return found

    def _check_topic(self, hub: Hub) -> dict[str, str]:
        flaw = bare_rules.topic_flaw(
            self._topic, hub.plant.settings.prefix, [*topics_of_others(hub.entry, ""), *hub.plant.template_filters]
        )
        return {} if flaw is None else {CONF_TOPIC: flaw}

    def _proposals(self, topic: BareTopic, taken: list[str]) -> list[Any]:
        _, hub = self._hub()
        member = hub.plant.members.get(self._device_id)
        heard = member.bare.heard.get(topic.topic) if member and member.bare else None
        level = "" if topics.has_wildcards(topic.topic) else topic.topic.rpartition("/")[2]
        return [] if heard is None else proposals(heard.values, topic.channels, taken, level=level)

    # --- forms ---------------------------------------------------------------------------

    def _names(self, *, readings: bool = False) -> list[str]:
        """Topics of the device, or those on which readings come."""
        return [topic.topic for topic in self._policy().topics if not (readings and topic.alarm is not None)]

    def _topics(self, *, readings: bool = False) -> dict[probatio.Marker, Any]:
        names = self._names(readings=readings)
        return {probatio.Required(CONF_TOPIC, default=names[0]): selector.SelectSelector({"options": names})}

    def _show(
        self,
        step: str,
        fields: dict[probatio.Marker, Any],
        shown: dict[str, Any] | None = None,
        errors: dict[str, str] | None = None,
        **placeholders: str,
    ) -> SubentryFlowResult:
        schema = self.add_suggested_values_to_schema(probatio.Schema(fields), shown)
        return self.async_show_form(
            step_id=step, data_schema=schema, errors=errors or {}, description_placeholders=placeholders
        )

    # --- ends ----------------------------------------------------------------------------

    def _change_topics(self, topic: BareTopic | None, instead_of: BareTopic | None) -> SubentryFlowResult:
        """Put a topic in the place of another; None stands for none."""
        policy = self._policy()
        kept = [topic if found == instead_of else found for found in policy.topics]
        if instead_of is None:
            kept.append(topic)
        return self._change(replace(policy, topics=tuple(found for found in kept if found is not None)))

    def _change_details(self, written: dict[str, Any]) -> SubentryFlowResult:
        area, subentry_id = written.get(CONF_AREA), self._get_reconfigure_subentry().subentry_id
        move(self.hass, page_of(self.hass, self._entry_id, subentry_id), area)
        policy = replace(self._policy(), interval_s=float(written[CONF_INTERVAL]))
        facts = {CONF_AREA: area, CONF_DESCRIPTION: written.get(CONF_DESCRIPTION, "")}
        return self._change(policy, title=clean_name(written[CONF_NAME], self._device_id), **facts)

    def _change(self, policy: Policy, title: str | None = None, **facts: Any) -> SubentryFlowResult:
        _, hub = self._hub()
        subentry = self._get_reconfigure_subentry()
        first = policy.topics[0].kid
        key = hub.keys.device_keys(self._device_id).get(first)
        named = {} if key is None else {CONF_KID: first, CONF_FINGERPRINT: signing.fingerprint(key)}
        data = {**subentry.data, **named, **facts, CONF_POLICY: records.write(policy)}
        return self.async_update_and_abort(self._get_entry(), subentry, title=title or subentry.title, data=data)


def interval_field() -> dict[probatio.Marker, Any]:
    """Ask how often a device speaks."""
    return {probatio.Required(CONF_INTERVAL, default=Policy().interval_s): _INTERVAL}
