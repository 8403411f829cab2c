"""Wall-clock times of a zone as instants: what exists twice or not at all still has one meaning.

Days are ordinals (`date.toordinal`), minutes count from a day's midnight and may go beyond 24 hours; instants are
Unix ms. A time in a gap is the first instant after it; of a repeated time a start takes the first, an end the last.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from kaftalk_protocol.quiet_profile import zones

DAY_MS = 24 * 3600 * 1000
_INSTANTS_MAX = 1 << 17
_EPOCH_DAY = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=_INSTANTS_MAX)
def start_instant(zone: str, day: int, minute: int) -> int:
    """Give the first instant at which the clock of `zone` shows `minute` of `day`."""
    return _instant(ZoneInfo(zone), day * 1440 + minute, fold=0)


@lru_cache(maxsize=_INSTANTS_MAX)
def end_instant(zone: str, day: int, minute: int) -> int:
    """Give the last instant at which the clock of `zone` shows `minute` of `day`."""
    return _instant(ZoneInfo(zone), day * 1440 + minute, fold=1)


def date_at(zone: str, ms: int) -> date:
    """Give the date that the clock of `zone` shows at an instant."""
    return datetime.fromtimestamp(ms // 1000, ZoneInfo(zone)).date()


def forget_zones() -> None:
    """Read the zone database anew from here on: it may have been updated under the running process."""
    ZoneInfo.clear_cache()
    for cached in (start_instant, end_instant, zones):
        cached.cache_clear()


def _instant(zone: ZoneInfo, minute: int, fold: int) -> int:
    """Tell the cases apart by the offsets of both folds (PEP 495): equal, shrinking (repeated), growing (gap)."""
    wall = datetime.fromordinal(minute // 1440) + timedelta(minutes=minute % 1440)
    seconds = (minute - _EPOCH_DAY * 1440) * 60
    first, last = (_offset(zone, wall.replace(fold=which)) for which in (0, 1))
    if first < last:
        return _gap_end(zone, seconds - last, seconds - first, first) * 1000
    return (seconds - (last if fold else first)) * 1000


def _offset(zone: ZoneInfo, wall: datetime) -> int:
    offset = zone.utcoffset(wall)
    return 0 if offset is None else offset // timedelta(seconds=1)


def _gap_end(zone: ZoneInfo, before: int, after: int, offset: int) -> int:
    """Find the second in (before, after] at which the clock leaves `offset`."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, datetime.fromtimestamp(middle, UTC).astimezone(zone)) == offset:
            before = middle
        else:
            after = middle
    return after
