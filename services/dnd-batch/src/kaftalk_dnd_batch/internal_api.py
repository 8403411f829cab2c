"""What gateways ask: the states that they could not read, and that an alert went out in spite of a hold."""

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from kaftalk_dnd_batch.book import Book
from kaftalk_dnd_batch.commands import NotePierced
from kaftalk_dnd_batch.errors import QuietError
from kaftalk_protocol.quiet_state import PiercedNote, QuietState, QuietStates, WantedStates
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_routes import signed_route

USERS_PATH = "/internal/users"
PIERCED_PATH = "/internal/pierced"


def routes(keys: InternalKeys, book: Book) -> Sequence[Route]:
    """Build the routes of the internal listener."""

    async def users(body: bytes) -> Response:
        """Answer for the users that are ours; who is missing is another's, or not known yet."""
        wanted = WantedStates.model_validate_json(body)
        states: list[QuietState] = []
        for user in wanted.users:
            try:
                states.append(book.state(user))
            except QuietError:
                continue
        return Response(QuietStates(states=tuple(states)).encode(), media_type="application/json")

    async def pierced(body: bytes) -> Response:
        """Note an alert, once; 503 if it is to be sent again, perhaps to another instance."""
        note = PiercedNote.model_validate_json(body)
        try:
            await book.perform(note.user, NotePierced(note.room, note.seq, note.by, note.reason))
        except QuietError:
            return Response(status_code=503)
        return Response(status_code=204)

    return [signed_route(USERS_PATH, keys, users), signed_route(PIERCED_PATH, keys, pierced)]
