"""The conversation with a broker about its logins, over a connection that is there only as long as it takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any, Final

from .broker import Broker, Station, Subscription
from .faults import Fault, fault_of
from .logins import Command, Found, Login, Refused, found_in, refusals, steps, strangers
from .paho import PahoLink

TOPIC: Final = "$CONTROL/dynamic-security/v1"
ANSWERS: Final = f"{TOPIC}/response"
WITHIN_S: Final = 10.0
"""How long the broker may take to let the hub in, and for each answer."""
PAGE: Final = 100
"""Logins that are asked for at a time."""
AT_ONCE: Final = 5
"""Devices whose logins are changed by one message: the broker hears nobody else while it writes them."""


class ControlError(OSError):
    """The broker cannot be asked, or does not answer."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


async def reconcile(
    broker: Broker, client_id: str, prefix: str, wanted: Sequence[Login], registered: Collection[str]
) -> list[Refused]:
    """Bring the logins of a site to what is `wanted`; gives what the broker refused. Raises `ControlError`."""
    control = _Control(broker, client_id)
    try:
        await control.connect()
        found = await control.logins()
        refused = strangers(prefix, wanted, found)
        changes = steps(prefix, wanted, registered, found)
        for start in range(0, len(changes), AT_ONCE):
            commands = [command for change in changes[start : start + AT_ONCE] for command in change]
            refused += refusals(commands, await control.ask(commands))
    finally:
        await control.close()
    return refused


async def attempt(broker: Broker, client_id: str) -> Fault | None:
    """Ask the broker for one login, to see whether it answers; says what went wrong, else None."""
    control = _Control(broker, client_id)
    try:
        await control.connect()
        await control.page(0, 1)
    except ControlError as err:
        return err.fault
    finally:
        await control.close()
    return None


class _Control:
    def __init__(self, broker: Broker, client_id: str) -> None:
        self._numbers: Final = count(1)
        self._next: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        station = Station(
            client_id=client_id,
            received=lambda _topic, message, _retained: self._settle(message),
            subscriptions=(Subscription(topic_filter=ANSWERS, qos=1),),
            session_s=0,
            subscribed=lambda refused: self._fail(Fault.LOGINS) if refused else self._settle(None),
            denied=lambda _: self._fail(Fault.LOGINS),
            gone=lambda: self._fail(Fault.GONE),
            failed=lambda trouble: self._fail(fault_of(trouble)),
        )
        self._link: Final = PahoLink(broker, station)

    async def connect(self) -> None:
        self._link.open()
        await self._wait(Fault.TIMEOUT)

    async def close(self) -> None:
        if not self._next.cancel() and not self._next.cancelled():
            self._next.exception()  # nobody waits for it any more
        await self._link.close()

    async def logins(self) -> dict[str, Found]:
        found: dict[str, Found] = {}
        while True:
            page, total = await self.page(len(found), PAGE)
            found |= page
            if not page or len(found) >= total:
                return found

    async def page(self, start: int, most: int) -> tuple[dict[str, Found], int]:
        (answer,) = await self.ask([{"command": "listClients", "verbose": True, "offset": start, "count": most}])
        try:
            return found_in(answer["data"]["clients"]), int(answer["data"]["totalCount"])
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            raise ControlError(Fault.LOGINS) from err

    async def ask(self, commands: Sequence[Command]) -> list[dict[str, Any]]:
        """Give the answer to each command."""
        number = str(next(self._numbers))
        marked = [{**command, "correlationData": number} for command in commands]
        try:
            self._link.send(TOPIC, json.dumps({"commands": marked}).encode(), 1)
        except OSError as err:
            raise ControlError(Fault.GONE) from err
        while True:
            message = await self._wait(Fault.LOGINS)
            try:
                answers = [dict(answer) for answer in json.loads(message)["responses"]]
            except (KeyError, TypeError, ValueError) as err:
                raise ControlError(Fault.LOGINS) from err
            if len(answers) == len(commands) and all(answer.get("correlationData") == number for answer in answers):
                return answers

    async def _wait(self, silence: Fault) -> Any:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._next
        except TimeoutError as err:
            raise ControlError(silence) from err
        finally:
            if self._next.done():
                self._next = asyncio.get_running_loop().create_future()

    def _settle(self, message: bytes | None) -> None:
        if not self._next.done():
            self._next.set_result(message)

    def _fail(self, fault: Fault) -> None:
        if not self._next.done():
            self._next.set_exception(ControlError(fault))
