"""What people decide about a device while it works: their policy for it, and its counters."""

from collections.abc import Collection

from ..devices.adopted import ID_PREFIX, check_entities
from ..devices.bare_rules import check_commands, check_topics
from ..devices.display import check_display
from ..devices.manifest import Manifest
from ..effects import CountersZeroed, Effect, Happened, HealthChanged, ManifestChanged, ValuesChanged
from ..errors import RecordError
from ..ingest.calculated import MAX_CALCULATED
from ..ingest.expression import read_expression
from ..values import Happening, Now
from . import bare, guarding, templates
from .member import Member, Polled
from .policy import Policy
from .site import Site


def check(site: Site, member: Member, policy: Policy, kids: Collection[int], taken: Collection[str]) -> None:
    """Raise `RecordError` when it does not fit the device; one that has not described itself may have anything.

    Of a bare device: `kids` are the numbers of its keys, `taken` the topics of other devices.
    """
    _check_channels_of_its_own(site, member, policy, kids, taken)
    manifest = member.device.manifest if member.bare is None else bare.described(member.bare, policy)
    guarding.check(policy, manifest, member.policy.interlocks)
    _check_calculated(policy, manifest)


def _check_channels_of_its_own(
    site: Site, member: Member, policy: Policy, kids: Collection[int], taken: Collection[str]
) -> None:
    """Only who does not describe itself has topics and what goes with them, or entities; of these two only one."""
    is_bare = member.bare is not None
    is_adopted = member.device.id.startswith(ID_PREFIX)
    for name, verb in (("topics", "are"), ("commands", "are"), ("template", "is")):
        if getattr(policy, name) and (not is_bare or is_adopted):
            raise RecordError(name, f"{verb} for devices that sign and do not speak the protocol: this is none")
    if policy.entities and not is_adopted:
        raise RecordError("entities", "are for devices that are made of entities: this is none")
    if is_adopted:
        check_entities(policy.entities)
    elif is_bare:
        prefix, own = site.settings.prefix, [one.topic for one in policy.topics]
        check_topics(policy.topics, prefix, kids, [*taken, *templates.others(site, policy.template)])
        check_commands(policy.commands, prefix, kids, [*taken, *own, *templates.others(site, None)])


def _check_calculated(policy: Policy, manifest: Manifest | None) -> None:
    if len(policy.calculated) > MAX_CALCULATED:
        raise RecordError("calculated", f"must be at most {MAX_CALCULATED} channels")
    if manifest is None:
        return
    check_display(policy.display, manifest)
    for key, row in policy.calculated.items():
        if key in manifest.channels:
            raise RecordError(f"calculated.{key}", "is the key of a channel of the device")
        strange = sorted(read_expression(row.expression).names - manifest.channels.keys())
        if strange:
            raise RecordError(f"calculated.{key}.expression", f"names what is no channel of the device: {strange[0]}")


def follow(site: Site, member: Member, policy: Policy, effects: list[Effect]) -> None:
    """Obey a policy from now on."""
    before, member.policy = member.policy, policy
    guarding.set_guards(member)
    bare.follow(site, member, effects)
    if policy == before:
        return
    device_id = member.device.id
    site.replan.add(device_id)
    if (policy.channels, policy.calculated) != (before.channels, before.calculated):
        changed = member.board.obey(policy.channels, policy.calculated)
        member.values_changed = True
        effects += [ManifestChanged(device_id), ValuesChanged(device_id, changed)]
    if policy.trial is not before.trial:
        effects.append(Happened(device_id, Happening.TRIAL_BEGAN if policy.trial else Happening.TRIAL_ENDED))


def counters_of(member: Member) -> dict[str, int]:
    """Give every figure that counts up."""
    figures = {
        "refused": member.device.refusals.total,
        "lost_rows": member.lost_rows,
        "repeated_rows": member.repeated_rows,
        "polls": member.polled.sent,
        "poll_timeouts": member.polled.timeouts,
        "poll_failures": member.polled.failures,
    }
    return figures | {f"refused_{code}": count for code, count in sorted(member.device.refusals.counts.items())}


def zero(site: Site, member: Member, now: Now, effects: list[Effect]) -> None:
    """Begin to count anew; the old figures go out once more, to be kept."""
    effects.append(CountersZeroed(member.device.id, counters_of(member)))
    member.device.refusals.counts.clear()
    member.lost_rows = member.repeated_rows = 0
    member.polled = Polled()
    site.touch(member, now.steady_ns, 0)
    effects.append(HealthChanged(member.device.id))
