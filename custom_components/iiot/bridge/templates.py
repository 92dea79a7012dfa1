"""Templates of topics: kept in the options of a site, their keys in its key file; who follows one joins as it spoke."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback

from ..const import CONF_POLICY, CONF_TEMPLATES, SUBENTRY_BARE, SUBENTRY_DEVICE
from ..engine import records
from ..engine.devices.bare import BareTopic
from ..engine.devices.templates import TopicTemplate, read_templates
from ..engine.plant.policy import Policy
from .enrolment import policy_of
from .policies import write_policy
from .stations import subentry_of

if TYPE_CHECKING:
    from ..engine.devices.inbox import Waiting
    from ..engine.effects import TopicFound
    from .hub import Hub

TEMPLATES_ID: Final = "templates:"
"""Under which the key file keeps the keys of templates, each by its number: no device can have this id."""


def templates_of(options: Mapping[str, Any]) -> tuple[TopicTemplate, ...]:
    """Read the templates of a site; raises `RecordError`."""
    return read_templates(options.get(CONF_TEMPLATES, ()))


def registration_of(waiting: Waiting, interval_s: float | None = None) -> tuple[str, dict[str, Any]]:
    """Give the type of the subentry of a device that waits, and what it decides beside what people write."""
    spoken = waiting.spoken
    if spoken is None:
        return SUBENTRY_DEVICE, {}
    policy = Policy(topics=spoken.topics(waiting.kid), template=spoken.template)
    if interval_s is not None:
        policy = replace(policy, interval_s=interval_s)
    return SUBENTRY_BARE, {CONF_POLICY: records.write(policy)}


@callback
def add_topic(hub: Hub, found: TopicFound) -> None:
    """Let a device have one more of the topics that its template gives it."""
    subentry = subentry_of(hub.entry, found.device_id)
    if subentry is None:
        return
    policy = policy_of(subentry)
    if all(topic.topic != found.topic for topic in policy.topics):
        topic = BareTopic(topic=found.topic, kid=found.kid)
        write_policy(hub, subentry, replace(policy, topics=(*policy.topics, topic)))
