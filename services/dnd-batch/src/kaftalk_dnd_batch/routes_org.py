"""The organisation's quiet hours: `/org/quiet-hours`, for administrators."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from kaftalk_dnd_batch.errors import BookUnavailable
from kaftalk_dnd_batch.parts import Me, Use, not_stored
from kaftalk_dnd_batch.shown import org_etag
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import OrgRecord
from kaftalk_rest.etags import check_match
from kaftalk_rest.json_bodies import check_length
from kaftalk_rest.parameters import IfMatch
from kaftalk_rest.problems import refusals

router = APIRouter(prefix="/org", tags=["quiet hours"])


async def _administrator(me: Me, parts: Use) -> UserId:
    user = await parts.users.one(me.user)
    if user is None or user["username"] not in parts.settings.administrators:
        raise Refused(Code.FORBIDDEN, "only administrators may")
    return me.user


Administrator = Annotated[UserId, Depends(_administrator)]


@router.get("/quiet-hours", response_model=OrgQuiet, responses=refusals(Code.UNAUTHENTICATED, Code.FORBIDDEN))
async def get_org_quiet_hours(_: Administrator, parts: Use, response: Response) -> Any:
    """Give the quiet hours of everybody who has none of their own."""
    return _shown(parts.org, response)


@router.put(
    "/quiet-hours",
    response_model=OrgQuiet,
    responses=refusals(Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.PRECONDITION_FAILED, Code.UNKNOWN_OUTCOME),
)
async def put_org_quiet_hours(
    asked: OrgQuiet, _: Administrator, parts: Use, request: Request, response: Response, if_match: IfMatch = None
) -> Any:
    """Replace the organisation's quiet hours; nobody's own are touched."""
    check_length(await request.body())

    def check(before: OrgRecord) -> None:
        check_match(if_match, org_etag(before.org))

    try:
        record = await parts.organisation.put_org(asked, check=check)
    except BookUnavailable as error:
        raise not_stored() from error
    return _shown(record.org, response)


def _shown(org: OrgQuiet, response: Response) -> OrgQuiet:
    response.headers["ETag"] = org_etag(org)
    return org
