"""Judge the rest of a log whose beginning retention has taken, when Redis lost the verdicts too. Pure.

What was void cannot be told for certain without the records before. Repeats can, among what is left; the rules of
membership cannot, and services check those before they append: what they kept out is not in the log but for races.
"""

from kaftalk_protocol.records import AnyRecord, Message
from kaftalk_protocol.room_state import TAKEN, Member, Reason, RoomState, Verdict

_CERTAIN = frozenset({Reason.DUPLICATE, Reason.INVALID})


class RetainedState(RoomState):
    """A state for verdicts and annotations only: whoever wrote counts as a member."""

    __slots__ = ()

    def apply(self, seq: int, ts: int, record: AnyRecord) -> Verdict:
        """Fold a record; void are only repeats and what is no record."""
        if isinstance(record, Message):
            self.members.setdefault(record.by, Member("member", self.base))
        verdict = super().apply(seq, ts, record)
        self.archived = self.deleted = False
        if verdict.reason is None or verdict.reason in _CERTAIN:
            return verdict
        self.shown_seq = seq
        return TAKEN


def retained_from(state: RoomState, start: int) -> RetainedState:
    """Make the state before the first retained record, at `start`, from any later state of the room."""
    known = {"archived": False, "deleted": False, "streams": [], "shown_seq": None, "applied_seq": start - 1}
    return RetainedState.from_json(state.to_json() | known)
