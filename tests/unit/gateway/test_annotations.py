"""What an edit, delete or reaction becomes: a record, or the seq of what is in force already."""

import uuid

from kaftalk_gateway.annotations import InForce, decide
from kaftalk_protocol.client_frames import React
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import Message, Reaction
from kaftalk_views.history import Target

ANN, BOB = UserId("ann"), UserId("bob")
ROOM = RoomId(str(uuid.uuid4()))


def _react(emoji: str, *, on: bool) -> Reaction | InForce:
    """Let Ann react to a message with 👍 by her, and 🫖 taken back by her and put by Bob."""
    target = Target(
        seq=4, by=BOB, message=Message(id=f"{uuid.uuid4()}:1", by=BOB, text="x"), text="x", mentions=[],
        edited_seq=None, deleted_seq=None, reactions={("👍", ANN): 5, ("🫖", BOB): 6}, taken_back={("🫖", ANN): 8},
    )  # fmt: skip
    decided = decide(React(t="react", id="a", room=ROOM, seq=4, emoji=emoji, on=on), ANN, "member", target)
    assert isinstance(decided, Reaction | InForce)
    return decided


def test_a_repeated_reaction_is_answered_with_the_seq_of_the_first() -> None:
    assert _react("👍", on=True) == InForce(5)
    assert _react("🫖", on=False) == InForce(8)


def test_taking_away_what_was_never_there_is_answered_with_the_message() -> None:
    assert _react("🍵", on=False) == InForce(4)


def test_what_changes_something_is_written() -> None:
    assert _react("👍", on=False) == Reaction(by=ANN, target=4, emoji="👍", on=False)
    assert _react("🫖", on=True) == Reaction(by=ANN, target=4, emoji="🫖", on=True)
