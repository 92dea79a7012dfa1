"""Home Assistant's REST interface, as an administrator."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from .errors import ApiError
from .websocket import WebSocket

REQUEST_S = 30.0


class Api:
    """A session with one Home Assistant. Log in first; the token holds for half an hour, `login` renews it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.grant: dict[str, Any] = {}
        """What the last login gave: the tokens, and for how many seconds they hold."""
        self._client_id = f"{url}/"
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session, open inside `async with`."""
        if self._http is None:
            message = "use the session inside `async with`"
            raise ApiError(message)
        return self._http

    async def needs_owner(self) -> bool:
        """Return whether Home Assistant still waits for its first user."""
        async with self.session.get(f"{self.url}/api/onboarding") as reply:
            if reply.status == 404:  # the view is gone once onboarding is done
                return False
            steps: list[dict[str, Any]] = await reply.json()
        return any(step["step"] == "user" and not step["done"] for step in steps)

    async def create_owner(self, name: str, username: str, password: str) -> None:
        """Create the first user, which ends onboarding, and log in as that user."""
        reply = await self._send(
            "POST",
            "/api/onboarding/users",
            json={
                "name": name,
                "username": username,
                "password": password,
                "client_id": self._client_id,
                "language": "en",
            },
        )
        await self._redeem(reply["auth_code"])

    async def login(self, username: str, password: str) -> None:
        """Log in; raises ApiError when the password is wrong."""
        flow = await self._send(
            "POST",
            "/auth/login_flow",
            json={"client_id": self._client_id, "handler": ["homeassistant", None], "redirect_uri": self._client_id},
        )
        step = await self._send(
            "POST",
            f"/auth/login_flow/{flow['flow_id']}",
            json={"username": username, "password": password, "client_id": self._client_id},
        )
        if step["type"] != "create_entry":
            message = f"login refused: {step.get('errors')}"
            raise ApiError(message)
        await self._redeem(step["result"])

    async def get(self, path: str) -> Any:
        """Return the reply to a GET request."""
        return await self._send("GET", path)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the reply to a POST request with a JSON body."""
        return await self._send("POST", path, json=body)

    async def delete(self, path: str) -> Any:
        """Return the reply to a DELETE request."""
        return await self._send("DELETE", path)

    async def states(self) -> list[dict[str, Any]]:
        """Return the states of all entities."""
        states: list[dict[str, Any]] = await self.get("/api/states")
        return states

    async def state(self, entity_id: str) -> dict[str, Any]:
        """Return the state of one entity; raises ApiError when there is none."""
        state: dict[str, Any] = await self.get(f"/api/states/{entity_id}")
        return state

    async def act(self, domain: str, action: str, data: Mapping[str, Any] | None = None) -> Any:
        """Perform an action (a service) and return the states that it changed."""
        return await self.post(f"/api/services/{domain}/{action}", data or {})

    async def start_flow(self, handler: str) -> dict[str, Any]:
        """Start a config flow and return its first step."""
        step: dict[str, Any] = await self.post(
            "/api/config/config_entries/flow", {"handler": handler, "show_advanced_options": False}
        )
        return step

    async def start_subentry_flow(self, entry_id: str, kind: str) -> dict[str, Any]:
        """Start the flow that adds a subentry to an entry and return its first step."""
        step: dict[str, Any] = await self.post(
            "/api/config/config_entries/subentries/flow", {"handler": [entry_id, kind]}
        )
        return step

    async def answer(self, step: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a step of a config flow or a subentry flow and return the next one."""
        kind = "subentries/flow" if isinstance(step["handler"], list) else "flow"
        reply: dict[str, Any] = await self.post(f"/api/config/config_entries/{kind}/{step['flow_id']}", answers)
        return reply

    async def websocket(self) -> WebSocket:
        """Return a connection of its own to the WebSocket interface; close it, or use it in `async with`."""
        return await WebSocket.connect(self.session, self.url, self.grant.get("access_token", ""))

    async def _redeem(self, code: str) -> None:
        form = {"grant_type": "authorization_code", "code": code, "client_id": self._client_id}
        self.grant = await self._send("POST", "/auth/token", data=form)

    async def _send(self, method: str, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.grant['access_token']}"} if self.grant else {}
        async with self.session.request(method, f"{self.url}{path}", headers=headers, **content) as reply:
            if reply.status >= 400:
                message = f"{method} {path}: {reply.status} {(await reply.text())[:500]}"
                raise ApiError(message)
            return await reply.json() if reply.content_type == "application/json" else await reply.text()
