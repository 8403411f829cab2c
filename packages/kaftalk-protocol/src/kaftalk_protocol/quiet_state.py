"""What gateways know of a user's quiet hours, and what dnd-batch hands them at a release.

The models are the contract of the internal endpoints and of `redis_keys.quiet`; who writes a whole stampede may
write the same JSON without them. Times are Unix ms.
"""

from pydantic import BaseModel, ConfigDict, Field

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_profile import STORED, Deliver, Pierce
from kaftalk_protocol.quiet_records import Digest, PierceReason, Window
from kaftalk_protocol.server_frames import Event


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    def encode(self) -> bytes:
        """Write it as compact JSON with the names of the wire."""
        return self.model_dump_json(by_alias=True).encode()


class HoldPlan(_Told):
    """A union `[start_ms, end_ms)` that is on or comes next; only dnd-batch ends it."""

    start_ms: int
    end_ms: int
    release_id: str
    deliver: Deliver


class QuietState(_Told):
    """The quiet hours of `user` as of `version`: the present union or the next one, and when the one after it begins.

    `next_start_ms` is the start of the union after `hold`, and null if `hold` is.
    """

    user: UserId
    version: int
    hold: HoldPlan | None = None
    next_start_ms: int | None = None
    pierce: Pierce = Pierce()
    urgent_allowed: bool = True
    share: bool = True

    def active_at(self, now_ms: int) -> bool:
        """Tell whether the hold has begun by `now_ms`; its planned end does not end it."""
        return self.hold is not None and self.hold.start_ms <= now_ms

    @classmethod
    def decode(cls, stored: str | bytes) -> "QuietState":
        """Read what `encode` wrote.

        Raises ValueError.
        """
        return cls.model_validate_json(stored, context=STORED)


class QuietStates(_Told):
    """`POST /internal/quiet` to a gateway, and the answer of `POST /internal/users`."""

    states: tuple[QuietState, ...]


class WantedStates(_Told):
    """`POST /internal/users` to dnd-batch: the states that a gateway could not read."""

    users: tuple[UserId, ...]


class PiercedNote(_Told):
    """`POST /internal/pierced` to dnd-batch: an alert was sent in spite of a hold; repeating it changes nothing."""

    user: UserId
    room: RoomId
    seq: int
    by: UserId
    reason: PierceReason
    ts: int


class BatchRoom(_Told):
    """What one room releases, for all users of the batch: up to `to` (the fence), as of `to`.

    `items` are the newest, at most 50, ascending; the reactions' `me` is false in all.
    """

    epoch: int
    to: int
    items: tuple[Event, ...]


class UserRoom(_Told):
    """One user's part of a `BatchRoom`: items after `from_`; `mine` are her own reactions as `(seq, emoji)`."""

    room: RoomId
    from_: int = Field(alias="from")
    mine: tuple[tuple[int, str], ...] = ()


class UserRelease(_Told):
    """One user's release, whole; `state` is what holds after it."""

    user: UserId
    release_id: str
    window: Window
    late_by_s: int | None = None
    digest: Digest
    rooms: tuple[UserRoom, ...]
    state: QuietState


class ReleaseBatch(_Told):
    """`POST /internal/releases` to a gateway: many users, and each room once; a 2xx is the hand-off."""

    rooms: dict[RoomId, BatchRoom]
    releases: tuple[UserRelease, ...]

    @classmethod
    def decode(cls, body: bytes) -> "ReleaseBatch":
        """Read a body.

        Raises ValueError.
        """
        return cls.model_validate_json(body, context=STORED)
