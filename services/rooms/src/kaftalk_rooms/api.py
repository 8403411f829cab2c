"""The REST API of accounts, rooms and messages."""

from fastapi import APIRouter, FastAPI

from kaftalk_rest.app import build_app
from kaftalk_rooms import routes_auth, routes_me, routes_members, routes_messages, routes_rooms, routes_users
from kaftalk_views.errors import ViewError

ROUTERS: tuple[APIRouter, ...] = (
    routes_auth.router, routes_me.router, routes_users.router, routes_rooms.router, routes_members.router,
    routes_messages.router,
)  # fmt: skip


def build_api() -> FastAPI:
    """Build the app without its parts: enough for its OpenAPI description."""
    return build_app(ROUTERS, unavailable=[ViewError])
