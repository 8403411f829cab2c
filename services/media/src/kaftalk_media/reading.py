"""Who may see which media object, by the views as they are at this moment, and where its bytes are."""

from typing import Protocol

from kaftalk_media.disposition import content_disposition
from kaftalk_media.object_store import ObjectStore
from kaftalk_media.shapes import SignedUrl
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.media import MediaView, VariantName
from kaftalk_runtime.clock import Clock
from kaftalk_views.errors import ViewUnknown
from kaftalk_views.listing import rfc3339
from kaftalk_views.media_views import MediaReads
from kaftalk_views.placements import Placements
from kaftalk_views.room_views import Access, RoomViews, unknown_room

READ_LIFE_S = 60
PENDING_RETRY_MS = 1_000


class Results(Protocol):
    """The results that the function left in the store."""

    async def look(self, view: MediaView) -> MediaView:
        """Look for a result whose callback was lost, but not at every call, and give the view after it."""


class Rights:
    """Decides who may see and change media. All methods raise RedisError and ViewUnavailable."""

    def __init__(self, media: MediaReads, rooms: RoomViews, placements: Placements) -> None:
        self._media = media
        self._rooms = rooms
        self._placements = placements

    async def require_writer(self, room: RoomId, user: UserId) -> None:
        """See that a user may upload to a room.

        Raises Refused: `not_member`, `not_found`, `archived`.
        """
        access = await self._access(room, user)
        access.require_member()
        if access.facts.archived:
            raise Refused(Code.ARCHIVED, "the room is archived")

    async def visible(self, media: MediaId, user: UserId) -> MediaView:
        """Give an object that a user may see: her own, or that of a message she may read; a member she must be.

        Raises Refused: `not_found`, `not_member`.
        """
        view = await self._known(media)
        if view.sent is None and view.by != user:
            raise no_such_media()
        access = await self._access(view.room, user)
        member = access.require_member()
        if view.sent is not None and view.sent < access.facts.floor(member):
            raise no_such_media()
        return view

    async def own(self, media: MediaId, user: UserId) -> MediaView:
        """Give an object that a user uploads, as a member.

        Raises Refused: `not_found`, `not_member`, `forbidden`.
        """
        return _mine(await self.visible(media, user), user)

    async def to_cancel(self, media: MediaId, user: UserId) -> MediaView:
        """Give an object that its uploader takes back, whether or not she still is a member.

        Raises Refused: `not_found`, `not_member`, `forbidden`.
        """
        view = await self._known(media)
        return view if view.by == user else _mine(await self.visible(media, user), user)

    async def _access(self, room: RoomId, user: UserId) -> Access:
        """Tell what a room is and what a user is in it; one that was never placed is not merely lost from Redis."""
        try:
            return await self._rooms.access(room, user)
        except ViewUnknown:
            placement = self._placements.get(room)
            if placement is None or placement.status == "deleted":
                raise unknown_room() from None
            raise

    async def _known(self, media: MediaId) -> MediaView:
        view = await self._media.get(media)
        if view is None or view.state == "removed":
            raise no_such_media()
        return view


class Reading:
    """Gives what is known of an object, and URLs of its bytes."""

    def __init__(self, store: ObjectStore, results: Results, clock: Clock) -> None:
        self._store = store
        self._results = results
        self._clock = clock

    async def latest(self, view: MediaView) -> MediaView:
        """Give an object as it is now, also if nobody was told."""
        return await self._results.look(view) if view.status == "pending" else view

    async def link(self, view: MediaView, variant: VariantName) -> SignedUrl:
        """Let one variant be read for a minute.

        Raises Refused: `conflict` while it is being made, `not_found` if it is not, and will not be.
        """
        view = await self.latest(view)
        if view.state == "removed":
            raise no_such_media()
        if view.status == "pending":
            raise Refused(Code.CONFLICT, "it is still being made", retry_after_ms=PENDING_RETRY_MS)
        found = view.variants.get(variant)
        if found is None:
            raise Refused(Code.NOT_FOUND, f"there is no {variant} of it")
        url = await self._store.presign_get(
            found.key,
            content_type=found.content_type,
            disposition=content_disposition(view.kind, view.name, found.content_type),
            for_s=READ_LIFE_S,
        )
        return SignedUrl(url=url, expires_at=rfc3339(self._clock.now_ms() + 1000 * READ_LIFE_S))


def no_such_media() -> Refused:
    """Give the one answer for media that do not exist and media that one must not know of."""
    return Refused(Code.NOT_FOUND, "there is no such media")


def _mine(view: MediaView, user: UserId) -> MediaView:
    if view.by != user:
        raise Refused(Code.FORBIDDEN, "only who uploaded it may do this")
    return view
