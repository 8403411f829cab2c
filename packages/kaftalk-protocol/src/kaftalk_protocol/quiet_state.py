"""What gateways know of a user's quiet hours: the contract of internal endpoints and of `redis_keys.quiet`.

Times are Unix ms.
"""

from pydantic import BaseModel, ConfigDict

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_profile import STORED, Deliver, Pierce
from kaftalk_protocol.quiet_records import PierceReason


class Told(BaseModel):
    """What one service tells another about quiet hours."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    def encode(self) -> bytes:
        """Write it as compact JSON with the names of the wire."""
        return self.model_dump_json(by_alias=True).encode()


class HoldPlan(Told):
    """A union `[start_ms, end_ms)` that is on or comes next; only dnd-batch ends it."""

    start_ms: int
    end_ms: int
    release_id: str
    deliver: Deliver


class QuietState(Told):
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


class QuietStates(Told):
    """`POST /internal/quiet` to a gateway, and the answer of `POST /internal/users`."""

    states: tuple[QuietState, ...]


class WantedStates(Told):
    """`POST /internal/users` to dnd-batch: the states that a gateway could not read."""

    users: tuple[UserId, ...]


class PiercedNote(Told):
    """`POST /internal/pierced` to dnd-batch: an alert was sent in spite of a hold; repeating it changes nothing."""

    user: UserId
    room: RoomId
    seq: int
    by: UserId
    reason: PierceReason
    ts: int
