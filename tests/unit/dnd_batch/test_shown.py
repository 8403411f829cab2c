"""Quiet hours as they are shown to their person, and what of them to others."""

import uuid
from typing import Any

import pytest

from kaftalk_dnd_batch.shapes import READ_ONLY, NewQuietHours
from kaftalk_dnd_batch.shown import org_etag, others_quiet, profile_etag, quiet_hours, release
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import OrgQuiet, Profile
from kaftalk_protocol.quiet_records import Digest, Released, Snooze, UserQuiet, ZoneChange
from kaftalk_protocol.quiet_state import HoldPlan, QuietState

MINA = UserId(str(uuid.uuid4()))
NOW = 1_800_000_000_000
HOUR = 3_600_000
NIGHTS: dict[str, Any] = {"days": ["mon", "fri"], "start": "22:00", "end": "07:00"}
OWN = Profile.model_validate({"zone": "Asia/Seoul", "windows": [NIGHTS]})
ORG = OrgQuiet.model_validate({"zone": "Europe/Berlin", "windows": [NIGHTS | {"label": "조용"}], "share": False})


def _state(start_ms: int | None, **changes: Any) -> QuietState:
    hold = None
    if start_ms is not None:
        hold = HoldPlan(start_ms=start_ms, end_ms=start_ms + HOUR, release_id="0" * 32, deliver="hold")
    return QuietState(user=MINA, version=1, hold=hold, **changes)


def test_ones_own_profile_is_shown_with_what_follows_from_it() -> None:
    quiet = UserQuiet(user=MINA, profile=OWN, updated_ms=NOW, snooze=Snooze(from_ms=NOW, until_ms=NOW + HOUR))
    shown = quiet_hours(quiet, ORG, _state(NOW, next_start_ms=NOW + 20 * HOUR), "Asia/Seoul", NOW + 1)
    assert (shown.origin, shown.zone, shown.windows, shown.share) == ("user", "Asia/Seoul", OWN.windows, True)
    assert (shown.active, shown.until, shown.next_start) == (
        True, "2027-01-15T09:00:00.000Z", "2027-01-16T04:00:00.000Z",
    )  # fmt: skip
    assert (shown.snooze_until, shown.updated_at) == ("2027-01-15T09:00:00.000Z", "2027-01-15T08:00:00.000Z")


def test_without_a_profile_the_organisations_is_in_force() -> None:
    shown = quiet_hours(UserQuiet(user=MINA), ORG, _state(NOW + HOUR), "Europe/Berlin", NOW)
    assert (shown.origin, shown.windows, shown.share, shown.updated_at) == ("org", ORG.windows, False, None)
    assert (shown.active, shown.until, shown.next_start) == (False, None, "2027-01-15T09:00:00.000Z")


def test_what_is_over_is_not_shown() -> None:
    quiet = UserQuiet(user=MINA, snooze=Snooze(from_ms=NOW - HOUR, until_ms=NOW), resume_until_ms=NOW)
    shown = quiet_hours(quiet, ORG, _state(None), "UTC", NOW)
    assert (shown.snooze_until, shown.resume_until, shown.next_start) == (None, None, None)


def test_a_zone_that_waits_is_shown() -> None:
    quiet = UserQuiet(user=MINA, profile=OWN, zone_change=ZoneChange(zone="Asia/Tokyo", since_ms=NOW))
    waiting = quiet_hours(quiet, ORG, _state(None), "Asia/Seoul", NOW).zone_change
    assert waiting is not None
    assert (waiting.zone, waiting.since) == ("Asia/Tokyo", "2027-01-15T08:00:00.000Z")
    changed = UserQuiet(user=MINA, profile=OWN, zone_change=ZoneChange(changed_ms=NOW))
    assert quiet_hours(changed, ORG, _state(None), "Asia/Seoul", NOW).zone_change is None


def test_the_tag_changes_with_the_profile_in_force_and_nothing_else() -> None:
    quiet = UserQuiet(user=MINA, profile=OWN)
    tag = profile_etag(quiet, ORG, "Asia/Seoul")
    snoozed = quiet.model_copy(update={"version": 9, "snooze": Snooze(from_ms=NOW, until_ms=NOW + HOUR)})
    assert tag == profile_etag(snoozed, OrgQuiet(), "Asia/Seoul")
    assert tag != profile_etag(UserQuiet(user=MINA, profile=OWN.model_copy(update={"share": False})), ORG, "Asia/Seoul")
    unset = UserQuiet(user=MINA)
    assert profile_etag(unset, ORG, "UTC") != profile_etag(unset, OrgQuiet(), "UTC")
    assert org_etag(ORG) != org_etag(OrgQuiet())


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (_state(None), (False, None, None)),
        (_state(NOW + HOUR), (False, "2027-01-15T09:00:00.000Z", "2027-01-15T10:00:00.000Z")),
        (_state(NOW), (True, None, "2027-01-15T09:00:00.000Z")),
        (_state(NOW, next_start_ms=NOW + 2 * HOUR), (True, "2027-01-15T10:00:00.000Z", "2027-01-15T09:00:00.000Z")),
        (_state(NOW, share=False), (False, None, None)),
    ],
    ids=["never", "later", "now", "now and later", "not shared"],
)
def test_others_see_when_it_is_quiet_unless_it_is_not_shared(state: QuietState, told: tuple[Any, ...]) -> None:
    shown = others_quiet(state, NOW)
    assert (shown.quiet, shown.next_start, shown.next_end) == told


def test_a_release_says_when_and_how_late() -> None:
    released = Released(
        user=MINA, release_id="ab", window=(NOW, NOW + HOUR), digest=Digest(total=0, mentions=0), done_ms=NOW, fence=1
    )
    assert release(released).model_dump() == {
        "release_id": "ab",
        "window": ("2027-01-15T08:00:00.000Z", "2027-01-15T09:00:00.000Z"),
        "digest": {"total": 0, "mentions": 0, "rooms": ()},
    }
    assert release(released.model_copy(update={"late_by_s": 9})).model_dump()["late_by_s"] == 9


def test_what_get_gave_can_be_put() -> None:
    shown = quiet_hours(UserQuiet(user=MINA, profile=OWN), ORG, _state(NOW), "Asia/Seoul", NOW)
    given = shown.model_dump(mode="json", by_alias=True)
    assert set(given) - set(Profile.model_fields) == set(READ_ONLY)
    assert NewQuietHours.model_validate(given).profile() == OWN
    assert type(NewQuietHours.model_validate(given).profile()) is Profile
