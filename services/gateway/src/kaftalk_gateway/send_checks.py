"""What is looked up before a message is stored, for the few that need it: media, and whether it may be urgent."""

from typing import Protocol

from kaftalk_protocol.client_frames import Send
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import Message


class MediaCheck(Protocol):
    """Finds the media that messages send."""

    async def attach(self, room: RoomId, message: Message, ids: list[str]) -> Message:
        """Give the message with its media. Raises Refused, RedisError, ViewUnavailable."""


class UrgentCheck(Protocol):
    """Judges urgent messages before they are stored."""

    async def check(self, room: RoomId, message: Message) -> None:
        """Let it go or refuse it. Raises Refused, RedisError, ViewUnavailable."""


class SendChecks:
    """All that is asked before a message is stored."""

    def __init__(self, media: MediaCheck, urgent: UrgentCheck) -> None:
        self._media = media
        self._urgent = urgent

    async def passed(self, room: RoomId, message: Message, frame: Send) -> Message:
        """Give the message as it is to be stored.

        Raises Refused, RedisError, ViewUnavailable.
        """
        message = await self._media.attach(room, message, frame.media)
        if message.notify == "urgent":
            # Last: it is counted.
            await self._urgent.check(room, message)
        return message


def needs_checks(frame: Send) -> bool:
    """Tell whether a message has to wait for an answer before it may be stored."""
    return bool(frame.media) or frame.notify == "urgent"
