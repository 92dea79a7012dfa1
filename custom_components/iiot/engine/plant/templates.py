"""Topics of templates: a device that signs on them and that nobody has registered waits to be approved."""

from collections.abc import Iterable, Mapping
from typing import Never

from ..devices.bare import Heard
from ..devices.inbox import Waiting
from ..devices.stamps import FRESH_NS, StampWindow
from ..devices.templates import Spoken, TopicTemplate
from ..effects import Effect, TopicFound
from ..errors import Code, Refusal, TemplateError
from ..values import Now
from ..wire import bare, topics
from ..wire.bare import Stamped
from ..wire.codec import Envelope
from ..wire.templates import Match, Template, read_template
from . import door
from .bare import MAX_TOPICS
from .member import Member
from .site import Site, Templated

ID_PREFIX = "topic:"
"""Before the id of a bare device: no device of the protocol has a colon in its id."""


def set_templates(site: Site, registered: Iterable[TopicTemplate], keys: Mapping[int, bytes]) -> None:
    """Listen to templates, each under its key; one without a key is nobody's."""
    site.templates = []
    for one in registered:
        key = keys.get(one.kid)
        if key is not None:
            site.templates.append(Templated(read_template(one.template), key))
            site.bare.share(key)


def filters(site: Site) -> list[str]:
    """Give everything to subscribe to beside the protocol's own topics, each topic once."""
    wide = [one.template.filter for one in site.templates]
    single = [topic for topic in site.bare.filters if not any(topics.overlap(one, topic) for one in wide)]
    return sorted([*wide, *single])


def others(site: Site, followed: str | None) -> list[str]:
    """Give the topic filters of templates that a device does not follow: none of its topics may fit them."""
    return [one.template.filter for one in site.templates if one.template.text != followed]


def check_template(site: Site, text: str) -> Template:
    """Read a new template; raises `TemplateError` when it is none, or when somebody else has topics that fit it."""
    template = read_template(text)
    if topics.overlap(template.filter, f"{site.settings.prefix}/#"):
        raise TemplateError("topic_of_protocol")
    for one in site.templates:
        if topics.overlap(template.filter, one.template.filter):
            raise TemplateError("template_taken", other=one.template.text)
    for member in site.members.values():
        policy = member.policy
        for topic in policy.told_on if policy.template == text else policy.claimed:
            if topics.overlap(template.filter, topic):
                raise TemplateError("template_of_device", other=topic)
    return template


def find(site: Site, topic: str) -> tuple[Templated, Match] | None:
    """Whose topic it may be."""
    for one in site.templates:
        match = one.template.match(topic)
        if match is not None:
            return one, match
    return None


def knock(
    site: Site, found: tuple[Templated, Match], topic: str, message: bytes, now: Now, effects: list[Effect]
) -> Never:
    """A message on a topic of a template that is not registered. Always ends in `Refusal`.

    One whose signature and time are good gives its device a place in the inbox, or, when the device is registered, the
    topic a place among its topics. Nothing of it counts.
    """
    templated, match = found
    if len(message) > door.MAX_STRANGER_BYTES:
        raise _unknown("more than a device may say that is not registered")
    envelope, stamped = _verify(site, templated, topic, message, now)
    device_id = ID_PREFIX + match.root
    member = site.members.get(device_id)
    if member is not None:
        _add_topic(member, templated, topic, effects)
    else:
        entry = _note(site, templated, match, topic, envelope, stamped, now, effects)
        door.offer(site, entry, now, effects)
    _remember(site, templated.key, topic, envelope, stamped, now)
    raise _unknown("not registered with this hub" if member is None else "a new topic: it counts from now on")


def _verify(site: Site, templated: Templated, topic: str, message: bytes, now: Now) -> tuple[Envelope, Stamped]:
    try:
        envelope = bare.verify(message, templated.key)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"{refusal.detail}; it came on the template {templated.template.text}") from None
    stamped = bare.read(envelope.span)
    site.bare.share(templated.key).check(topic, stamped.time_ns, envelope.mac)
    if not site.doubts and abs(now.wall_ns - stamped.time_ns) > FRESH_NS:
        raise Refusal(Code.DELAYED, "its time is more than 300 s from the hub's")
    return envelope, stamped


def _remember(site: Site, key: bytes, topic: str, envelope: Envelope, stamped: Stamped, now: Now) -> None:
    site.bare.share(key).move(topic, stamped.time_ns, envelope.mac, now.wall_ns)


def _add_topic(member: Member, templated: Templated, topic: str, effects: list[Effect]) -> None:
    """Let a registered device have one more of the topics that its template gives it."""
    if member.device.is_revoked:
        raise Refusal(Code.REVOKED, "a person revoked this device")
    keys = {} if member.bare is None else member.bare.keys
    kid = next((kid for kid, held in keys.items() if held == templated.key), None)
    if kid is None or member.policy.template != templated.template.text:
        raise _unknown("its device does not follow the template, or has another key")
    if len(member.policy.topics) >= MAX_TOPICS:
        raise Refusal(Code.WRONG_TOPIC, f"the device has {MAX_TOPICS} other topics")
    effects.append(TopicFound(member.device.id, topic, kid))


def _note(
    site: Site,
    templated: Templated,
    match: Match,
    topic: str,
    envelope: Envelope,
    stamped: Stamped,
    now: Now,
    effects: list[Effect],
) -> Waiting:
    device_id, size = ID_PREFIX + match.root, len(envelope.span)
    held = site.inbox.get(device_id)
    spoken = held.spoken if held is not None else None
    spoken = spoken or Spoken(root=match.root, template=templated.template.text)
    window = spoken.windows.get(topic) or _window_from_before(site, device_id, topic)
    window.check(stamped.time_ns, envelope.mac)
    if not spoken.has_room(topic, size):
        raise _unknown("more than a device may say that is not registered")
    entry = door.seat(site, device_id, now, effects, proven=True)
    site.inbox.prove(entry)
    window.move(stamped.time_ns, envelope.mac)
    spoken.keep(topic, match, window, Heard(stamped.values, stamped.time_ns), size)
    entry.spoken, entry.key = spoken, templated.key
    entry.name, entry.model, entry.place = door.said(match.device), templated.template.text, match.area
    return entry


def _window_from_before(site: Site, device_id: str, topic: str) -> StampWindow:
    """The window of a device that was taken out and calls again."""
    removed = site.removed.get(device_id)
    windows = removed.bare.windows if removed is not None and removed.bare is not None else {}
    return windows.get(topic) or StampWindow()


def _unknown(detail: str) -> Refusal:
    return Refusal(Code.UNKNOWN_DEVICE, detail)
