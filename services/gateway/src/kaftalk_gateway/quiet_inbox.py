"""What dnd-batch tells this gateway, on the internal listener: states that changed, and releases."""

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from kaftalk_gateway.quiet_states import QuietHours
from kaftalk_gateway.releases import Releases
from kaftalk_protocol.quiet_profile import STORED
from kaftalk_protocol.quiet_state import QuietStates
from kaftalk_protocol.release_batch import ReleaseBatch
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_routes import signed_route


class QuietInbox:
    """Takes posts of dnd-batch; who is not here any more is no error."""

    def __init__(self, keys: InternalKeys, hours: QuietHours, releases: Releases) -> None:
        self._keys = keys
        self._hours = hours
        self._taken = releases

    def routes(self) -> list[BaseRoute]:
        """Give the routes of the internal listener."""
        return [
            signed_route("/internal/quiet", self._keys, self._quiet),
            signed_route("/internal/releases", self._keys, self._releases),
        ]

    async def _quiet(self, body: bytes) -> Response:
        for state in QuietStates.model_validate_json(body, context=STORED).states:
            self._hours.take(state)
        return Response(status_code=204)

    async def _releases(self, body: bytes) -> Response:
        await self._taken.take(ReleaseBatch.decode(body))
        return JSONResponse({})
