"""Which messages sound in a hold: the table of policies."""

import pytest

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import Pierce
from kaftalk_protocol.quiet_records import PierceReason
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_protocol.records import Message, Notify
from kaftalk_testing.room_logs import ANN, BOB, CYD
from kaftalk_views.pierce import is_muted, reason_to_pierce

DEFAULT = Pierce()
NOBODY = Pierce(direct_send_anyway=False)
VIP = Pierce(vip=(BOB,), direct_send_anyway=False)
OTHER_VIP = Pierce(vip=(CYD,), direct_send_anyway=False)
ROOMS = Pierce(urgent_rooms=True, direct_send_anyway=False)


def state(pierce: Pierce, *, allowed: bool = True) -> QuietState:
    return QuietState(user=ANN, version=1, pierce=pierce, urgent_allowed=allowed)


def message(notify: Notify = "normal", *, by: UserId = BOB, mention_all: bool = False) -> Message:
    return Message(id="s:1", by=by, text="hey", notify=notify, mention_all=mention_all)


@pytest.mark.parametrize(
    ("pierce", "notify", "direct", "expected"),
    [
        (DEFAULT, "normal", True, None),
        (DEFAULT, "silent", True, None),
        (DEFAULT, "urgent", True, "dm"),
        (DEFAULT, "urgent", False, None),
        (NOBODY, "urgent", True, None),
        (NOBODY, "urgent", False, None),
        (ROOMS, "urgent", False, "urgent"),
        (ROOMS, "normal", False, None),
        (ROOMS, "urgent", True, None),
        (VIP, "normal", True, "vip"),
        (VIP, "normal", False, "vip"),
        (VIP, "urgent", True, "vip"),
        (VIP, "urgent", False, "vip"),
        (VIP, "silent", True, None),
        (OTHER_VIP, "normal", True, None),
        (OTHER_VIP, "urgent", True, None),
    ],
)
def test_a_message_sounds_by_the_recipients_policy(
    pierce: Pierce, notify: Notify, direct: bool, expected: PierceReason | None
) -> None:
    assert reason_to_pierce(state(pierce), message(notify), direct=direct, bot=False) == expected


@pytest.mark.parametrize("pierce", [DEFAULT, VIP, ROOMS])
@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("notify", ["normal", "urgent"])
def test_a_message_to_all_never_sounds(pierce: Pierce, direct: bool, notify: Notify) -> None:
    to_all = message(notify, mention_all=True)
    assert reason_to_pierce(state(pierce), to_all, direct=direct, bot=False) is None


def test_a_bot_sounds_only_as_a_vip() -> None:
    assert reason_to_pierce(state(DEFAULT), message("urgent"), direct=True, bot=True) is None
    assert reason_to_pierce(state(ROOMS), message("urgent"), direct=False, bot=True) is None
    assert reason_to_pierce(state(VIP), message("normal"), direct=False, bot=True) == "vip"


def test_the_organisations_switch_leaves_only_vips() -> None:
    assert reason_to_pierce(state(DEFAULT, allowed=False), message("urgent"), direct=True, bot=False) is None
    assert reason_to_pierce(state(ROOMS, allowed=False), message("urgent"), direct=False, bot=False) is None
    assert reason_to_pierce(state(VIP, allowed=False), message("normal"), direct=True, bot=False) == "vip"


def test_ones_own_message_never_sounds() -> None:
    own = Pierce(vip=(ANN,))
    assert reason_to_pierce(state(own), message("urgent", by=ANN), direct=True, bot=False) is None


@pytest.mark.parametrize(("field", "muted"), [(None, False), ("forever", True), ("1001", True), ("1000", False)])
def test_a_mute_counts_until_its_end(field: str | None, muted: bool) -> None:
    assert is_muted(field, 1000) == muted
