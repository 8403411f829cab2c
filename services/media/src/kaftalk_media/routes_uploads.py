"""Uploading: `POST /media`, its parts, its completion, and `DELETE /media/{id}`."""

import uuid
from typing import Any

from fastapi import APIRouter

from kaftalk_media.dependencies import Me, OfMedia, Use
from kaftalk_media.reading import no_such_media
from kaftalk_media.shapes import (
    AskedParts,
    Completion,
    MediaObject,
    MultipartTicket,
    NewUpload,
    PutTicket,
    SignedParts,
    StoredPart,
    StoredParts,
)
from kaftalk_media.shown import shown
from kaftalk_protocol.errors import Code
from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_rest.kept_answers import Place
from kaftalk_rest.kept_answers import Request as Asked
from kaftalk_rest.parameters import Key
from kaftalk_rest.problems import refusals
from kaftalk_rest.rate_limits import Limit

router = APIRouter(prefix="/media", tags=["media"])

_UPLOADERS = (Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.NOT_MEMBER, Code.FORBIDDEN, Code.CONFLICT)


@router.post(
    "", status_code=201, response_model=PutTicket | MultipartTicket,
    responses=refusals(
        Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.NOT_MEMBER, Code.ARCHIVED, Code.CONFLICT, Code.RATE_LIMITED,
        Code.QUOTA_EXCEEDED, Code.UNKNOWN_OUTCOME,
    ),
)  # fmt: skip
async def create_upload(asked: NewUpload, me: Me, use: Use, key: Key = None) -> Any:
    """Announce an upload to a room, and learn where its bytes go.

    A repeat with the same `Idempotency-Key` gives the same upload, with a fresh URL.
    """

    async def announce(place: Place) -> dict[str, Any]:
        await use.rights.require_writer(RoomId(asked.room), me.user)
        media = MediaId(await place.claim(str(uuid.uuid4())))
        begun = await use.media.get(media)
        if begun is not None:
            await use.uploads.confirm(begun.upload)
        else:
            await use.limits.take(Limit("uploads", use.settings.limit_uploads, 60_000), me.user)
            await use.uploads.announce(media, me.user, asked)
        return {"id": media}

    answer = await use.answers.once(Asked(me.user, "/media", key, asked), announce)
    view = await use.media.get(MediaId(answer["id"]))
    if view is None or view.state == "removed":
        raise no_such_media()
    return await use.uploads.ticket(view)


@router.delete(
    "/{media_id}", status_code=204, response_model=None, responses=refusals(*_UPLOADERS, Code.UNKNOWN_OUTCOME)
)
async def delete_media(media: OfMedia, me: Me, use: Use) -> None:
    """Cancel an upload, or remove what was uploaded and not sent."""
    await use.uploads.cancel(await use.rights.to_cancel(media, me.user))


@router.post("/{media_id}/parts", response_model=SignedParts, responses=refusals(*_UPLOADERS, Code.GONE))
async def sign_parts(media: OfMedia, asked: AskedParts, me: Me, use: Use) -> Any:
    """Learn where parts go; a part that is stored already is replaced."""
    view = await use.rights.own(media, me.user)
    return SignedParts(items=await use.uploads.sign_parts(view, asked.parts))


@router.get("/{media_id}/parts", response_model=StoredParts, responses=refusals(*_UPLOADERS, Code.GONE))
async def list_parts(media: OfMedia, me: Me, use: Use) -> Any:
    """List the parts that are stored, so that an upload can go on after a reload."""
    stored = await use.uploads.stored_parts(await use.rights.own(media, me.user))
    return StoredParts(items=[StoredPart(n=part.n, size=part.size, etag=part.etag) for part in stored])


@router.post(
    "/{media_id}/complete", status_code=202, response_model=MediaObject,
    responses=refusals(*_UPLOADERS, Code.GONE, Code.UNKNOWN_OUTCOME),
)  # fmt: skip
async def complete_upload(media: OfMedia, asked: Completion, me: Me, use: Use) -> Any:
    """Join all parts; may be repeated."""
    view = await use.rights.own(media, me.user)
    return shown(await use.uploads.complete(view, asked.parts))
