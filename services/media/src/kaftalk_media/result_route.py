"""The function's callback on the internal listener: `POST /media/<id>/result`, the manifest as its body."""

from starlette.responses import Response
from starlette.routing import Route

from kaftalk_media.results import Results
from kaftalk_protocol.media import Result
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_routes import signed_route
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable

BODY_BYTES_MAX = 64 << 10

_log = get_logger(__name__)


def result_route(keys: InternalKeys, results: Results) -> Route:
    """Answer 204 when the result is stored, 404 when the media object is gone, 503 when nobody can tell."""

    async def take(body: bytes) -> Response:
        result = Result.model_validate_json(body)
        try:
            taken = await results.take(result)
        except (RoomLogError, RedisError, ViewUnavailable) as error:
            _log.warning("result_not_taken", media=result.id, error=repr(error))
            return Response(status_code=503)
        return Response(status_code=204 if taken else 404)

    return signed_route("/media/{media}/result", keys, take, body_bytes_max=BODY_BYTES_MAX)
