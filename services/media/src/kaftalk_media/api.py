"""The REST API of media."""

from fastapi import APIRouter, FastAPI

from kaftalk_media import routes_reading, routes_uploads
from kaftalk_media.errors import StoreAway
from kaftalk_rest.app import build_app
from kaftalk_views.errors import ViewError

ROUTERS: tuple[APIRouter, ...] = (routes_uploads.router, routes_reading.router)


def build_api() -> FastAPI:
    """Build the app without its dependencies: enough for its OpenAPI description.

    Its state needs `dependencies` and `bearers`.
    """
    return build_app(ROUTERS, unavailable=[ViewError, StoreAway])
