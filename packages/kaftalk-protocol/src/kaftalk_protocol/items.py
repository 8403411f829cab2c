"""Messages as of now: what pages and releases show in the place of a stored message."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import VERSION, Message


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Edited(_Closed):
    """The last edit of a message."""

    seq: int
    ts: int


class ReactionCount(_Closed):
    """How many put one emoji, and whether the reader did."""

    emoji: str
    count: int
    me: bool


class MessageItem(Message):
    """A message with its annotations laid over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    edited: Edited | None
    reactions: list[ReactionCount]
    media: list[dict[str, Any]]


class DeletedItem(_Closed):
    """What is left of a deleted message, at its seq."""

    v: int = VERSION
    k: Literal["deleted"] = "deleted"
    id: str
    by: UserId
    deleted_by: UserId
