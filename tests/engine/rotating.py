"""A device that takes its next key when it is told to, and a hub that tells it."""

from dataclasses import replace
from typing import Any

from iiot_engine.actuation.command import Actor, Command, Step
from iiot_engine.actuation.wish import Wish
from iiot_engine.errors import Code
from iiot_engine.plant.rotation import REKEY, args_of
from iiot_engine.wire import canonical, codec, signing
from tests.builders import Machine, World

WISH = Wish(name=REKEY, args={}, actor=Actor(None, None, "service"), waits=True)


class Rotating(Machine):
    """A device that obeys `rekey`: it hears the key before until the hub speaks under the new one."""

    def __init__(self, world: World, device_id: str = "press-07", **options: Any) -> None:
        self.steps: list[list[Any]] = []
        self.before: bytes | None = None
        self._heard = 0
        super().__init__(world, device_id, **options)

    def stand(self) -> Rotating:
        """Join, and say that it knows how to take a key."""
        self.world.adopt(self)
        assert self.beat() is None
        assert self.tell_manifest(commands=["describe", "rekey", "set_time"]) is None
        self.prove()
        self.world.pass_time(1)
        return self

    def beat(self, **changed: Any) -> Code | None:
        """Send a heartbeat that tells every step."""
        return super().beat(**({"rekeyed": self.steps} if self.steps else {}) | changed)

    def obey(self) -> list[dict[str, Any]]:
        """Read what came since the last time; what is signed with no key of ours is dropped."""
        found = []
        sent = self.world.sent[self._heard :] if self._heard <= len(self.world.sent) else self.world.sent
        self._heard = len(self.world.sent)
        for effect in sent:
            envelope = codec.split(effect.message)
            if effect.topic.split("/")[1] != self.id or not self._hears(envelope.span, envelope.mac):
                continue
            payload = canonical.decode(envelope.span)
            if payload["nonce"] == self.nonce:
                self.hseq = max(self.hseq, payload["hseq"])
                found.append(payload)
        return found

    def orders(self) -> list[dict[str, Any]]:
        """Orders to take a key that have come."""
        return [payload for payload in self.obey() if payload.get("cmd") == REKEY]

    def take(self, order: dict[str, Any]) -> None:
        """Take the next key; the same step again changes nothing."""
        kid, salt = order["args"]["kid"], order["args"]["salt"]
        if [kid, salt] not in self.steps:
            self.before = self.key
            self.key = signing.derive_next_key(self.key, bytes.fromhex(salt), self.id, kid)
            self.kid = kid
            self.steps.append([kid, salt])

    def acknowledge(self, order: dict[str, Any], status: str = "done") -> Code | None:
        """Answer an order."""
        return self.send("ack", cid=order["cid"], status=status, hseq=self.hseq)

    def _hears(self, span: bytes, mac: bytes) -> bool:
        if signing.is_signed_by(self.key, span, mac):
            self.before = None
            return True
        return self.before is not None and signing.is_signed_by(self.before, span, mac)


def store_step(world: World, machine: Machine) -> None:
    """The hub keeps the next key on the disk: what it does before anybody hears of it."""
    step, key = world.plant.propose_step(machine.id, WISH)
    kid, present = machine.member.device.keys.current
    world.keys[machine.id], world.steps[machine.id] = {kid: present, step.kid: key}, step


def tell(world: World, machine: Machine) -> Command:
    """The hub keeps the next key, and tells the device."""
    store_step(world, machine)
    step = world.steps[machine.id]
    world.plant.begin_step(machine.id, step, world.keys[machine.id][step.kid])
    cid, effects = world.plant.command(machine.id, replace(WISH, args=args_of(step)), world.now)
    world.perform(effects)
    world.pass_time(1)
    command = world.plant.command_of(machine.id, cid)
    assert command is not None
    return command


def agree(world: World, machine: Rotating) -> bool:
    """Whether hub and device use the same key, and no other counts."""
    ring = machine.member.device.keys
    return ring.current == (machine.kid, machine.key) and ring.step is None


__all__ = ["WISH", "Rotating", "Step", "agree", "store_step", "tell"]
