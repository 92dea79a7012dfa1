"""The last step of everything that goes down: numbered, signed, addressed."""

from typing import Any, Final

from ..devices.device import Device
from ..devices.downlink import NOBODYS_NONCE, Downlink
from ..effects import Effect, Publish
from ..ports import Entropy
from ..values import DOWN_QOS, NS_PER_MS, NS_PER_S, Leaf, Now
from ..wire import topics
from .site import Site

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def send(site: Site, device: Device, leaf: Leaf, body: dict[str, Any], now: Now, effects: list[Effect]) -> bool:
    """Send a message under the next number; False: no number is free."""
    if not device.downlink.can_send:
        return False
    kid, key = device.keys.current
    message = device.downlink.seal(leaf, device.id, kid, key, now, body)
    topic = topics.topic_of(site.settings.prefix, device.id, leaf)
    effects.append(Publish(topic, message, DOWN_QOS[leaf]))
    return True


def send_question(site: Site, device: Device, now: Now, effects: list[Effect]) -> None:
    """Ask a device where it stands, in a way that moves nothing there."""
    kid, key = device.keys.current
    body = {"pid": site.entropy(4).hex(), "ch": []}
    message = Downlink(nonce=NOBODYS_NONCE).seal(Leaf.POLL, device.id, kid, key, now, body)
    effects.append(Publish(topics.topic_of(site.settings.prefix, device.id, Leaf.POLL), message, DOWN_QOS[Leaf.POLL]))


def command(cid: str, name: str, args: dict[str, Any], up_ns: int, life_ns: int, now: Now) -> dict[str, Any]:
    """Body of a command that is void once the device's time since boot has passed `up_ns` by `life_ns`."""
    return {
        "cid": cid,
        "cmd": name,
        "args": args,
        "until": (up_ns + life_ns) // NS_PER_MS,
        "exp": (now.wall_ns + life_ns) // NS_PER_S,
    }


def make_cid(wall_ns: int, entropy: Entropy, above: str = "") -> str:
    """Build a ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base 32.

    It comes after `above`, another one, whatever the clock says: commands are kept in the order of their ids.
    """
    number = (wall_ns // NS_PER_MS) << 80 | int.from_bytes(entropy(10))
    least = _number(above) + 1 if above else 0
    if number < least:
        number = least + int.from_bytes(entropy(8))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _number(cid: str) -> int:
    number = 0
    for letter in cid:
        number = number << 5 | max(0, _CROCKFORD.find(letter))
    return number
