"""Releases that are made ahead: given as they are if nothing has changed, else made again."""

from collections.abc import Callable, Iterable

import pytest

from kaftalk_dnd_batch import maker as makers
from kaftalk_dnd_batch.machine import LATE_FROM_MS, Machine
from kaftalk_dnd_batch.maker import Made, Maker
from kaftalk_dnd_batch.owned_users import OwnedUser
from kaftalk_dnd_batch.payloads import ReleasedRoom
from kaftalk_dnd_batch.quiet_log import Write
from kaftalk_dnd_batch.store import Sealed
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_calendar import QuietCalendars
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import Hold, Snooze, UserQuiet, encode, release_id
from kaftalk_protocol.records import Message
from kaftalk_protocol.records import encode as encode_record
from kaftalk_runtime.clock import ManualClock
from kaftalk_views.held_batch import HeldRoom, RoomBatch, Standing
from kaftalk_views.held_range import HeldRange
from kaftalk_views.lost_rooms import Lost
from kaftalk_views.projection import Shown
from kaftalk_views.room_views import Facts, Head

ME, OTHER = (UserId(f"0b0c4a9e-7b1c-4d8e-9f50-00000000000{n}") for n in (1, 2))
TEA, COFFEE = (RoomId(f"0b0c4a9e-7b1c-4d8e-9f50-00000000001{n}") for n in (1, 2))
END_MS = 1_800_000_000_000
START_MS = END_MS - 60_000
HOLD = Hold(start_ms=START_MS, end_ms=END_MS, release_id=release_id(ME, START_MS))
MACHINE = Machine(QuietCalendars(lambda _calendar, _year: frozenset()))


def part(room: RoomId, *texts: str) -> ReleasedRoom:
    """Give what a room of two releases."""
    held = HeldRange()
    for seq, text in enumerate(texts, 1):
        message = Message(id=f"{OTHER}:{seq}", by=OTHER, text=text)
        held.take([Shown(seq, seq - 1, END_MS - 1_000, encode_record(message), message)])
    facts = Facts(
        room, Head(0, 0, len(texts), len(texts)), "public", "tea", None, "all", members_invite=False, created_ms=0,
        created_by=OTHER, archived=False, deleted=False, member_count=2, notes_from=0,
    )  # fmt: skip
    standing = Standing(dict.fromkeys((ME, OTHER), "member:0"), {}, {})
    return ReleasedRoom(RoomBatch(HeldRoom(facts, 1, 0, None), held, standing, {}))


class Town:
    """Rooms and losses of one user, and what the rooms release."""

    def __init__(self) -> None:
        self.rooms = {TEA: part(TEA, "one"), COFFEE: part(COFFEE, "one", "two")}
        self.mine = {TEA}
        self.lost: list[Lost] = []
        self.org = OrgQuiet()
        self.clock = ManualClock(END_MS - 5_000)
        self.sealed = 0
        self.user = OwnedUser(0, UserQuiet(user=ME, version=3, hold=HOLD, settled_ms=START_MS), stored=True)

    async def rooms_of_many(self, users: Iterable[UserId]) -> dict[UserId, set[RoomId]]:
        return {user: set(self.mine) for user in users}

    async def lost_by(self, users: Iterable[UserId], _since_ms: int) -> dict[UserId, list[Lost]]:
        return {user: list(self.lost) for user in users}

    async def warm(self, rooms: Iterable[RoomId], _start_ms: int) -> dict[RoomId, ReleasedRoom]:
        return {room: self.rooms[room] for room in rooms if room in self.rooms}

    async def of(
        self, rooms: Iterable[RoomId], start_ms: int, *, ends_ms: int, patient: bool
    ) -> dict[RoomId, ReleasedRoom]:
        assert (ends_ms, patient) == (END_MS, self.clock.now_ms() < END_MS + makers.PATIENCE_MS)
        return await self.warm(rooms, start_ms)

    def seal(self, user: OwnedUser, quiet: UserQuiet) -> Sealed:
        self.sealed += 1
        state = quiet.model_copy(update={"version": quiet.version + 1, "fence": 7})
        return Sealed(user, state, Write(user.shard, user.id, encode(state)))

    def maker(self) -> Maker:
        return Maker(views=self, batches=self, machine=MACHINE, seal=self.seal, clock=self.clock, org=lambda: self.org)

    async def end(self) -> None:
        """Let the hold end, as the log has it then."""
        await self.clock.advance(5.1)
        after = MACHINE.advance(self.user.quiet, self.org, self.clock.now_ms())
        self.user.quiet = self.seal(self.user, after).state
        self.sealed = 0


def said(made: Made) -> tuple[object, ...]:
    """Give all that a release says and leaves behind."""
    release = made.release
    return (
        made.hold, release.payload, release.digest, [share.json for share in release.shares], release.is_empty,
        made.after.state, made.after.write, made.told, made.late_by_s,
    )  # fmt: skip


async def test_what_was_made_ahead_is_given_at_the_end() -> None:
    town = Town()
    maker = town.maker()
    await maker.make_ahead([town.user], START_MS)
    await town.end()
    (made,) = await maker.make([town.user], START_MS)
    assert town.sealed == 0
    assert said(made) == said(*await town.maker().make([town.user], START_MS))
    assert made.after.state.version == town.user.quiet.version + 1


def talk(town: Town) -> None:
    town.rooms[TEA] = part(TEA, "one", "at the last second")


def talk_where_nothing_was_held(town: Town) -> None:
    town.mine = {TEA, COFFEE}
    town.rooms[COFFEE] = part(COFFEE, "news")


def fall_silent(town: Town) -> None:
    del town.rooms[TEA]


def join(town: Town) -> None:
    town.mine = {TEA, COFFEE}


def be_removed(town: Town) -> None:
    town.mine = set()
    town.lost = [Lost(TEA, 9, END_MS - 100, "kicked", "tea")]


def snooze_long_ago(town: Town) -> None:
    snooze = Snooze(from_ms=START_MS, until_ms=END_MS - 1)
    town.user.quiet = town.user.quiet.model_copy(update={"version": 4, "snooze": snooze})


def change_the_org(town: Town) -> None:
    town.org = OrgQuiet(urgent_allowed=False)


@pytest.mark.parametrize(
    "happens",
    [talk, talk_where_nothing_was_held, fall_silent, join, be_removed, snooze_long_ago, change_the_org],
)
async def test_what_happens_before_the_end_is_in_the_release(happens: Callable[[Town], None]) -> None:
    town = Town()
    maker = town.maker()
    await maker.make_ahead([town.user], START_MS)
    happens(town)
    await town.end()
    (made,) = await maker.make([town.user], START_MS)
    assert said(made) == said(*await town.maker().make([town.user], START_MS))


async def test_a_release_that_is_late_says_so_though_it_was_made_ahead() -> None:
    town = Town()
    maker = town.maker()
    await maker.make_ahead([town.user], START_MS)
    await town.end()
    await town.clock.advance(LATE_FROM_MS / 1000)
    (made,) = await maker.make([town.user], START_MS)
    assert made.late_by_s == LATE_FROM_MS // 1000


async def test_a_user_whose_shard_went_and_came_back_is_made_again() -> None:
    town = Town()
    maker = town.maker()
    await maker.make_ahead([town.user], START_MS)
    await town.end()
    again = OwnedUser(0, town.user.quiet, stored=True)
    (made,) = await maker.make([again], START_MS)
    assert made.user is made.after.user is again


async def test_no_more_than_the_first_thousands_are_made_ahead_until_they_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(makers, "AHEAD_MAX", 1)
    town = Town()
    maker = town.maker()
    assert await maker.make_ahead([town.user], START_MS)
    made = town.sealed
    assert not await maker.make_ahead([town.user], START_MS)
    assert town.sealed == made
    await town.clock.advance(makers.KEPT_MS / 1000 + 6)
    maker.drop_old()
    later = HOLD.model_copy(update={"end_ms": town.clock.now_ms() + 1})
    town.user.quiet = town.user.quiet.model_copy(update={"hold": later})
    assert await maker.make_ahead([town.user], START_MS)
    assert town.sealed == 2 * made


async def test_a_hold_that_is_over_is_not_made_ahead_of_its_end() -> None:
    town = Town()
    await town.clock.advance(5.1)
    assert await town.maker().make_ahead([town.user], START_MS)
    assert town.sealed == 0


async def test_who_was_released_meanwhile_is_not_made_ahead() -> None:
    town = Town()
    await town.end()
    town.user.quiet = MACHINE.done(town.user.quiet, town.clock.now_ms(), noted=True)
    await town.maker().make_ahead([town.user], START_MS)
    assert town.sealed == 0
