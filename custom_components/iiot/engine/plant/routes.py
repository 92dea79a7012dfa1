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

    __slots__ = ("_exact", "_memories", "_wide")

    def __init__(self) -> None:
        self._exact: dict[str, BareRoute] = {}
        self._wide: list[BareRoute] = []
        self._memories: dict[bytes, KeyMemory] = {}

    @property
    def filters(self) -> list[str]:
        """Everything to subscribe to."""
        return sorted(route.topic.topic for route in self._all())

    def find(self, topic: str) -> BareRoute | None:
        """Whose a topic is."""
        exact = self._exact.get(topic)
        if exact is not None:
            return exact
        return next((route for route in self._wide if topics.overlap(route.topic.topic, topic)), None)

    def memory(self, route: BareRoute) -> KeyMemory | None:
        """What is remembered of a key that makes messages of several topics; None: of one topic only."""
        return self._memories.get(route.key)

    def set(self, member: Member, bare: Bare) -> None:
        """Recognise the topics of a bare device, as people registered them."""
        self.forget(member)
        for topic in member.policy.topics:
            key = bare.keys.get(topic.kid)
            if key is None:
                continue
            tree = paths.tree((channel.path, channel.leaf) for channel in topic.channels)
            route = BareRoute(member, bare, topic, key, tree)
            if topics.has_wildcards(topic.topic):
                self._wide.append(route)
            else:
                self._exact[topic.topic] = route
        self._remember_shared()

    def forget(self, member: Member) -> None:
        """Forget the topics of a device."""
        self._exact = {topic: route for topic, route in self._exact.items() if route.member is not member}
        self._wide = [route for route in self._wide if route.member is not member]

    def _all(self) -> list[BareRoute]:
        return [*self._exact.values(), *self._wide]

    def _remember_shared(self) -> None:
        """From now on remember what is signed with a key of several topics; before that, nobody did."""
        routes = self._all()
        for route in routes:
            alike = [other for other in routes if other.key == route.key]
            if route.key not in self._memories and (len(alike) > 1 or topics.has_wildcards(route.topic.topic)):
                self._memories[route.key] = KeyMemory(max(map(_newest_ns, alike)))


def _newest_ns(route: BareRoute) -> int:
    windows = route.bare.windows.items()
    return max((found.newest_ns for topic, found in windows if topics.overlap(route.topic.topic, topic)), default=0)
