"""What is answered of a media object."""

from kaftalk_media.shapes import MediaObject
from kaftalk_protocol.media import Upload, media_object


def shown(upload: Upload) -> MediaObject:
    """Give an object as in messages, as of now, with its room."""
    return MediaObject(room=upload.room, **media_object(upload))
