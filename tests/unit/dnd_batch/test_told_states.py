"""What others are told of a user's state, and when it has to be looked at again."""

from datetime import UTC, datetime

from kaftalk_dnd_batch.machine import Machine
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_calendar import QuietCalendars
from kaftalk_protocol.quiet_profile import OrgQuiet, Profile
from kaftalk_protocol.quiet_records import UserQuiet, release_id

ME = UserId("0b0c4a9e-7b1c-4d8e-9f50-000000000001")
ORG = OrgQuiet()
MACHINE = Machine(QuietCalendars(lambda _calendar, _year: frozenset()))
DAILY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def at(clock: str, day: int = 10) -> int:
    """Give an instant of March 2027 in UTC."""
    return int(datetime.fromisoformat(f"2027-03-{day}T{clock}:00").replace(tzinfo=UTC).timestamp() * 1000)


def night() -> UserQuiet:
    """Give a user who is quiet from 22:00 to 07:00, and was settled on the morning of the tenth."""
    window = {"days": DAILY, "start": "22:00", "end": "07:00"}
    return UserQuiet(
        user=ME, profile=Profile.model_validate({"zone": "UTC", "windows": [window]}), settled_ms=at("09:00")
    )


def held() -> UserQuiet:
    return MACHINE.advance(night(), ORG, at("22:00"))


def test_a_hold_is_told_ahead_with_the_one_after_it() -> None:
    told = MACHINE.state(night(), ORG)
    assert told.hold is not None
    assert (told.hold.start_ms, told.hold.release_id) == (at("22:00"), release_id(ME, at("22:00")))
    assert told.next_start_ms == at("22:00", 11)


def test_while_a_release_goes_on_the_hold_is_told_still() -> None:
    quiet = MACHINE.advance(held(), ORG, at("07:00", 11))
    told = MACHINE.state(quiet, ORG)
    assert told.hold is not None
    assert told.hold.start_ms == at("22:00")
    after = MACHINE.state(MACHINE.done(quiet, at("07:00", 11), noted=True), ORG)
    assert after.hold is not None
    assert after.hold.start_ms == at("22:00", 11)


def test_who_has_no_quiet_hours_is_told_to_have_none() -> None:
    told = MACHINE.state(UserQuiet(user=ME), ORG)
    assert (told.hold, told.next_start_ms) == (None, None)


def test_the_next_look_is_at_the_next_instant_or_in_an_hour() -> None:
    assert MACHINE.due_ms(night(), ORG, at("21:30")) == at("22:00")
    assert MACHINE.due_ms(night(), ORG, at("12:00")) == at("13:00")
    assert MACHINE.due_ms(held(), ORG, at("06:59", 11)) == at("07:00", 11)
