"""The only file that names `httpx`: signed requests to the internal listeners of other services, by mutual TLS if set.

InternalUnreachable    no answer; `refused` tells that nobody listens there, so nothing was done
"""

from typing import NamedTuple

import httpx

from kaftalk_runtime import traces
from kaftalk_runtime.internal_auth import HEADER, InternalKeys
from kaftalk_runtime.logs import REQUEST_ID, request_id
from kaftalk_runtime.tls import INTERNAL_NAME, Certificates

_CONNECT_S = 1.0
_CALLED = {"sni_hostname": INTERNAL_NAME}


class Answer(NamedTuple):
    """What a service answered."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        """Tell whether it was done."""
        return 200 <= self.status < 300


class InternalUnreachable(Exception):
    """No answer came; unless `refused`, it may have been done."""

    def __init__(self, url: str, reason: str, *, refused: bool) -> None:
        super().__init__(url, reason)
        self.url = url
        self.refused = refused


class InternalHttp:
    """Posts JSON to internal listeners over connections that are kept."""

    def __init__(
        self,
        keys: InternalKeys,
        *,
        tls: Certificates | None = None,
        timeout_s: float = 5.0,
        connections_max: int = 64,
    ) -> None:
        self._keys = keys
        self._scheme = "https" if tls else "http"
        self._client = httpx.AsyncClient(
            verify=tls.for_calling() if tls else True,
            timeout=httpx.Timeout(timeout_s, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=connections_max),
            trust_env=False,
        )

    async def post(self, url: str, path: str, body: bytes) -> Answer:
        """Post a body to `path` of the listener at `url`, as its instance advertises it.

        Who has certificates never calls without, whatever the scheme of `url`.

        Raises InternalUnreachable.
        """
        headers = {HEADER: self._keys.sign("POST", path, body), "Content-Type": "application/json", **_origin()}
        address = f"{self._scheme}://{url.partition('://')[2]}"
        try:
            answer = await self._client.post(f"{address}{path}", content=body, headers=headers, extensions=_CALLED)
        except httpx.TransportError as error:
            refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise InternalUnreachable(url, repr(error), refused=refused) from error
        return Answer(answer.status_code, answer.content)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _origin() -> dict[str, str]:
    """Give what tells the other service whose doing this is: the request, and its trace."""
    named, trace = request_id(), traces.current()
    return ({} if named is None else {REQUEST_ID: named}) | ({} if trace is None else {traces.HEADER: trace.decode()})
