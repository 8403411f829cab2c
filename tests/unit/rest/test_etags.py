"""Conditional requests: `If-Match` names what was seen."""

import pytest

from kaftalk_protocol.errors import Code, Refused
from kaftalk_rest.etags import check_match, etag_of

ROOM_FIELDS = ("name", "topic", "history", "members_invite")
ROOM = {"name": "방", "topic": None, "history": "all", "members_invite": True, "archived": False, "member_count": 3}


def test_a_tag_changes_with_what_a_patch_changes_only() -> None:
    tag = etag_of(ROOM, ROOM_FIELDS)
    assert tag == etag_of(ROOM | {"member_count": 4}, ROOM_FIELDS)
    assert tag != etag_of(ROOM | {"topic": ""}, ROOM_FIELDS)


@pytest.mark.parametrize("if_match", [None, "*", '"now"', '"old", "now"'])
def test_a_request_that_knows_the_newest_passes(if_match: str | None) -> None:
    check_match(if_match, '"now"')


@pytest.mark.parametrize("if_match", ['"old"', "now", "", 'W/"now"'])
def test_one_that_does_not_is_refused(if_match: str) -> None:
    with pytest.raises(Refused) as refused:
        check_match(if_match, '"now"')
    assert refused.value.code is Code.PRECONDITION_FAILED
