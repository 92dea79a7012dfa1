"""What a hub asks of its connection to a broker: Home Assistant's, or one of its own."""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from homeassistant.core import CALLBACK_TYPE

from ..engine.effects import Publish
from ..engine.links.faults import Fault
from ..engine.values import Now

type Take = Callable[[str, bytes, Now, bool], None]
"""Topic, message, when it was received, retained."""
type OnMessage = Callable[[str, bytes, bool], None]
"""Topic, message, retained."""


class HubLink(Protocol):
    """One connection, used from the event loop only."""

    @property
    def dropped(self) -> int:
        """Messages to devices that could not leave; the plant makes each one anew when its time comes."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether a publish would leave now."""
        ...

    @property
    def fault(self) -> Fault | None:
        """Why there is no connection, as far as it can be told."""
        ...

    async def async_start(self, prefix: str, take: Take, changed: Callable[[bool], None]) -> None:
        """Give `take` everything that devices below `prefix` send, and tell `changed` when the broker comes or goes.

        Returns when the broker has confirmed it, or when that takes too long; the connection is tried on and on.
        """
        ...

    async def async_follow(self, filters: Collection[str]) -> None:
        """Listen to these topics and filters as well, and to none that was named before."""
        ...

    async def async_stop(self) -> None:
        """Stop listening and sending; idempotent."""
        ...

    def send(self, publish: Publish) -> None:
        """Send soon, while the broker is there; otherwise drop."""
        ...

    def drain(self) -> None:
        """Hand over what has come and waits."""
        ...

    async def async_overhear(self, topics: Iterable[str], on_message: OnMessage) -> CALLBACK_TYPE:
        """Receive what comes on other topics, until the answer is called; does nothing while there is no broker."""
        ...
