"""How a user's state goes on: rules 4 to 6, 14 and 15, one instant at a time."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from kaftalk_dnd_batch.commands import (
    Discard,
    EndSnooze,
    FollowOrg,
    NotePierced,
    PutProfile,
    ReportZone,
    ResumeNow,
    SetSnooze,
)
from kaftalk_dnd_batch.machine import LEAD_MS, Machine
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_calendar import QuietCalendars
from kaftalk_protocol.quiet_profile import OrgQuiet, Profile
from kaftalk_protocol.quiet_records import Hold, UserQuiet, next_release_id, release_id

ME = UserId("0b0c4a9e-7b1c-4d8e-9f50-000000000001")
ROOM = RoomId("0b0c4a9e-7b1c-4d8e-9f50-000000000002")
ORG = OrgQuiet()
MACHINE = Machine(QuietCalendars(lambda _calendar, _year: frozenset()))
DAILY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MINUTE, HOUR = 60_000, 3_600_000


def at(clock: str, day: int = 10) -> int:
    """Give an instant of March 2027 in UTC."""
    hour, minute, second = map(int, f"{clock}:00".split(":")[:3])
    return int(datetime(2027, 3, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)


def profile(*windows: str, **more: Any) -> Profile:
    """Give a profile in UTC with daily windows as "22:00-07:00"."""
    spans = [dict(zip(("start", "end"), window.split("-"), strict=True)) for window in windows]
    return Profile.model_validate({"zone": "UTC", "windows": [{"days": DAILY} | span for span in spans]} | more)


def state(*windows: str, since: int = 0, **more: Any) -> UserQuiet:
    """Give a user with daily windows who was settled on the morning of the tenth."""
    return UserQuiet(user=ME, profile=profile(*windows, **more), settled_ms=since or at("09:00"))


def advance(quiet: UserQuiet, now_ms: int, org: OrgQuiet = ORG) -> UserQuiet:
    return MACHINE.advance(quiet, org, now_ms)


def through(quiet: UserQuiet, instants: Iterable[int]) -> tuple[UserQuiet, list[tuple[int, int]]]:
    """Advance at each instant, releasing at once what is to be released; give the windows that were released."""
    released = []
    for now_ms in instants:
        quiet = advance(quiet, now_ms)
        if quiet.hold is not None and quiet.hold.state == "releasing":
            released.append((quiet.hold.start_ms, quiet.hold.end_ms))
            quiet = advance(MACHINE.done(quiet, now_ms, noted=True), now_ms)
    return quiet, released


def held(quiet: UserQuiet) -> Hold:
    assert quiet.hold is not None
    return quiet.hold


def test_a_hold_begins_with_the_window_and_is_released_at_its_end() -> None:
    quiet = state("22:00-07:00")
    assert advance(quiet, at("21:59:59")) is quiet
    quiet = advance(quiet, at("22:00"))
    start, end = at("22:00"), at("07:00", 11)
    assert quiet.hold == Hold(start_ms=start, end_ms=end, release_id=release_id(ME, start))
    assert advance(quiet, end - 1) is quiet
    quiet = advance(quiet, end)
    assert held(quiet).state == "releasing"
    quiet = MACHINE.done(quiet, end + 30, noted=True)
    assert (quiet.hold, quiet.settled_ms) == (None, end)
    assert [(past.window, past.late_by_s) for past in quiet.released] == [((start, end), None)]
    assert advance(quiet, end + 30) is quiet


def test_a_hold_that_has_ended_is_not_shown_while_its_release_is_on_its_way() -> None:
    quiet, end = advance(state("22:00-07:00"), at("22:00")), at("07:00", 11)
    shown = MACHINE.shown(quiet, ORG, end - 1)
    assert shown.hold is not None
    assert (shown.hold.start_ms, shown.active_at(end - 1)) == (at("22:00"), True)
    for late in (quiet, advance(quiet, end)):
        shown = MACHINE.shown(late, ORG, end)
        assert shown.hold is not None
        assert (shown.hold.start_ms, shown.active_at(end)) == (at("22:00", 11), False)
        assert shown.next_start_ms == at("22:00", 12)
    resumed = MACHINE.perform(quiet, ORG, ResumeNow(), at("23:00"))
    assert held(resumed).state == "releasing"
    shown = MACHINE.shown(resumed, ORG, at("23:00"))
    assert shown.hold is not None
    assert shown.hold.start_ms == at("22:00", 11)


def test_windows_that_touch_are_released_once() -> None:
    quiet, released = through(state("22:00-24:00", "00:00-07:00"), range(at("21:00"), at("12:00", 11), MINUTE))
    assert released == [(at("22:00"), at("07:00", 11))]
    assert quiet.hold is None


def test_what_began_while_nobody_looked_is_held_from_its_beginning() -> None:
    assert held(advance(state("22:00-07:00"), at("03:00", 11))).start_ms == at("22:00")


def test_a_union_that_passed_unseen_is_released_late() -> None:
    quiet, released = through(state("22:00-07:00"), [at("09:00", 11)])
    assert released == [(at("22:00"), at("07:00", 11))]
    assert quiet.released[0].late_by_s == 2 * 3600


def test_after_several_unions_unseen_all_is_held_to_the_end_of_the_present_one() -> None:
    quiet = advance(state("22:00-07:00"), at("23:00", 12))
    assert (held(quiet).start_ms, held(quiet).end_ms) == (at("22:00"), at("07:00", 13))
    assert held(quiet).state == "holding"


def test_after_several_unions_unseen_and_outside_there_is_one_release() -> None:
    _, released = through(state("22:00-07:00"), [at("09:00", 13), at("09:01", 13)])
    assert released == [(at("22:00"), at("07:00", 13))]


def test_a_hold_that_was_not_ended_in_time_waits_for_the_end_of_the_next_union() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    name = held(quiet).release_id
    quiet = advance(quiet, at("23:00", 11))
    assert (held(quiet).start_ms, held(quiet).end_ms) == (at("22:00"), at("07:00", 12))
    assert (held(quiet).state, held(quiet).release_id) == ("holding", name)


def test_a_release_that_the_next_union_overtakes_is_held_on_under_another_name() -> None:
    quiet = advance(advance(state("22:00-07:00"), at("22:00")), at("07:00", 11))
    assert advance(quiet, at("21:59", 11)) is quiet
    quiet = advance(quiet, at("22:00", 11))
    assert (held(quiet).state, held(quiet).end_ms) == ("holding", at("07:00", 12))
    assert held(quiet).release_id == next_release_id(release_id(ME, at("22:00")))


def test_a_clock_that_falls_back_enters_no_window_again() -> None:
    quiet, _ = through(state("22:00-07:00"), [at("22:00"), at("07:00", 11)])
    for now_ms in range(at("20:00"), at("07:00", 11), HOUR):
        assert advance(quiet, now_ms) is quiet


def test_a_clock_that_falls_back_does_not_stop_a_release() -> None:
    quiet = advance(advance(state("22:00-07:00"), at("22:00")), at("07:00", 11))
    assert held(advance(quiet, at("06:00", 11))).state == "releasing"


def test_quiet_without_an_end_is_held_and_goes_on_where_it_was_cut() -> None:
    quiet = advance(state("00:00-00:00"), at("12:00"))
    cut_ms = held(quiet).end_ms
    assert cut_ms > at("12:00") + 300 * 24 * HOUR
    quiet = advance(quiet, cut_ms)
    assert (held(quiet).state, held(quiet).start_ms) == ("holding", at("09:00"))
    assert held(quiet).end_ms > cut_ms
    quiet = MACHINE.perform(quiet, ORG, ResumeNow(), cut_ms)
    assert held(quiet).state == "releasing"


def test_a_snooze_in_quiet_without_an_end_is_part_of_it() -> None:
    quiet = advance(state("00:00-00:00"), at("12:00"))
    quiet = MACHINE.perform(quiet, ORG, SetSnooze(at("13:00")), at("12:00"))
    assert held(quiet).end_ms > at("12:00") + 300 * 24 * HOUR


# --- snooze ---


def test_a_snooze_begins_a_second_ahead_and_needs_no_profile() -> None:
    now_ms = at("12:00")
    quiet = MACHINE.perform(UserQuiet(user=ME), ORG, SetSnooze(now_ms + HOUR), now_ms)
    assert quiet.hold is None
    told = MACHINE.state(quiet, ORG).hold
    assert told is not None
    assert (told.start_ms, told.end_ms) == (now_ms + LEAD_MS, now_ms + HOUR)
    _, released = through(quiet, range(now_ms, now_ms + 2 * HOUR, 500))
    assert released == [(now_ms + LEAD_MS, now_ms + HOUR)]


def test_a_snooze_may_go_on_past_a_window() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    quiet = MACHINE.perform(quiet, ORG, SetSnooze(at("08:00", 11)), at("06:00", 11))
    assert held(quiet).end_ms == at("08:00", 11)
    _, released = through(quiet, range(at("06:00", 11), at("10:00", 11), MINUTE))
    assert released == [(at("22:00"), at("08:00", 11))]


def test_a_snooze_that_is_set_again_replaces_the_first() -> None:
    quiet = MACHINE.perform(UserQuiet(user=ME), ORG, SetSnooze(at("13:00")), at("12:00"))
    quiet = advance(quiet, at("12:00:01"))
    quiet = MACHINE.perform(quiet, ORG, SetSnooze(at("12:30")), at("12:10"))
    assert (held(quiet).start_ms, held(quiet).end_ms) == (at("12:00:01"), at("12:30"))


def test_a_snooze_that_ends_early_leaves_a_window_on() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    quiet = MACHINE.perform(quiet, ORG, SetSnooze(at("12:00", 11)), at("23:00"))
    quiet = MACHINE.perform(quiet, ORG, EndSnooze(), at("23:30"))
    assert (held(quiet).state, held(quiet).end_ms) == ("holding", at("07:00", 11))


def test_a_snooze_that_ends_early_outside_a_window_releases() -> None:
    quiet = advance(MACHINE.perform(UserQuiet(user=ME), ORG, SetSnooze(at("13:00")), at("12:00")), at("12:00:01"))
    quiet = MACHINE.perform(quiet, ORG, EndSnooze(), at("12:20"))
    assert (held(quiet).state, held(quiet).end_ms) == ("releasing", at("12:20"))


def test_a_snooze_that_has_not_begun_is_taken_back_without_a_release() -> None:
    quiet = MACHINE.perform(UserQuiet(user=ME), ORG, SetSnooze(at("13:00")), at("12:00"))
    quiet = MACHINE.perform(quiet, ORG, EndSnooze(), at("12:00") + 300)
    assert through(quiet, range(at("12:00"), at("14:00"), 500)) == (quiet, [])


def test_no_snooze_is_ended_by_nothing() -> None:
    quiet = state("22:00-07:00")
    assert MACHINE.perform(quiet, ORG, EndSnooze(), at("12:00")) is quiet


# --- resume now ---


def test_resume_now_releases_and_the_same_window_does_not_come_back() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    quiet = MACHINE.perform(quiet, ORG, ResumeNow(), at("23:00"))
    assert (held(quiet).state, held(quiet).end_ms, quiet.resume_until_ms) == (
        "releasing", at("23:00"), at("07:00", 11),
    )  # fmt: skip
    quiet = MACHINE.done(quiet, at("23:00"), noted=True)
    _, released = through(quiet, range(at("23:00"), at("08:00", 12), MINUTE))
    assert released == [(at("22:00", 11), at("07:00", 12))]


def test_a_later_snooze_lifts_resume_now() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    quiet = MACHINE.done(MACHINE.perform(quiet, ORG, ResumeNow(), at("23:00")), at("23:00"), noted=True)
    quiet = MACHINE.perform(quiet, ORG, SetSnooze(at("23:50")), at("23:30"))
    assert quiet.resume_until_ms is None
    quiet = advance(quiet, at("23:30:01"))
    assert (held(quiet).start_ms, held(quiet).end_ms) == (at("23:30:01"), at("07:00", 11))


def test_resume_now_takes_a_snooze_that_is_about_to_begin() -> None:
    quiet = MACHINE.perform(UserQuiet(user=ME), ORG, SetSnooze(at("13:00")), at("12:00"))
    quiet = MACHINE.perform(quiet, ORG, ResumeNow(), at("12:00") + 300)
    assert through(quiet, range(at("12:00"), at("14:00"), 500))[1] == []


def test_resume_now_outside_of_quiet_hours_changes_nothing() -> None:
    quiet = state("22:00-07:00")
    assert MACHINE.perform(quiet, ORG, ResumeNow(), at("12:00")) is quiet


# --- profiles ---


def test_a_window_that_is_on_when_it_is_made_begins_a_second_ahead() -> None:
    quiet = MACHINE.perform(UserQuiet(user=ME), ORG, PutProfile(profile("09:00-18:00")), at("12:00"))
    assert advance(quiet, at("12:00")).hold is None
    hold = held(advance(quiet, at("12:00:01")))
    assert (hold.start_ms, hold.end_ms) == (at("12:00:01"), at("18:00"))


def test_an_edit_in_a_hold_moves_its_end_and_not_its_beginning() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    quiet = MACHINE.perform(quiet, ORG, PutProfile(profile("21:00-08:30")), at("23:00"))
    assert (held(quiet).start_ms, held(quiet).end_ms) == (at("22:00"), at("08:30", 11))


def test_an_edit_that_leaves_nothing_quiet_now_releases_at_once() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    quiet = MACHINE.perform(quiet, ORG, PutProfile(profile()), at("23:00"))
    assert (held(quiet).state, held(quiet).end_ms) == ("releasing", at("23:00"))


def test_an_edit_does_not_move_a_start_that_gateways_know() -> None:
    quiet = state("22:00-07:00")
    quiet = MACHINE.perform(quiet, ORG, PutProfile(profile("22:00-08:00")), at("21:59:59") + 500)
    assert held(advance(quiet, at("22:00"))).start_ms == at("22:00")


def test_what_was_delivered_is_not_held_again_by_a_window_in_the_past() -> None:
    quiet = MACHINE.perform(state("22:00-07:00"), ORG, PutProfile(profile("10:00-11:00")), at("12:00"))
    assert through(quiet, [at("12:00"), at("12:30")])[1] == []


def test_turning_from_hold_to_silent_releases_and_goes_on_silent() -> None:
    quiet = advance(state("22:00-07:00"), at("22:00"))
    silent = profile("22:00-07:00", deliver="silent")
    quiet = MACHINE.perform(quiet, ORG, PutProfile(silent), at("23:00"))
    assert (held(quiet).state, held(quiet).deliver, held(quiet).end_ms) == ("releasing", "hold", at("23:00"))
    quiet = advance(MACHINE.done(quiet, at("23:00"), noted=True), at("23:00:01"))
    assert (held(quiet).deliver, held(quiet).start_ms) == ("silent", at("23:00:01"))


# --- zones ---


def test_a_device_that_is_elsewhere_for_ten_minutes_moves_the_zone() -> None:
    quiet = state("22:00-07:00", zone_mode="follow_device")
    quiet = MACHINE.perform(quiet, ORG, ReportZone("Asia/Seoul", confirmed=False), at("13:30"))
    assert MACHINE.due_ms(quiet, ORG, at("13:30")) == at("13:40")
    assert advance(quiet, at("13:39:59")).profile == quiet.profile
    quiet = advance(quiet, at("13:40"))
    assert quiet.profile is not None
    assert quiet.profile.zone == "Asia/Seoul"
    # 13:40 in UTC is 22:40 in Seoul: quiet, but not before it was known.
    assert held(advance(quiet, at("13:40:01"))).start_ms == at("13:40:01")
    assert held(advance(quiet, at("13:40:01"))).end_ms == at("22:00")


def test_a_zone_that_the_person_confirms_counts_at_once_and_may_release() -> None:
    quiet = advance(state("22:00-07:00", zone_mode="follow_device"), at("22:00"))
    quiet = MACHINE.perform(quiet, ORG, ReportZone("America/New_York", confirmed=True), at("23:00"))
    assert (held(quiet).state, held(quiet).end_ms) == ("releasing", at("23:00"))


def test_a_zone_that_flaps_moves_nothing() -> None:
    quiet = state("22:00-07:00", zone_mode="follow_device")
    for minute in range(0, 60, 5):
        zone = "Asia/Seoul" if minute % 10 else "Asia/Tokyo"
        quiet = MACHINE.perform(quiet, ORG, ReportZone(zone, confirmed=False), at(f"13:{minute:02}"))
    assert quiet.profile is not None
    assert quiet.profile.zone == "UTC"


def test_a_zone_changes_by_itself_once_an_hour() -> None:
    quiet = state("03:00-04:00", zone_mode="follow_device")
    quiet = MACHINE.perform(quiet, ORG, ReportZone("Asia/Seoul", confirmed=False), at("13:00"))
    quiet = advance(quiet, at("13:10"))
    quiet = MACHINE.perform(quiet, ORG, ReportZone("Asia/Kathmandu", confirmed=False), at("13:20"))
    assert MACHINE.due_ms(quiet, ORG, at("13:20")) == at("14:10")
    assert advance(quiet, at("14:09")).profile == quiet.profile
    moved = advance(quiet, at("14:10")).profile
    assert moved is not None
    assert moved.zone == "Asia/Kathmandu"


def test_a_device_at_home_takes_back_what_was_reported() -> None:
    quiet = state("22:00-07:00", zone_mode="follow_device")
    quiet = MACHINE.perform(quiet, ORG, ReportZone("Asia/Seoul", confirmed=False), at("13:00"))
    quiet = MACHINE.perform(quiet, ORG, ReportZone("UTC", confirmed=False), at("13:05"))
    assert quiet.zone_change is not None
    assert quiet.zone_change.zone is None


def test_a_fixed_zone_follows_no_device() -> None:
    quiet = state("22:00-07:00")
    assert MACHINE.perform(quiet, ORG, ReportZone("Asia/Seoul", confirmed=True), at("13:00")) is quiet


# --- the organisation, alerts, the end of an account ---


def test_the_organisations_default_holds_for_who_has_no_profile() -> None:
    org = OrgQuiet.model_validate({"zone": "UTC", "windows": [{"days": DAILY, "start": "22:00", "end": "07:00"}]})
    quiet = UserQuiet(user=ME, settled_ms=at("12:00"))
    assert held(advance(quiet, at("22:00"), org)).end_ms == at("07:00", 11)


def test_a_change_of_the_default_moves_the_end_of_a_hold() -> None:
    before = OrgQuiet.model_validate({"zone": "UTC", "windows": [{"days": DAILY, "start": "22:00", "end": "07:00"}]})
    after = OrgQuiet.model_validate({"zone": "UTC", "windows": [{"days": DAILY, "start": "22:00", "end": "06:00"}]})
    quiet = advance(UserQuiet(user=ME, settled_ms=at("12:00")), at("22:00"), before)
    quiet = MACHINE.perform(quiet, after, FollowOrg(before), at("23:00"))
    assert (held(quiet).state, held(quiet).end_ms) == ("holding", at("06:00", 11))


def test_a_change_of_the_default_does_not_touch_who_has_a_profile() -> None:
    after = OrgQuiet.model_validate({"zone": "UTC", "windows": [{"days": DAILY, "start": "12:00", "end": "20:00"}]})
    quiet = state("22:00-07:00")
    assert MACHINE.perform(quiet, after, FollowOrg(ORG), at("13:00")) is quiet


def test_an_alert_is_noted_once() -> None:
    note = NotePierced(ROOM, 7, ME, "vip")
    quiet = MACHINE.perform(state("22:00-07:00"), ORG, note, at("13:00"))
    assert MACHINE.perform(quiet, ORG, note, at("13:01")) is quiet
    assert [(pierced.seq, pierced.ts) for pierced in quiet.pierced] == [(7, at("13:00"))]


def test_a_discarded_hold_is_neither_released_nor_held_again() -> None:
    quiet = MACHINE.perform(advance(state("22:00-07:00"), at("22:00")), ORG, Discard(), at("23:00"))
    assert (quiet.hold, quiet.settled_ms) == (None, at("23:00"))
