"""Quiet hours as a person sees them. Pure."""

from kaftalk_dnd_batch.shapes import OthersQuiet, PiercedMessage, QuietHours, Release, ZoneReport
from kaftalk_protocol.instants import instant_text
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import Released, UserQuiet
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_rest.etags import etag_of

PROFILE_FIELDS = (
    "zone", "zone_mode", "windows", "holidays", "exceptions", "away", "deliver", "pierce", "share", "origin",
)  # fmt: skip
ORG_FIELDS = tuple(OrgQuiet.model_fields)


def quiet_hours(quiet: UserQuiet, org: OrgQuiet, state: QuietState, zone: str, now_ms: int) -> QuietHours:
    """Show one's own quiet hours; `zone` is the one by whose clock they go."""
    profile = quiet.profile or org.default()
    active, until, next_start = _present(state, now_ms)
    waiting = quiet.zone_change
    return QuietHours(
        zone=zone,
        zone_mode=profile.zone_mode,
        windows=profile.windows,
        holidays=profile.holidays,
        exceptions=profile.exceptions,
        away=profile.away,
        deliver=profile.deliver,
        pierce=profile.pierce,
        share=profile.share,
        origin="user" if quiet.profile else "org",
        updated_at=instant_text(quiet.updated_ms) if quiet.profile else None,
        minimum=org.minimum,
        active=active,
        until=until,
        next_start=next_start,
        snooze_until=_ahead(quiet.snooze.until_ms if quiet.snooze else None, now_ms),
        resume_until=_ahead(quiet.resume_until_ms, now_ms),
        zone_change=(
            ZoneReport(zone=waiting.zone, since=instant_text(waiting.since_ms))
            if waiting and waiting.zone and waiting.since_ms is not None
            else None
        ),
    )


def profile_etag(quiet: UserQuiet, org: OrgQuiet, zone: str) -> str:
    """Tag what `PUT` replaces; a snooze or the hour changes nothing."""
    profile = quiet.profile or org.default()
    in_force = profile.model_dump(mode="json") | {"zone": zone, "origin": "user" if quiet.profile else "org"}
    return etag_of(in_force, PROFILE_FIELDS)


def org_etag(org: OrgQuiet) -> str:
    """Tag the organisation's quiet hours."""
    return etag_of(org.model_dump(mode="json"), ORG_FIELDS)


def others_quiet(state: QuietState, now_ms: int) -> OthersQuiet:
    """Show what others may know: the present hours' end, else the next ones; nothing if it is not shared."""
    hold = state.hold
    if not state.share or hold is None:
        return OthersQuiet(quiet=False, next_start=None, next_end=None)
    active, _, next_start = _present(state, now_ms)
    return OthersQuiet(quiet=active, next_start=next_start, next_end=instant_text(hold.end_ms))


def release(released: Released) -> Release:
    """Show a release that is done."""
    from_ms, to_ms = released.window
    return Release(
        release_id=released.release_id,
        window=(instant_text(from_ms), instant_text(to_ms)),
        late_by_s=released.late_by_s,
        digest=released.digest,
    )


def pierced(quiet: UserQuiet) -> list[PiercedMessage]:
    """Show what sounded in spite of the holds."""
    return [
        PiercedMessage(room=note.room, seq=note.seq, by=note.by, reason=note.reason, ts=note.ts)
        for note in quiet.pierced
    ]


def _present(state: QuietState, now_ms: int) -> tuple[bool, str | None, str | None]:
    """Tell whether it is quiet, until when, and when it is next."""
    if state.hold is None:
        return False, None, None
    if not state.active_at(now_ms):
        return False, None, instant_text(state.hold.start_ms)
    next_start = instant_text(state.next_start_ms) if state.next_start_ms is not None else None
    return True, instant_text(state.hold.end_ms), next_start


def _ahead(ms: int | None, now_ms: int) -> str | None:
    return instant_text(ms) if ms is not None and ms > now_ms else None
