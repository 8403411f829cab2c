"""Sending an event of the S3 server again that the function seems to have missed."""

import orjson

from kaftalk_media.media_log import Writer
from kaftalk_protocol.media import Upload


class EventTopic:
    """Writes events in S3's own form to the topic that the function is fed from; none: nothing can be done."""

    def __init__(self, writer: Writer, *, topic: str | None, bucket: str) -> None:
        self._writer = writer
        self._topic = topic
        self._bucket = bucket

    async def resend(self, upload: Upload) -> None:
        """Write the event of an upload that lies in the store.

        Raises AppendUnknown, AppendRefused.
        """
        if self._topic is None:
            return
        s3 = {"bucket": {"name": self._bucket}, "object": {"key": upload.incoming}}
        event = {"Records": [{"eventName": "ObjectCreated:Put", "s3": s3}]}
        key = upload.incoming.encode()
        await self._writer.append(self._topic, orjson.dumps(event), key=key, partition=None)
