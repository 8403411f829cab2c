"""Where a message is whose append says nothing about it: by its event, by the owner's word, or not told at all."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from kaftalk_gateway import verdicts
from kaftalk_gateway.feed import Feed
from kaftalk_gateway.verdicts import Verdicts
from kaftalk_protocol.deliveries import RoomEvent, RoomHead, Voided
from kaftalk_protocol.ids import RoomId, UserId

ROOM, ANN = RoomId("b7d9a8f0-0a51-4c39-8a32-111111111111"), UserId("c1d9a8f0-0a51-4c39-8a32-222222222222")
Place = tuple[int, int] | None


def _feed(shown: Iterable[tuple[int, str]] = ()) -> Feed:
    feed = Feed(ROOM, 0)
    feed.subscribed(RoomHead(epoch=0, base=0, applied_seq=0, shown_seq=0))
    for seq, message_id in shown:
        feed.offer(_event(seq, message_id))
    return feed


def _event(seq: int, message_id: str) -> RoomEvent:
    return RoomEvent(ROOM, 0, seq, seq - 1, 0, f'{{"id":"{message_id}","by":"{ANN}"}}'.encode())


def _void(seq: int, reason: str = "duplicate") -> Voided:
    return Voided(room=ROOM, user=ANN, seq=seq, reason=reason)


def _expect(judge: Verdicts, feed: Feed, seq: int | None) -> list[Place]:
    stored: list[Place] = []
    judge.expect(feed, ROOM, ANN, "s:1", seq, stored.append)
    return stored


async def test_the_event_tells_the_place_not_the_copy() -> None:
    judge, feed = Verdicts(), _feed()
    stored = _expect(judge, feed, 5)
    one = feed.offer(_event(1, "s:1"))
    assert one is not None
    assert stored == []
    judge.delivered(feed, [one])
    judge.voided(_void(5), feed)
    assert stored == [(0, 1)]


async def test_an_event_that_was_delivered_before_is_found() -> None:
    assert _expect(Verdicts(), _feed([(1, "s:1")]), 5) == [(0, 1)]


@pytest.mark.parametrize("early", [False, True])
async def test_a_repeat_of_what_is_out_of_sight_is_stored_without_a_place(early: bool) -> None:
    judge, feed = Verdicts(), _feed()
    if early:
        judge.voided(_void(5), feed)
    stored = _expect(judge, feed, 5)
    if not early:
        judge.voided(_void(5), feed)
    assert stored == [None]


async def test_a_copy_that_nobody_speaks_of_is_answered_without_a_place_and_an_unknown_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdicts, "_PATIENCE_S", 0.0)
    judge, feed = Verdicts(), _feed()
    stored, unknown = _expect(judge, feed, 5), _expect(judge, feed, None)
    await asyncio.sleep(0.01)
    assert (stored, unknown) == ([None], [])


class _Asked:
    """Who asked for an answer, and what it was refused with."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def refuse(self, code: str, detail: str, *, frame_id: str) -> None:
        self.refused.append(f"{frame_id} {code}")


@pytest.mark.parametrize("early", [False, True])
async def test_what_was_acknowledged_and_is_void_is_told_so_unless_it_is_a_repeat(early: bool) -> None:
    judge, feed, asked = Verdicts(), _feed(), _Asked()
    connection: Any = asked
    voids = [_void(3, "not_member"), _void(4)]
    for void in voids if early else ():
        judge.voided(void, feed)
    for seq in (3, 4):
        judge.acked(ROOM, seq, connection, f"f{seq}")
    for void in () if early else voids:
        judge.voided(void, feed)
    assert asked.refused == ["f3 not_member"]
