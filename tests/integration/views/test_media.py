"""Media in rooms: told before a view moves past it, sent once, and shown to nobody who may not have it."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_protocol.media import MediaView, Sending, Upload, encode, view_of
from kaftalk_protocol.records import Delete, Join, Media, Message, Room
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.log_twin import LogTwin, MediaTopicTwin, RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, message
from kaftalk_views import generation
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.errors import ViewsLost, ViewUnavailable, ViewUnknown
from kaftalk_views.history import RoomHistory
from kaftalk_views.media_views import SENDABLE_MS, MediaReads, MediaSends
from kaftalk_views.room_views import RoomViews

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})
PICTURE: dict[str, Any] = {"id": "m1", "kind": "image", "status": "pending"}
READY = Media.model_validate({"media": "m1", "status": "ready", "target": 1, "blur": "UklGR", "width": 3})
NOW_MS = 1_800_000_000_000


def sent(room: RoomTwin, seq: int, n: int) -> Sending:
    return Sending(id=MediaId("m1"), room=room.placement.room, seq=seq, message=message(ANN, n).id)


async def test_kafka_knows_what_was_sent_and_removed_before_the_view_does(
    catch_up: CatchUp, views: RoomViews, media_topic: MediaTopicTwin, new_room: NewRoom
) -> None:
    room = new_room()
    name = room.placement.room
    seq = room.add(OPENING, message(ANN, 1, media=[PICTURE]))
    media_topic.away = True
    with pytest.raises(ViewUnavailable):
        await catch_up.project_to(room.placement, seq)
    with pytest.raises(ViewUnknown):
        await views.head(name)
    media_topic.away = False
    await catch_up.project_to(room.placement, seq)
    assert media_topic.sendings == [sent(room, 1, 1)]

    await catch_up.project_to(room.placement, room.add(Delete(by=ANN, target=1, author=ANN, media=[MediaId("m1")])))
    assert media_topic.sendings[1:] == [Sending(id=MediaId("m1"), room=name, seq=1, removed=True)]


async def test_void_messages_send_nothing(catch_up: CatchUp, media_topic: MediaTopicTwin, new_room: NewRoom) -> None:
    room = new_room()
    repeat, stranger = message(ANN, 1, media=[PICTURE]), message(CYD, 1, media=[PICTURE])
    foreign = Delete(by=BOB, target=1, author=ANN, media=[MediaId("m1")])
    await catch_up.project_to(room.placement, room.add(OPENING, repeat, repeat, stranger, foreign))
    assert media_topic.sendings == [sent(room, 1, 1)]


@pytest.mark.parametrize("others", [3, pytest.param(2_100, marks=pytest.mark.slow)])
async def test_a_lost_view_is_made_again_with_what_it_may_not_have_told(
    redis: Redis, catch_up: CatchUp, media_topic: MediaTopicTwin, new_room: NewRoom, others: int
) -> None:
    room = new_room()
    seq = room.add(OPENING, message(ANN, 1, media=[PICTURE]), *(message(BOB, n) for n in range(1, others)))
    await catch_up.project_to(room.placement, seq)
    media_topic.sendings.clear()
    await redis.run("FLUSHALL")
    await catch_up.rebuild_room(room.placement, None)
    assert media_topic.sendings == [sent(room, 1, 1)]


async def test_who_may_not_read_a_message_does_not_see_what_its_picture_looks_like(
    catch_up: CatchUp, history: RoomHistory, new_room: NewRoom
) -> None:
    room = new_room()
    opening = OPENING.model_copy(update={"history": "since_join"})
    seq = room.add(opening, message(ANN, 1, media=[PICTURE]), Join(user=CYD, by=CYD), READY)
    await catch_up.project_to(room.placement, seq)
    seen = await missed_status(history, room, BOB)
    assert (seen["blur"], seen["width"]) == ("UklGR", 3)
    assert await missed_status(history, room, CYD) == {
        "v": 1,
        "k": "media",
        "media": "m1",
        "status": "ready",
        "target": 1,
    }


async def test_nobody_sees_any_more_what_a_deleted_picture_looked_like(
    catch_up: CatchUp, history: RoomHistory, new_room: NewRoom
) -> None:
    room = new_room()
    late = Media.model_validate(READY.model_dump() | {"width": 4})
    seq = room.add(OPENING, message(ANN, 1, media=[PICTURE]), READY, Delete(by=ANN, target=1, author=ANN), late)
    await catch_up.project_to(room.placement, seq)
    missed = await history.missed(room.placement.room, BOB, (0, 0))
    events = [orjson.loads(event.frame)["e"] for event in missed.events]
    assert events[0]["media"] == []
    assert not any("blur" in event for event in events)
    page = await history.page(room.placement.room, BOB)
    assert page["items"][-1]["e"]["k"] == "deleted"


async def missed_status(history: RoomHistory, room: RoomTwin, viewer: str) -> dict[str, Any]:
    missed = await history.missed(room.placement.room, viewer, (0, 2))  # type: ignore[arg-type]
    found: dict[str, Any] = orjson.loads(missed.events[-1].frame)["e"]
    return found


# --- sending ---


@pytest.fixture
def sends(redis: Redis) -> MediaSends:
    return MediaSends(redis, lambda: NOW_MS)


async def put(redis: Redis, room: RoomId, /, **changes: Any) -> MediaView:
    upload = Upload(
        id=MediaId("m1"), room=room, by=ANN, kind="image", name="a.png", content_type="image/png", size=9,
        sha256="", created_ms=NOW_MS,
    )  # fmt: skip
    view = view_of(upload).model_copy(update=changes)
    await redis.run("SET", redis_keys.media(view.id), encode(view).decode())
    await redis.run("SET", redis_keys.VIEW_MEDIA, await generation.claim(redis))
    return view


def picture_message(n: int = 1) -> Message:
    return message(ANN, n, text="")


async def test_a_message_takes_the_senders_own_media_of_its_room(redis: Redis, sends: MediaSends, log: LogTwin) -> None:
    del log
    room = RoomId("r")
    await put(redis, room, state="ready", width=3)
    attached = await sends.attach(room, picture_message(), ["m1"])
    assert attached.media == [
        {"id": "m1", "kind": "image", "name": "a.png", "content_type": "image/png", "size": 9, "status": "pending"}
    ]
    assert await sends.attach(room, picture_message(), []) == picture_message()


@pytest.mark.parametrize(
    "changes",
    [
        {"by": BOB}, {"room": RoomId("other")}, {"state": "removed"}, {"sent": 4, "message": "s:7"}, {"sent": 4},
        {"created_ms": NOW_MS - SENDABLE_MS - 1}, {"id": MediaId("m2")},
    ],
    ids=str,
)  # fmt: skip
async def test_nothing_else_can_be_sent(redis: Redis, sends: MediaSends, changes: dict[str, Any]) -> None:
    await put(redis, RoomId("r"), **changes)
    with pytest.raises(Refused) as refused:
        await sends.attach(RoomId("r"), picture_message(), ["m1"])
    assert (refused.value.code, refused.value.field) == (Code.INVALID, "media.0")


async def test_a_message_that_comes_again_finds_its_own_media_sent(redis: Redis, sends: MediaSends) -> None:
    await put(redis, RoomId("r"), sent=4, message=picture_message().id, created_ms=NOW_MS - SENDABLE_MS - 1)
    assert (await sends.attach(RoomId("r"), picture_message(), ["m1"])).media[0]["id"] == "m1"


async def test_what_is_missing_from_a_view_that_is_not_whole_proves_nothing(redis: Redis, sends: MediaSends) -> None:
    reads = MediaReads(redis)
    with pytest.raises(ViewsLost):
        await sends.attach(RoomId("r"), picture_message(), ["m1"])
    view = await put(redis, RoomId("r"))
    assert await reads.get(view.id) == view
    assert await reads.get(MediaId("m2")) is None
    await redis.run("SET", redis_keys.VIEW_MEDIA, "older")
    assert await reads.get(view.id) == view
    with pytest.raises(ViewsLost):
        await reads.of([view.id, MediaId("m2")])
