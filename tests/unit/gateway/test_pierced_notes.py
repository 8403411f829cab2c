"""Notes of what sounded reach dnd-batch, also if it is away for a while."""

import asyncio

import pytest

from kaftalk_gateway import metrics, pierced_notes
from kaftalk_gateway.pierced_notes import PiercedNotes
from kaftalk_gateway.quiet_authority import QuietUnreachable
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_state import PiercedNote
from kaftalk_runtime.internal_http import Answer
from kaftalk_runtime.redis_client import RedisAway

NOTE = PiercedNote(user=UserId("bob"), room=RoomId("tea"), seq=7, by=UserId("ann"), reason="dm", ts=1)


class AuthorityTwin:
    """Answers as told, then 204 for ever."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.taken: list[PiercedNote] = []
        self.asked = 0

    async def post(self, user: UserId, path: str, body: bytes) -> Answer:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        if answer == 204:
            assert (user, path) == (NOTE.user, "/internal/pierced")
            self.taken.append(PiercedNote.model_validate_json(body))
        return Answer(answer, b"")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pierced_notes, "_PAUSE_FIRST_S", 0.001)


def _lost() -> float:
    return metrics.pierced_unnoted.value


async def _idle(notes: PiercedNotes) -> None:
    async with asyncio.timeout(5):
        while notes._tasks:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("trouble", [503, 421, QuietUnreachable("away"), RedisAway("away")], ids=repr)
async def test_a_note_is_handed_over_once_somebody_takes_it(trouble: int | Exception) -> None:
    authority = AuthorityTwin(trouble, trouble)
    notes = PiercedNotes(authority)
    notes.note(NOTE)
    await _idle(notes)
    assert (authority.taken, authority.asked) == ([NOTE], 3)


async def test_a_note_that_nobody_can_read_is_given_up_and_counted() -> None:
    before, authority = _lost(), AuthorityTwin(400)
    notes = PiercedNotes(authority)
    notes.note(NOTE)
    await _idle(notes)
    assert (authority.taken, authority.asked, _lost() - before) == ([], 1, 1)


async def test_above_the_bound_a_note_is_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pierced_notes, "_WAITING_MAX", 1)
    before, authority = _lost(), AuthorityTwin()
    notes = PiercedNotes(authority)
    notes.note(NOTE)
    notes.note(NOTE)
    await _idle(notes)
    assert (len(authority.taken), _lost() - before) == (1, 1)


async def test_what_is_not_handed_over_ends_with_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pierced_notes, "_PAUSE_FIRST_S", 60.0)
    notes = PiercedNotes(AuthorityTwin(503))
    notes.note(NOTE)
    await asyncio.sleep(0)
    await notes.stop()
    assert not notes._tasks
