"""A person at the REST API: signs up, signs in, makes rooms."""

import uuid
from typing import Any, Self

import httpx

PASSWORD = "correct-horse-battery-1"


class Account:
    """One signed-in account over one HTTP client; answers are checked for their status."""

    def __init__(self, http: httpx.AsyncClient, user: dict[str, Any], password: str = PASSWORD) -> None:
        self.http = http
        self.user = user
        self.password = password
        self.token = ""

    @property
    def id(self) -> str:
        """The user's id."""
        return str(self.user["id"])

    @classmethod
    async def register(cls, http: httpx.AsyncClient, name: str | None = None, display_name: str = "지민") -> Self:
        """Make an account with a fresh name and sign in."""
        username = name or f"u-{uuid.uuid4().hex[:12]}"
        body = {"username": username, "password": PASSWORD, "display_name": display_name}
        answer = await http.post("/api/v1/auth/register", json=body)
        answer.raise_for_status()
        account = cls(http, answer.json()["user"])
        await account.sign_in()
        return account

    async def sign_in(self) -> None:
        """Begin a session."""
        body = {"username": self.user["username"], "password": self.password}
        answer = await self.http.post("/api/v1/auth/login", json=body)
        answer.raise_for_status()
        self.token = answer.json()["access_token"]

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask below /api/v1 as this account; any status is given back."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self.http.request(method, f"/api/v1{path}", headers=headers, **options)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """Ask, and give the JSON of a 2xx answer (null without a body).

        Raises httpx.HTTPStatusError.
        """
        answer = await self.ask(method, path, **options)
        if not answer.is_success:
            raise httpx.HTTPStatusError(answer.text, request=answer.request, response=answer)
        return answer.json() if answer.content else None

    async def room(self, name: str = "사랑방", kind: str = "public", **more: Any) -> dict[str, Any]:
        """Create a room."""
        room: dict[str, Any] = await self.call("POST", "/rooms", json={"name": name, "kind": kind, **more})
        return room

    async def join(self, room: str) -> None:
        """Join a public room."""
        await self.call("POST", f"/rooms/{room}/join")

    async def ticket(self) -> str:
        """Take a one-use ticket for the WebSocket; signs in again if the session is gone."""
        answer = await self.ask("POST", "/auth/ws-ticket")
        if answer.status_code == 401:
            await self.sign_in()
            answer = await self.ask("POST", "/auth/ws-ticket")
        answer.raise_for_status()
        return str(answer.json()["ticket"])
