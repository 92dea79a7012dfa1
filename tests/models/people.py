"""Those who ask the devices of a history for something."""

from random import Random
from typing import Any, Final, NamedTuple

from iiot_engine.actuation.command import Actor
from iiot_engine.actuation.wish import Wish

from .hands import STUBBORN
from .rows import NS

NOBODY: Final = Actor(None, None, "service")


class Asked(NamedTuple):
    """What somebody asks for, and how long nothing more is asked then."""

    device: int
    name: str
    args: dict[str, Any]
    waits: bool
    life_s: float
    wait_s: float
    is_cancelled: bool
    """Withdrawn before that time is over, if it is not too late."""
    pause: int
    """Steps of the history, each about a second."""

    @property
    def wish(self) -> Wish:
        """What the hub is asked for."""
        return Wish(
            name=self.name,
            args=self.args,
            actor=NOBODY,
            waits=self.waits,
            life_ns=round(self.life_s * NS),
            wait_ns=round(self.wait_s * NS),
        )


def draw_asked(random: Random, devices: int, *, hasty: bool) -> Asked:
    """Somebody asks for something; in haste for what takes no time, and at once for more."""
    device = random.randrange(devices)
    if hasty:
        args = {"key": "fan", "value": random.random() < 0.5}
        return Asked(device, "set", args, True, 600, 86_400, False, random.randrange(2))
    name, args = random.choice(
        (
            *(("set", {"key": "fan", "value": random.random() < 0.5}),) * 4,
            *(("set", {"key": "speed", "value": random.choice((*range(60, 72), STUBBORN))}),) * 3,
            *(("set", {"key": "gate", "value": random.random() < 0.5}),) * 3,
            *(("press", {"key": "reset"}),) * 3,
            ("identify", {"s": 5}),
            ("set_interval", {"s": 30}),
            ("restart", {}),
            ("sleep", {"for_s": random.choice((5, 60))}),
        )
    )
    return Asked(
        device=device,
        name=name,
        args=args,
        waits=random.random() < 0.5,
        life_s=random.choice((2, 10, 30, 30, 120, 600)),
        wait_s=random.choice((10, 120, 86_400)),
        is_cancelled=random.random() < 0.05,
        pause=random.choice((0, 0, 0, 1, 1, 2, 5, 10, 20)),
    )
