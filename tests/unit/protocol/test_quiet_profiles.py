"""What is said about quiet hours has the shape of the contract; what is wrong is refused by the name of its field."""

import json
import uuid
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.instants import instant_ms, instant_text
from kaftalk_protocol.quiet_profile import (
    EXCEPTIONS_MAX,
    STORED,
    VIP_MAX,
    WINDOWS_MAX,
    DeviceZone,
    OrgQuiet,
    Pierce,
    Profile,
    SnoozeRequest,
)

NIGHT = {"days": ["mon", "tue"], "start": "22:00", "end": "07:00"}
AWAY = {"from": "2027-03-01T00:00:00Z", "to": "2027-03-02T00:00:00Z"}
USERS = [str(uuid.UUID(int=number, version=4)) for number in range(10_000)]
NOW_MS = instant_ms("2027-03-14T07:00:00Z")
DAY_MS = 24 * 3_600_000


def blamed(model: type[BaseModel], given: Any) -> str:
    """Give the first field that is refused, as problems name it."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate(given)
    return ".".join(str(part) for part in refused.value.errors()[0]["loc"])


def test_the_least_profile_has_the_defaults_of_the_contract() -> None:
    assert json.loads(Profile.model_validate({"zone": "Asia/Seoul", "windows": [NIGHT]}).model_dump_json()) == {
        "zone": "Asia/Seoul", "zone_mode": "fixed", "windows": [{**NIGHT, "label": None}], "holidays": None,
        "exceptions": [], "away": None, "deliver": "hold",
        "pierce": {"vip": [], "direct_send_anyway": True, "urgent_rooms": False}, "share": True,
    }  # fmt: skip


def test_a_profile_comes_back_as_it_was_written() -> None:
    given = {
        "zone": "Australia/Lord_Howe", "zone_mode": "follow_device",
        "windows": [{**NIGHT, "label": "Nights"}, {"days": ["sun"], "start": "00:00", "end": "24:00", "label": None}],
        "holidays": "KR", "exceptions": [{"date": "2027-03-14", "kind": "no_quiet"}],
        "away": {"from": "2027-03-01T00:00:00.000Z", "to": "2027-03-02T00:00:00.123Z"}, "deliver": "silent",
        "pierce": {"vip": USERS[:2], "direct_send_anyway": False, "urgent_rooms": True}, "share": False,
    }  # fmt: skip
    profile = Profile.model_validate(given)
    assert json.loads(profile.model_dump_json(by_alias=True)) == given
    assert hash(profile) == hash(Profile.model_validate(given))
    org = given | {"urgent_allowed": False, "minimum": [{**NIGHT, "label": None}]}
    assert json.loads(OrgQuiet.model_validate(org).model_dump_json(by_alias=True)) == org


def test_an_organisation_that_said_nothing_leaves_everybody_alone() -> None:
    assert OrgQuiet().default() == Profile(windows=())
    assert OrgQuiet().urgent_allowed
    assert OrgQuiet.model_validate({"windows": [NIGHT], "deliver": "silent"}).default() == Profile.model_validate(
        {"windows": [NIGHT], "deliver": "silent"}
    )


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("zone", {"zone": "Mars/Base"}),
        ("zone", {"zone": "../../etc/passwd"}),
        ("zone", {"zone": "asia/seoul"}),
        ("zone", {"zone": "localtime"}),
        ("zone", {"zone": ""}),
        ("zone", {"zone": 9}),
        ("zone_mode", {"zone_mode": "auto"}),
        ("windows", {"windows": [NIGHT] * (WINDOWS_MAX + 1)}),
        ("windows", {"windows": [NIGHT] * 400}),
        ("windows", {"windows": "nights"}),
        ("windows", {"windows": None}),
        ("windows.0.days", {"windows": [{**NIGHT, "days": ["mon", "mon"]}]}),
        ("windows.0.days", {"windows": [{**NIGHT, "days": []}]}),
        ("windows.1.days.0", {"windows": [NIGHT, {**NIGHT, "days": ["monday"]}]}),
        ("windows.0.start", {"windows": [{**NIGHT, "start": "25:00"}]}),
        ("windows.0.start", {"windows": [{**NIGHT, "start": "24:00"}]}),
        ("windows.0.start", {"windows": [{**NIGHT, "start": "7:00"}]}),
        ("windows.0.start", {"windows": [{**NIGHT, "start": "22:60"}]}),
        ("windows.0.start", {"windows": [{**NIGHT, "start": "٢٢:٠٠"}]}),
        ("windows.0.end", {"windows": [{**NIGHT, "end": "24:01"}]}),
        ("windows.0.end", {"windows": [{**NIGHT, "end": "07:00\n"}]}),
        ("windows.0.end", {"windows": [{"days": ["mon"], "start": "22:00"}]}),
        ("windows.0.label", {"windows": [{**NIGHT, "label": "x" * 41}]}),
        ("windows.0.label", {"windows": [{**NIGHT, "label": " "}]}),
        ("windows.0.label", {"windows": [{**NIGHT, "label": "a\nb"}]}),
        ("windows.0.zone", {"windows": [{**NIGHT, "zone": "UTC"}]}),
        ("holidays", {"holidays": "XX"}),
        ("exceptions", {"exceptions": [{"date": "2027-01-01", "kind": "quiet"}] * 2}),
        ("exceptions", {"exceptions": [{"date": "2027-01-01", "kind": "quiet"}] * (EXCEPTIONS_MAX + 1)}),
        ("exceptions.0.date", {"exceptions": [{"date": "2027-02-30", "kind": "quiet"}]}),
        ("exceptions.0.date", {"exceptions": [{"date": "0001-01-01", "kind": "quiet"}]}),
        ("exceptions.0.date", {"exceptions": [{"date": "2027-01-01T00:00:00", "kind": "quiet"}]}),
        ("exceptions.0.date", {"exceptions": [{"date": 946684800, "kind": "quiet"}]}),
        ("exceptions.0.kind", {"exceptions": [{"date": "2027-01-01", "kind": "loud"}]}),
        ("away", {"away": {"from": AWAY["to"], "to": AWAY["from"]}}),
        ("away", {"away": {"from": AWAY["from"], "to": AWAY["from"]}}),
        ("away", {"away": {"from": AWAY["from"], "to": "2030-01-01T00:00:00Z"}}),
        ("away.to", {"away": {"from": AWAY["from"]}}),
        ("away.to", {"away": {**AWAY, "to": "2027-03-02T00:00:00"}}),
        ("away.to", {"away": {**AWAY, "to": 1_800_000_000_000}}),
        ("away.to", {"away": {**AWAY, "to": "9999-12-31T23:59:59-12:00"}}),
        ("away.from", {"away": {**AWAY, "from": "2027-13-01T00:00:00Z"}}),
        ("deliver", {"deliver": "drop"}),
        ("pierce.vip", {"pierce": {"vip": USERS}}),
        ("pierce.vip", {"pierce": {"vip": USERS[: VIP_MAX + 1]}}),
        ("pierce.vip", {"pierce": {"vip": [USERS[0], USERS[0]]}}),
        ("pierce.vip.1", {"pierce": {"vip": [USERS[0], "bob"]}}),
        ("pierce.urgent_rooms", {"pierce": {"urgent_rooms": 1}}),
        ("share", {"share": "yes"}),
        ("enabled", {"enabled": True}),
    ],
)
def test_what_is_wrong_is_refused_by_the_name_of_its_field(field: str, change: dict[str, Any]) -> None:
    assert blamed(Profile, {"zone": "UTC", "windows": [], **change}) == field
    assert blamed(OrgQuiet, {"zone": "UTC", "windows": [], **change}) == field


def test_windows_are_never_left_out_of_a_persons_profile() -> None:
    assert blamed(Profile, {"zone": "UTC"}) == "windows"
    assert blamed(OrgQuiet, {"minimum": [NIGHT] * 51}) == "minimum"


def test_as_much_as_is_allowed_is_taken() -> None:
    dates = [{"date": f"20{year}-{month:02}-{day:02}", "kind": "quiet"}
             for year in range(27, 29) for month in range(1, 9) for day in range(1, 26)]  # fmt: skip
    profile = Profile.model_validate(
        {"windows": [NIGHT] * WINDOWS_MAX, "exceptions": dates, "pierce": {"vip": USERS[:VIP_MAX]}}
    )
    assert (len(profile.windows), len(profile.exceptions), len(profile.pierce.vip)) == (50, 400, 200)


def test_a_zone_that_left_the_database_stays_in_what_is_stored() -> None:
    stored = {"zone": "Mars/Base", "windows": []}
    assert Profile.model_validate(stored, context=STORED).zone == "Mars/Base"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", None),
        ("2027-03-14T07:00:00Z", 1_805_007_600_000),
        ("2027-03-14t16:00:00.5+09:00", 1_805_007_600_500),
        ("2027-03-14 07:00:00.123999z", 1_805_007_600_123),
        ("2027-03-14T07:00:60Z", None),
        ("2027-03-14T07:00Z", None),
        ("2027-03-14T07:00:00", None),
        ("２０２７-03-14T07:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_moments_are_read_to_the_millisecond(text: str, ms: int | None) -> None:
    if ms is None:
        with pytest.raises(ValueError, match=r"must be|is no"):
            instant_ms(text)
        return
    assert instant_ms(text) == ms
    assert instant_ms(instant_text(ms)) == ms


@pytest.mark.parametrize(
    ("given", "ahead_ms"),
    [
        ({"minutes": 1}, 60_000),
        ({"minutes": 43_200}, 30 * DAY_MS),
        ({"until": instant_text(NOW_MS + 1_000)}, 1_000),
        ({"until": instant_text(NOW_MS + 3_457)}, 3_457),
        ({"until": instant_text(NOW_MS + 30 * DAY_MS)}, 30 * DAY_MS),
    ],
)
def test_a_snooze_ends_from_a_second_to_thirty_days_ahead(given: dict[str, Any], ahead_ms: int) -> None:
    assert SnoozeRequest.model_validate(given).until_ms(NOW_MS) == NOW_MS + ahead_ms


def test_a_snooze_until_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="until"):
        SnoozeRequest.model_validate({"until": None}).until_ms(NOW_MS)


@pytest.mark.parametrize("ahead_ms", [-DAY_MS, 0, 999, 30 * DAY_MS + 1, 3_650 * DAY_MS])
def test_a_snooze_in_the_past_or_too_far_ahead_is_refused(ahead_ms: int) -> None:
    request = SnoozeRequest.model_validate({"until": instant_text(NOW_MS + ahead_ms)})
    with pytest.raises(Refused) as refused:
        request.until_ms(NOW_MS)
    assert (refused.value.code, refused.value.field) == (Code.INVALID, "until")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("", {}),
        ("", {"minutes": 5, "until": "2027-03-14T07:00:00Z"}),
        ("minutes", {"minutes": 0}),
        ("minutes", {"minutes": 43_201}),
        ("minutes", {"minutes": 1.5}),
        ("minutes", {"minutes": True}),
        ("minutes", {"minutes": "5"}),
        ("until", {"until": "tomorrow"}),
        ("hours", {"minutes": 5, "hours": 1}),
    ],
)
def test_a_snooze_says_until_or_minutes(field: str, given: dict[str, Any]) -> None:
    assert blamed(SnoozeRequest, given) == field


def test_a_device_names_a_known_zone() -> None:
    assert DeviceZone.model_validate({"zone": "Europe/Dublin"}) == DeviceZone(zone="Europe/Dublin", confirmed=False)
    assert blamed(DeviceZone, {"zone": "Europe/Nowhere"}) == "zone"
    assert blamed(DeviceZone, {"confirmed": True}) == "zone"


def test_by_default_only_confirmed_direct_messages_pierce() -> None:
    assert Pierce() == Pierce(vip=(), direct_send_anyway=True, urgent_rooms=False)
