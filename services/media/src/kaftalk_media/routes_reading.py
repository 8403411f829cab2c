"""Reading: `GET /media/{id}`, and where its bytes are."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse

from kaftalk_media.dependencies import Me, OfMedia, Use
from kaftalk_media.reading import no_such_media
from kaftalk_media.shapes import MediaObject, SignedUrl
from kaftalk_media.shown import shown
from kaftalk_protocol.errors import Code
from kaftalk_protocol.media import VariantName
from kaftalk_rest.problems import refusals

router = APIRouter(prefix="/media", tags=["media"])

_READERS = (Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.NOT_MEMBER)
_REDIRECT: dict[int | str, dict[str, Any]] = {
    302: {
        "description": "Where the bytes are, for a minute",
        "headers": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
    }
}

Variant = Annotated[VariantName, Query()]


@router.get("/{media_id}", response_model=MediaObject, responses=refusals(*_READERS))
async def get_media(media: OfMedia, me: Me, use: Use) -> Any:
    """Give a media object as in messages, and its room."""
    view = await use.reading.latest(await use.rights.visible(media, me.user))
    if view.state == "removed":
        raise no_such_media()
    return shown(view)


@router.get(
    "/{media_id}/content", status_code=302, response_class=RedirectResponse, response_model=None,
    responses=_REDIRECT | refusals(*_READERS, Code.CONFLICT),
)  # fmt: skip
async def get_content(media: OfMedia, me: Me, use: Use, variant: Variant = "original") -> RedirectResponse:
    """Go to the bytes of one variant."""
    link = await use.reading.link(await use.rights.visible(media, me.user), variant)
    return RedirectResponse(link.url, 302)


@router.get("/{media_id}/url", response_model=SignedUrl, responses=refusals(*_READERS, Code.CONFLICT))
async def get_url(media: OfMedia, me: Me, use: Use, variant: Variant = "original") -> Any:
    """Give a URL of the bytes of one variant, for elements of a page that send no token."""
    return await use.reading.link(await use.rights.visible(media, me.user), variant)
