"""The REST API of quiet hours."""

from fastapi import APIRouter, FastAPI

from kaftalk_dnd_batch import forwarding, routes_held, routes_me, routes_org
from kaftalk_dnd_batch.errors import BookUnavailable
from kaftalk_rest.app import build_app
from kaftalk_views.errors import ViewError

ROUTERS: tuple[APIRouter, ...] = (routes_me.router, routes_held.router, routes_org.router)
LONG_BODIES = ("/me/quiet-hours", "/org/quiet-hours")


def build_api() -> FastAPI:
    """Build the app without its parts: enough for its OpenAPI description.

    Its state needs `parts`, `bearers` and `forwarding`.
    """
    app = build_app(ROUTERS, unavailable=[ViewError, BookUnavailable], long_bodies=LONG_BODIES)
    forwarding.install(app)
    return app
