"""What the routes work with."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request

from kaftalk_media.reading import Reading, Rights
from kaftalk_media.settings import Settings
from kaftalk_media.uploads import Uploads
from kaftalk_protocol.ids import MediaId
from kaftalk_rest.access_tokens import Authenticated
from kaftalk_rest.kept_answers import KeptAnswers
from kaftalk_rest.parameters import id_or_404
from kaftalk_rest.rate_limits import RateLimits
from kaftalk_views.media_views import MediaReads


@dataclass(frozen=True)
class Dependencies:
    """The objects behind the routes."""

    settings: Settings
    rights: Rights
    media: MediaReads
    uploads: Uploads
    reading: Reading
    answers: KeptAnswers
    limits: RateLimits


def dependencies_of(request: Request) -> Dependencies:
    """Find the dependencies of the app that serves a request."""
    dependencies: Dependencies = request.app.state.dependencies
    return dependencies


def _media(_me: Authenticated, media_id: Annotated[str, Path()]) -> MediaId:
    return MediaId(id_or_404(media_id))


Use = Annotated[Dependencies, Depends(dependencies_of)]
Me = Authenticated
OfMedia = Annotated[MediaId, Depends(_media)]
