"""What the operator's tool asks of the owner of a room."""

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kaftalk_delivery.erasing import CannotErase, Erasing
from kaftalk_protocol.deliveries import ERASE_PATH, EraseRoom
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_routes import signed_route
from kaftalk_runtime.kafka import KafkaUnreachable
from kaftalk_runtime.logs import get_logger

_log = get_logger(__name__)


def erase_route(keys: InternalKeys, erasing: Erasing) -> Route:
    """Build the route: 200 with what was done, 404 for another's room, 409 if it cannot be, 503 if Kafka is away."""

    async def erase(body: bytes) -> Response:
        asked = EraseRoom.model_validate_json(body)
        try:
            erased = await erasing.erase(asked.room)
        except CannotErase as error:
            return JSONResponse({"detail": str(error)}, 409)
        except (RoomLogError, KafkaUnreachable) as error:
            _log.warning("room_not_erased", room=asked.room, error=repr(error))
            return Response(status_code=503)
        return Response(status_code=404) if erased is None else JSONResponse(erased.model_dump())

    return signed_route(ERASE_PATH, keys, erase)
