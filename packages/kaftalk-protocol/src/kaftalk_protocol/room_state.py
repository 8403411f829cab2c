"""The state of a room as the fold of its log: every folder of the same log reaches the same state and verdicts."""

from dataclasses import dataclass

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import AnyRecord, Role, Room
from kaftalk_protocol.room_facts import (
    BANS_MAX,
    INVITES_MAX,
    MEMBERS_MAX,
    STREAM_KEPT_MS,
    STREAMS_MAX,
    USER_STREAMS_MAX,
    Forgotten,
    InviteState,
    Member,
    Reason,
    RoomFacts,
)
from kaftalk_protocol.room_rules import RULES, change
from kaftalk_protocol.stream_window import StreamWindow


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a record: taken and shown, or void for `reason`."""

    reason: Reason | None

    @property
    def taken(self) -> bool:
        """Tell whether the record is shown."""
        return self.reason is None


TAKEN = Verdict(None)
_VOID = {reason: Verdict(reason) for reason in Reason}


class RoomState(RoomFacts):
    """A room's bounded state, folded in place; pure and deterministic, without I/O and clock.

    `applied_seq` is -1 before the first record, `shown_seq` None before the first shown one. A state that is not
    folded from its epoch's first record is built by `from_json` only.
    """

    __slots__ = ()

    def apply(self, seq: int, ts: int, record: AnyRecord) -> Verdict:
        """Fold the record at `seq`, appended at `ts` ms; advances `applied_seq`, and `shown_seq` if it is taken.

        No record makes it raise, whatever its content.
        Raises ValueError if `seq` is not above `applied_seq`.
        """
        if seq <= self.applied_seq:
            raise ValueError(f"seq {seq} of room {self.room} is already applied, up to {self.applied_seq}")
        void = self._judge(seq, ts, record)
        self.applied_seq = seq
        if void is not None:
            return _VOID[void]
        self.shown_seq = seq
        return TAKEN

    def _judge(self, seq: int, ts: int, record: AnyRecord) -> Reason | None:
        if self.kind is None:
            return self._claim(seq, ts, record)
        if self.deleted:
            return Reason.NOT_FOUND
        rule = RULES.get(type(record))
        return Reason.INVALID if rule is None else rule(self, seq, ts, record)

    def _claim(self, seq: int, ts: int, record: AnyRecord) -> Reason | None:
        if seq != self.base or not isinstance(record, Room):
            return Reason.NOT_FOUND
        # An epoch above 0 begins with a whole state, or as a copy of an earlier one that was created.
        resumes = self.epoch > 0 and (record.state is not None or record.base is not None)
        return self._resume(record) if resumes else self._create(seq, ts, record)

    def _create(self, seq: int, ts: int, record: Room) -> Reason | None:
        kind = record.kind
        members: dict[UserId, Role] = record.members if record.members is not None else {record.by: "owner"}
        owned = "owner" in members.values()
        if kind is None or record.by not in members or record.state is not None or record.deleted:
            return Reason.INVALID
        if len(members) > (2 if kind == "direct" else MEMBERS_MAX) or not (owned or kind == "direct"):
            return Reason.INVALID
        self.kind, self.created_by, self.created_ms = kind, record.by, ts
        change(self, record)
        self.members = {user: Member(role, seq) for user, role in members.items()}
        return None

    def _resume(self, record: Room) -> Reason:
        if record.state is None or record.base != self.base:
            return Reason.INVALID
        try:
            self.restore(record.state)
        except ValueError:
            return Reason.INVALID
        self.shown_seq = None
        return Reason.EPOCH


__all__ = [
    "BANS_MAX", "INVITES_MAX", "MEMBERS_MAX", "STREAMS_MAX", "STREAM_KEPT_MS", "TAKEN", "USER_STREAMS_MAX",
    "Forgotten", "InviteState", "Member", "Reason", "RoomState", "StreamWindow", "Verdict",
]  # fmt: skip
