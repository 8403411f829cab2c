"""Frames from a client to the gateway: a closed tagged union on `t`, read by `parse`."""

import json
from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from kaftalk_protocol.errors import Code, ProtocolError, Refused
from kaftalk_protocol.records import Notify
from kaftalk_protocol.text import Emoji, MessageText, Uuid, is_encodable

SEQ_MAX = 2**53 - 1
FRAME_BYTES_MAX = 64 * 1024
EXT_BYTES_MAX = 4 * 1024
INT_MIN, INT_MAX = -(2**63), 2**64 - 1
INT_DIGITS_MAX = 20
FIELD_CHARS_MAX = 128

Seq = Annotated[int, Field(ge=0, le=SEQ_MAX, strict=True)]
FrameId = Annotated[str, Field(min_length=1, max_length=64)]


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MessageFields(_Frame):
    """What a message says, alike in `send` and in `POST /rooms/{id}/messages`."""

    text: MessageText = ""
    media: Annotated[list[Uuid], Field(max_length=10)] = []
    reply_to: Seq | None = None
    mentions: Annotated[list[Uuid], Field(max_length=50)] = []
    mention_all: Annotated[bool, Field(strict=True)] = False
    notify: Notify = "normal"
    ext: dict[str, Any] | None = None

    @field_validator("ext")
    @classmethod
    def _bounded(cls, ext: dict[str, Any] | None) -> dict[str, Any] | None:
        if ext is None:
            return None
        written = pydantic_core.to_json(ext, inf_nan_mode="constants")
        if len(written) > EXT_BYTES_MAX:
            raise ValueError(f"is over {EXT_BYTES_MAX} bytes of JSON")
        try:
            pydantic_core.from_json(written, allow_inf_nan=False)
        except ValueError as error:
            raise ValueError("has a number or a depth that JSON cannot hold") from error
        json.loads(written, parse_int=_kept_int)
        return ext

    @field_validator("media")
    @classmethod
    def _each_once(cls, media: list[str]) -> list[str]:
        if len(set(media)) != len(media):
            raise ValueError("names an object twice")
        return media

    @model_validator(mode="after")
    def _says_something(self) -> "MessageFields":
        if not self.text.strip() and not self.media:
            raise ValueError("text may be empty only with media")
        return self


class Hello(_Frame):
    """Open the session; `resume` maps room ids to [epoch, seq]."""

    t: Literal["hello"]
    ticket: Annotated[str, Field(min_length=1, max_length=512)]
    stream: Uuid
    resume: dict[Uuid, tuple[Seq, Seq]] = {}


class Resume(_Frame):
    """More rooms to resume, after `welcome`."""

    t: Literal["resume"]
    resume: dict[Uuid, tuple[Seq, Seq]]


class Send(MessageFields):
    """Send message `n` of this connection's stream in a room."""

    t: Literal["send"]
    id: FrameId
    room: Uuid
    n: Annotated[int, Field(ge=1, le=SEQ_MAX, strict=True)]


class Edit(_Frame):
    """Replace the text of an own message."""

    t: Literal["edit"]
    id: FrameId
    room: Uuid
    seq: Seq
    text: Annotated[MessageText, Field(min_length=1)]
    mentions: Annotated[list[Uuid], Field(max_length=50)] = []


class Delete(_Frame):
    """Take a message away."""

    t: Literal["delete"]
    id: FrameId
    room: Uuid
    seq: Seq


class React(_Frame):
    """Put or take away an emoji."""

    t: Literal["react"]
    id: FrameId
    room: Uuid
    seq: Seq
    emoji: Emoji
    on: Annotated[bool, Field(strict=True)]


class History(_Frame):
    """Ask for a page; at most one of `before`, `after`, `around`, none means newest."""

    t: Literal["history"]
    id: FrameId
    room: Uuid
    before: Seq | None = None
    after: Seq | None = None
    around: Seq | None = None
    limit: Annotated[int, Field(ge=1, le=200, strict=True)] = 50

    @model_validator(mode="after")
    def _one_direction(self) -> "History":
        if sum(x is not None for x in (self.before, self.after, self.around)) > 1:
            raise ValueError("takes one of before, after, around")
        return self


class Read(_Frame):
    """Move the read cursor."""

    t: Literal["read"]
    room: Uuid
    seq: Seq


class Typing(_Frame):
    """Tell that one is typing or recording."""

    t: Literal["typing"]
    room: Uuid
    kind: Literal["text", "voice", "none"]


class Focus(_Frame):
    """Name the room that is open and visible."""

    t: Literal["focus"]
    room: Uuid | None


class Active(_Frame):
    """Tell whether the person is at the device."""

    t: Literal["active"]
    on: Annotated[bool, Field(strict=True)]


class Watch(_Frame):
    """Name the users whose presence is wanted; replaces."""

    t: Literal["watch"]
    users: Annotated[list[Uuid], Field(max_length=200)]


class Ping(_Frame):
    """Ask for a `pong`."""

    t: Literal["ping"]
    id: FrameId


ClientFrame = Annotated[
    Hello | Resume | Send | Edit | Delete | React | History | Read | Typing | Focus | Active | Watch | Ping,
    Field(discriminator="t"),
]
AnyClientFrame = Hello | Resume | Send | Edit | Delete | React | History | Read | Typing | Focus | Active | Watch | Ping
FRAME: TypeAdapter[AnyClientFrame] = TypeAdapter(ClientFrame)


class BadFrame(ProtocolError):
    """The frame is no JSON object with a string `t`, or a wrong `hello`: the connection closes with 4502."""


class InvalidFrame(Refused):
    """The frame is a JSON object with `t`, but wrong; `frame_id` is its `id` if it has a usable one."""

    def __init__(self, detail: str, field: str | None, frame_id: str | None) -> None:
        super().__init__(Code.INVALID, detail, field=field)
        self.frame_id = frame_id


def parse(text: str | bytes) -> AnyClientFrame:
    """Read one frame.

    NaN and Infinity are no JSON; of duplicate keys the last holds; lone surrogates, numbers beyond a double and
    more than 200 levels are JSON, but invalid in every field.

    Raises BadFrame (close 4502; also for a `hello` that is wrong) or InvalidFrame (answer `error invalid`).
    """
    try:
        raw = pydantic_core.from_json(text, allow_inf_nan=False)
    except (ValueError, TypeError):
        raise _unreadable(text) from None
    if not isinstance(raw, dict) or not isinstance(raw.get("t"), str):
        raise BadFrame("is not an object with a string t")
    try:
        return FRAME.validate_python(raw)
    except ValidationError as error:
        raise _invalid(raw, error) from None


def _unreadable(text: str | bytes) -> BadFrame | InvalidFrame:
    """Tell JSON that the fast parser refuses (surrogates, depth, long numbers) from what is no JSON at all."""
    try:
        whole = text if isinstance(text, str) else text.decode()
        raw = json.loads(whole, parse_int=len, parse_float=len, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return BadFrame("is not JSON")
    if not isinstance(raw, dict) or not isinstance(raw.get("t"), str):
        return BadFrame("is not an object with a string t")
    if raw["t"] == "hello":
        return BadFrame("is no right hello")
    return InvalidFrame("has a value that cannot be kept", None, _usable_id(raw))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _kept_int(digits: str) -> int:
    """Refuse what readers of the log cannot give back: beyond 64 bits they see a float, or nothing at all."""
    if len(digits) > INT_DIGITS_MAX or not INT_MIN <= int(digits) <= INT_MAX:
        raise ValueError("has a whole number of more than 64 bits")
    return int(digits)


def _invalid(raw: dict[str, Any], error: ValidationError) -> BadFrame | InvalidFrame:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"][1:])[:FIELD_CHARS_MAX]
    detail = first["msg"].removeprefix("Value error, ") if first["type"] != "union_tag_invalid" else "t is unknown"
    detail = f"{field}: {detail}" if field else detail
    if raw["t"] == "hello":
        return BadFrame(detail)
    return InvalidFrame(detail, field or None, _usable_id(raw))


def _usable_id(raw: dict[str, Any]) -> str | None:
    frame_id = raw.get("id")
    usable = isinstance(frame_id, str) and 1 <= len(frame_id) <= 64 and is_encodable(frame_id)
    return frame_id if usable else None
