"""Which topic belongs to which bare device."""

from typing import NamedTuple

from ..devices.bare import Bare, BareTopic
from ..devices.stamps import KeyMemory
from ..wire import paths, topics
from ..wire.paths import Node
from .member import Member


class BareRoute(NamedTuple):
    """A registered topic, or filter, at work."""

    member: Member
    bare: Bare
    """The member's."""
    topic: BareTopic
    key: bytes
    paths: Node


class BareRoutes:
    """The topics of all bare devices of a site."""

    __slots__ = ("_by_key", "_exact", "_memories", "_routes", "_wide")

    def __init__(self) -> None:
        self._routes: dict[str, list[BareRoute]] = {}
        """Device → its topics."""
        self._exact: dict[str, BareRoute] = {}
        self._wide: dict[str, BareRoute] = {}
        self._by_key: dict[bytes, list[BareRoute]] = {}
        self._memories: dict[bytes, KeyMemory] = {}

    @property
    def filters(self) -> list[str]:
        """Everything to subscribe to."""
        return sorted([*self._exact, *self._wide])

    def find(self, topic: str) -> BareRoute | None:
        """Whose a topic is."""
        exact = self._exact.get(topic)
        if exact is not None:
            return exact
        return next((route for found, route in self._wide.items() if topics.overlap(found, topic)), None)

    def memory(self, route: BareRoute) -> KeyMemory | None:
        """What is remembered of a key that makes messages of several topics; None: of one topic only."""
        return self._memories.get(route.key)

    def share(self, key: bytes) -> KeyMemory:
        """More topics than those that are registered have a key: from now on what it signs is remembered."""
        if key not in self._memories:
            self._memories[key] = KeyMemory(max(map(_newest_ns, self._by_key.get(key, ())), default=0))
        return self._memories[key]

    def set(self, member: Member, bare: Bare) -> None:
        """Recognise the topics of a bare device, as people registered them."""
        before = self._routes.get(member.device.id, ())
        remembered = {(route.topic.topic, route.key) for route in before if route.key in self._memories}
        self.forget(member)
        for topic in member.policy.heard:
            key = bare.keys.get(topic.kid)
            if key is not None:
                tree = paths.tree((channel.path, channel.leaf) for channel in topic.channels)
                route = BareRoute(member, bare, topic, key, tree)
                self._add(route)
                if (topic.topic, key) not in remembered:
                    self._remember(route)

    def forget(self, member: Member) -> None:
        """Forget the topics of a device."""
        for route in self._routes.pop(member.device.id, ()):
            table = self._table(route)
            if table.get(route.topic.topic) is route:  # another device may have taken the topic over already
                del table[route.topic.topic]
            self._by_key[route.key].remove(route)

    def _add(self, route: BareRoute) -> None:
        self._routes.setdefault(route.member.device.id, []).append(route)
        self._table(route)[route.topic.topic] = route
        self._by_key.setdefault(route.key, []).append(route)

    def _remember(self, route: BareRoute) -> None:
        """From now on what is signed with a shared key is remembered. What came on this topic before, nobody knows."""
        memory, alike = self._memories.get(route.key), self._by_key[route.key]
        if memory is not None:
            memory.forget_upto(_newest_ns(route))
        elif len(alike) > 1 or topics.has_wildcards(route.topic.topic):
            self._memories[route.key] = KeyMemory(max(map(_newest_ns, alike)))

    def _table(self, route: BareRoute) -> dict[str, BareRoute]:
        return self._wide if topics.has_wildcards(route.topic.topic) else self._exact


def _newest_ns(route: BareRoute) -> int:
    windows = route.bare.windows.items()
    return max((found.newest_ns for topic, found in windows if topics.overlap(route.topic.topic, topic)), default=0)
