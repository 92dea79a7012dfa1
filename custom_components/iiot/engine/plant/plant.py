"""The façade: one hub's engine. It is told what happens, and says what to do."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from ..actuation.command import Command
from ..actuation.wish import Wish
from ..devices.admission import Admission
from ..devices.device import Device
from ..devices.inbox import Inbox
from ..devices.keys import KeyRing, KeyStep
from ..devices.templates import TopicTemplate
from ..effects import Effect
from ..errors import Refusal
from ..polling.schedule import Schedule
from ..ports import Batch, Entropy, JournalEntry, Kept
from ..values import NS_PER_S, Now, Settings
from . import adopted, care, commits, door, notices, orders, polls, reception, replaying, rotation, templates
from .arrival import announce, count_refusal
from .member import Member
from .policy import Policy
from .site import Site
from .upkeep import Upkeep

POLL_SPREAD_S = 60.0
"""After a start every device is asked for a heartbeat within this time."""
POLL_PER_S = 20.0
"""A small fleet is asked sooner, at this rate."""


class Plant:
    """Devices, inbox and journal of one hub, without any I/O.

    Order of life: `restore`, `replay` for every journal row after the cursor of the last values,
    `start`, then anything. Whatever gives effects back expects them to be performed in order.
    """

    def __init__(self, settings: Settings, entropy: Entropy, fleet_key: bytes | None = None) -> None:
        self._site = Site(settings=settings, entropy=entropy, fleet_key=fleet_key)
        self._upkeep = Upkeep()

    # --- reading -------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What a person chose for this hub."""
        return self._site.settings

    @property
    def members(self) -> dict[str, Member]:
        """Registered devices by id. Read only."""
        return self._site.members

    @property
    def inbox(self) -> Inbox:
        """Devices that wait for approval. Read only."""
        return self._site.inbox

    @property
    def admission(self) -> Admission:
        """Who joins without anybody being asked."""
        return self._site.admission

    @property
    def strangers(self) -> dict[str, int]:
        """Refused messages of nobody we know, by code."""
        return dict(self._site.strangers.counts)

    @property
    def refused(self) -> int:
        """Messages refused since the counters began, of devices and of strangers, but for what a healthy site has."""
        members = self._site.members.values()
        return self._site.strangers.total + sum(member.device.refusals.total for member in members)

    @property
    def refused_by_code(self) -> dict[str, int]:
        """All refused messages since the counters began, of devices and of strangers, by code."""
        found = Counter(self._site.strangers.counts)
        for member in self._site.members.values():
            found.update(member.device.refusals.counts)
        return dict(sorted(found.items()))

    @property
    def filters(self) -> list[str]:
        """Topics and topic filters of bare devices and templates, to be subscribed to."""
        return templates.filters(self._site)

    @property
    def template_filters(self) -> list[str]:
        """Topic filters of templates."""
        return templates.others(self._site, None)

    @property
    def adopted(self) -> dict[str, list[str]]:
        """Entities of Home Assistant that are channels, with the devices that have adopted them."""
        return adopted.entities(self._site)

    @property
    def doubts_clock(self) -> bool:
        """Whether the hub's own clock is in question."""
        return self._site.doubts

    @property
    def standing(self) -> list[tuple[str, str | None]]:
        """Notices (kind, device) that people see now."""
        return sorted(self._site.notices, key=lambda notice: (notice[0], notice[1] or ""))

    @property
    def polls(self) -> Schedule:
        """When devices are asked for readings, and how that goes. Read only."""
        return self._site.polls

    @property
    def accepted(self) -> int:
        """Messages accepted since the start."""
        return self._site.accepted

    @property
    def commit_due_ns(self) -> int | None:
        """Steady time of the next commit; None when nothing waits or one is under way."""
        waiting = self._site.waiting
        return None if waiting.in_flight is not None else waiting.due_ns

    def highest_boot(self, device_id: str) -> int:
        """Boot above which a device of this id has to start: for its provisioning text."""
        member = self._site.members.get(device_id) or self._site.removed.get(device_id)
        return member.device.window.boot if member else 0

    def fits_key(self, device_id: str, key: bytes) -> bool | None:
        """Whether `key` made a heartbeat that is kept of a waiting device; None: it has not called."""
        entry = self._site.inbox.get(device_id)
        return None if entry is None else entry.kid_of(key) is not None

    # --- start ---------------------------------------------------------------------------

    def restore(
        self,
        kept: Iterable[Kept],
        keys: Mapping[str, dict[int, bytes]],
        steps: Mapping[str, KeyStep] = MappingProxyType({}),
    ) -> None:
        """Register the devices of `keys` with what the store holds; the rest are tombstones.

        `steps` are those of keys that no message has proved yet.
        """
        states = {entry.device_id: entry for entry in kept}
        for device_id, device_keys in keys.items():
            door.admit(self._site, device_id, device_keys, states.pop(device_id, None), steps.get(device_id))
        for device_id, entry in states.items():
            member = Member(device=Device(id=device_id, keys=KeyRing({})))
            member.restore(entry)
            member.is_removed = True
            self._site.removed[device_id] = member

    def replay(self, entries: Iterable[JournalEntry]) -> None:
        """Bring the last values up to date from the journal."""
        for entry in entries:
            replaying.show_again(self._site, entry.row)

    def recall(self, standing: Iterable[tuple[str, str | None]]) -> None:
        """Take up the notices (kind, device) that stood before a restart: they go when it shows that they are over."""
        self._site.notices.update(standing)
        for kind, device_id in self._site.notices:
            if kind == notices.KEY and device_id in self._site.members:
                self._site.members[device_id].unfit = reception.KEY_PROOFS

    def start(self, now: Now) -> list[Effect]:
        """Begin: deadlines count from now, and every device is asked how it is."""
        effects: list[Effect] = []
        self._site.jumps.watch(now)
        self._ask_everybody(now)
        for member in self._site.members.values():
            member.device.liveness.resume(now.wall_ns)
            member.ledger.resume(now)
            for guard in member.guards.values():
                guard.resume(now)
            member.device.downlink.resume(self._site.entropy)
            announce(self._site, member, now, effects)
            notices.say(self._site, effects, notices.TWIN, member.device.id, active=member.device.has_twin)
            notices.say(self._site, effects, notices.FOREIGN, member.device.id, active=member.device.is_foreign)
        self._upkeep.tick(self._site, now, effects)
        return effects

    # --- running -------------------------------------------------------------------------

    def on_message(
        self,
        topic: str,
        message: bytes,
        now: Now,
        *,
        retained: bool = False,
        refusals: list[Refusal] | None = None,
    ) -> list[Effect]:
        """Take in one message, whoever sent it. Never raises for what is in it.

        Who wants to know why it was refused hands `refusals` in; it stays empty when the message was accepted.
        """
        effects: list[Effect] = []
        self._upkeep.follow_step(self._site, now)
        try:
            reception.receive(self._site, topic, message, now, effects, retained=retained)
        except Refusal as refusal:
            reception.refuse(self._site, topic, refusal, now, effects)
            if refusals is not None:
                refusals.append(refusal)
        return effects

    def take_state(self, device_id: str, entity_id: str, state: str, changed_ns: int, now: Now) -> list[Effect]:
        """Take in what an adopted entity says, since when. Never raises for what is in it."""
        effects: list[Effect] = []
        member = self._site.members[device_id]
        try:
            adopted.take(self._site, member, entity_id, state, changed_ns, now, effects)
        except Refusal as refusal:
            count_refusal(member.device.refusals, device_id, refusal, now, effects)
        return effects

    def tick(self, now: Now) -> list[Effect]:
        """Do what time demands; call it about ten times a second."""
        effects: list[Effect] = []
        polls.run(self._site, now, effects)
        self._upkeep.tick(self._site, now, effects)
        return effects

    def committed(self, batch: Batch, now: Now) -> list[Effect]:
        """A batch is durable."""
        effects: list[Effect] = []
        commits.committed(self._site, batch, now, effects)
        return effects

    def not_committed(self, batch: Batch, reason: str, now: Now) -> list[Effect]:
        """A batch could not be written; it will be given out again."""
        effects: list[Effect] = []
        commits.not_committed(self._site, batch, reason, now, effects)
        return effects

    def flush(self, now: Now) -> list[Effect]:
        """Give out everything that is not durable yet, before a stop."""
        effects: list[Effect] = []
        commits.flush(self._site, now, effects)
        return effects

    def set_connected(self, connected: bool, now: Now) -> None:  # noqa: FBT001
        """Note whether messages can leave. After an outage every device is asked how it is."""
        if connected and not self._site.connected:
            self._ask_everybody(now)
        self._site.connected = connected

    def _ask_everybody(self, now: Now) -> None:
        """Ask every device how it is, spread over a time that fits their number."""
        members = self._site.members.values()
        spread_s = min(POLL_SPREAD_S, len(members) / POLL_PER_S)
        for member in members:
            share = int.from_bytes(self._site.entropy(2)) / 65_536
            member.wants.poll_due_ns = now.steady_ns + int(share * spread_s * NS_PER_S)

    # --- requests ------------------------------------------------------------------------

    def adopt(self, device_id: str, keys: dict[int, bytes], now: Now) -> list[Effect]:
        """Register a device; raises `DeviceExistsError`."""
        effects: list[Effect] = []
        door.adopt(self._site, device_id, keys, now, effects)
        return effects

    def remove(self, device_id: str, now: Now) -> list[Effect]:
        """Take a device out of the registry; unknown ids do nothing."""
        effects: list[Effect] = []
        door.remove(self._site, device_id, now, effects)
        return effects

    def rekey(self, device_id: str, keys: dict[int, bytes], now: Now) -> list[Effect]:
        """A device was provisioned with another key: whoever shared the old one is out."""
        member = self._site.members[device_id]
        member.hold(keys)
        member.device.just_adopted = True
        kinds = (notices.TWIN, notices.FOREIGN, notices.KEY)
        return [effect for kind in kinds for effect in self.settle(device_id, kind, now)]

    def propose_step(self, device_id: str, wish: Wish) -> tuple[KeyStep, bytes]:
        """Give a device's next key and the step to it, to be stored before `begin_step`; raises a `RequestError`."""
        return rotation.propose(self._site, self.members[device_id], wish)

    def begin_step(self, device_id: str, step: KeyStep, key: bytes) -> None:
        """The next key is stored: it counts from now on, and the device may be told."""
        self.members[device_id].device.keys.begin(step, key)

    def set_disabled(self, device_id: str, disabled: bool, now: Now) -> list[Effect]:  # noqa: FBT001
        """Ask a device for nothing any more, or again; what it says is kept all the same."""
        effects: list[Effect] = []
        door.disable(self._site, self._site.members[device_id], now, effects, disabled=disabled)
        return effects

    def set_standing_back(self, device_id: str, stands_back: bool, now: Now) -> list[Effect]:  # noqa: FBT001
        """Leave a device to another hub and only listen to it, or speak to it again."""
        effects: list[Effect] = []
        door.stand_back(self._site, self._site.members[device_id], now, effects, back=stands_back)
        return effects

    def set_revoked(self, device_id: str, revoked: bool, now: Now) -> list[Effect]:  # noqa: FBT001
        """Take nothing more from a device and send it nothing, or end that."""
        effects: list[Effect] = []
        member = self._site.members[device_id]
        if revoked and not member.device.is_revoked:
            door.revoke(self._site, member, now, effects)
        elif member.device.is_revoked and not revoked:
            door.readmit(self._site, member, now, effects)
        return effects

    def set_policy(self, device_id: str, policy: Policy) -> list[Effect]:
        """Obey what people decided about a device from now on."""
        effects: list[Effect] = []
        care.follow(self._site, self._site.members[device_id], policy, effects)
        return effects

    def zero_counters(self, device_id: str, now: Now) -> list[Effect]:
        """Set a device's counters to zero."""
        effects: list[Effect] = []
        care.zero(self._site, self._site.members[device_id], now, effects)
        return effects

    def check_policy(
        self, device_id: str, policy: Policy, kids: Collection[int] = (), taken: Collection[str] = ()
    ) -> None:
        """Raise `RecordError` when the device cannot have it, with keys of these numbers, beside these topics."""
        care.check(self._site, self.members[device_id], policy, kids, taken)

    def set_templates(self, registered: Iterable[TopicTemplate], keys: Mapping[int, bytes]) -> None:
        """Before the devices are known: let those wait to be approved that sign on topics of templates."""
        templates.set_templates(self._site, registered, keys)

    def check_template(self, text: str) -> None:
        """Raise `TemplateError` when it is no template, or somebody else has topics that fit it."""
        templates.check_template(self._site, text)

    def see(self, entity_id: str, state: str | None) -> None:
        """An entity that an interlock looks at has another state; None: it is not known."""
        if state is None:
            self._site.states.pop(entity_id, None)
        else:
            self._site.states[entity_id] = state

    def command(self, device_id: str, wish: Wish, now: Now) -> tuple[str, list[Effect]]:
        """Ask a device for something: the id of the command, and what to do; raises a `RequestError`."""
        effects: list[Effect] = []
        command = orders.take(self._site, self.members[device_id], wish, now, effects)
        commits.begin(self._site, now, effects)
        return command.cid, effects

    def poll(self, device_id: str, channels: Sequence[str], now: Now) -> tuple[str, list[Effect]]:
        """Ask a device for readings now: the id of the question, and what to do; raises a `RequestError`.

        What comes of it is told by `PollEnded`.
        """
        effects: list[Effect] = []
        pid = polls.ask(self._site, self.members[device_id], channels, now)
        polls.run(self._site, now, effects)
        commits.begin(self._site, now, effects)
        return pid, effects

    def command_of(self, device_id: str, cid: str) -> Command | None:
        """A command by its id, also of a device that was taken out."""
        member = self._site.members.get(device_id) or self._site.removed.get(device_id)
        return None if member is None else member.ledger.get(cid)

    def is_awake(self, device_id: str, now: Now) -> bool:
        """Whether a device would hear a message now."""
        return self._site.connected and orders.is_awake(self.members[device_id], now)

    def cancel(self, device_id: str, cid: str, now: Now) -> tuple[bool, list[Effect]]:
        """Withdraw a command; whether that was still possible, and what to do."""
        effects: list[Effect] = []
        done = orders.cancel(self._site, self.members[device_id], cid, now, effects)
        return done, effects

    def settle(self, device_id: str, kind: str, now: Now) -> list[Effect]:
        """A person decided: this hub goes on with the device. What still holds is found, and said, again."""
        effects: list[Effect] = []
        member = self._site.members.get(device_id)
        if member is not None:
            notices.settle(self._site, member, kind, now, effects)
        return effects

    def ask(self, device_id: str, now: Now) -> None:
        """A person wants a device to say at once how it is, and what it measures if that is not known."""
        member = self._site.members.get(device_id)
        if member is not None:
            member.wants.poll_due_ns = now.steady_ns
            member.wants.described_ns = None
            member.wants.describes = 0

    def forget_card(self, device_id: str) -> None:
        """A person does not want to be asked about a waiting device: its card leaves its place to another."""
        self._site.inbox.forget_card(device_id)

    def reoffer(self, device_id: str) -> None:
        """A person took back that a waiting device is ignored: offer it at its next call."""
        self._site.inbox.reoffer(device_id)
