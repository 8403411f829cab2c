"""What becomes of a media object: its records, its room and the time tell what is to be done next. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from kaftalk_media.entries import Entry
from kaftalk_protocol.media import MULTIPART_LIFE_MS, ORPHAN_LIFE_MS

SHOW_AFTER_MS = 10_000
"""Until then the instance that was asked writes the view of a new upload, and so counts it against its quota."""

REPAIR_AFTER_MS = 2_000
"""What says less may be an older record of our own, with the newer one behind it."""

LOOK_FIRST_MS = 30_000
LOOK_LAST_MS = 3_600_000
RESEND_AFTER_MS = 90_000
"""An upload without a result for longer than the function's attempts take is sent to it again."""

GRACE_MS = 15 * 60_000
"""A URL that was given out, and the function at work, may write for so long after an announcement or a removal."""

PURGES = 2
"""Objects are deleted at once, and again when nobody can write them any more."""

CLEARED_AFTER_MS = 2 * ORPHAN_LIFE_MS
"""Of what is older nothing is left but what is served: whoever owned it has seen to that."""

NOT_UPLOADED_MS = 3_600_000
NOT_PROCESSED_MS = MULTIPART_LIFE_MS + 3_600_000

_NOW = 0


class Step(StrEnum):
    """What is to be done."""

    FORGET = "forget"
    """Take the keys away: nothing is left of it."""
    REPAIR = "repair"
    """Append what is known again: compaction keeps the last record of a key, and that says less."""
    REMOVE = "remove"
    """Append that it is removed."""
    PURGE = "purge"
    """Delete its objects."""
    CLEAR = "clear"
    """Delete what is left of its upload."""
    SHOW = "show"
    """Write its view."""
    LOOK = "look"
    """See whether the store has a result, or an upload that the function has missed."""
    GIVE_UP = "give_up"
    """Append that it is rejected: somebody waits for it in vain."""
    TELL = "tell"
    """Append its status to the room's log."""


class Next(NamedTuple):
    """The step that is due, or when to ask again; neither: not before the entry changes."""

    step: Step | None
    at_ms: int | None


def next_step(entry: Entry, now_ms: int, *, room_gone: bool) -> Next:
    """Give what is due first."""
    later: int | None = None
    for at_ms, step in _plan(entry, room_gone=room_gone):
        if at_ms <= now_ms:
            return Next(step, None)
        later = at_ms if later is None else min(later, at_ms)
    return Next(None, later)


def _plan(entry: Entry, *, room_gone: bool) -> Iterator[tuple[int, Step]]:
    """Give all that is ahead and when, the more urgent first."""
    if entry.state is None:
        yield _NOW, Step.FORGET
        return
    if entry.behind_ms is not None:
        yield entry.behind_ms + REPAIR_AFTER_MS, Step.REPAIR
    if entry.state == "removed":
        yield from _removal(entry, room_gone=room_gone)
    elif room_gone or (entry.sending is not None and entry.sending.removed):
        yield _NOW, Step.REMOVE
    else:
        yield from _life(entry)


def _removal(entry: Entry, *, room_gone: bool) -> Iterator[tuple[int, Step]]:
    sending = entry.sending
    if not entry.shown:
        yield _NOW, Step.SHOW
    if sending is not None and not sending.removed and sending.told is None and not room_gone:
        # Cancelled while its message was on its way: nobody shall wait for it.
        yield _NOW, Step.TELL
    if entry.purges < PURGES:
        yield entry.purged_ms + GRACE_MS if entry.purges else _NOW, Step.PURGE
    else:
        yield _NOW, Step.FORGET


def _life(entry: Entry) -> Iterator[tuple[int, Step]]:
    sending = entry.sending
    if sending is None:
        yield entry.created_ms + ORPHAN_LIFE_MS, Step.REMOVE
    if not entry.shown:
        is_new = entry.state == "incoming" and sending is None
        yield entry.created_ms + SHOW_AFTER_MS if is_new else _NOW, Step.SHOW
    if entry.state in ("incoming", "stored"):
        yield _look_ms(entry), Step.LOOK
        if sending is not None:
            yield _give_up_ms(entry), Step.GIVE_UP
    elif sending is not None and sending.told != entry.state:
        yield _NOW, Step.TELL
    if not entry.unprocessed and not entry.cleared:
        yield entry.created_ms + GRACE_MS, Step.CLEAR


def _look_ms(entry: Entry) -> int:
    """Look at half a minute of age, then after pauses that double up to an hour."""
    if not entry.looks:
        return entry.created_ms + LOOK_FIRST_MS
    return entry.looked_ms + min(LOOK_FIRST_MS << min(entry.looks - 1, 16), LOOK_LAST_MS)


def _give_up_ms(entry: Entry) -> int:
    uploaded = entry.found_ms is not None or entry.resumable or entry.state == "stored"
    return entry.created_ms + (NOT_PROCESSED_MS if uploaded else NOT_UPLOADED_MS)


def is_missed(entry: Entry, now_ms: int) -> bool:
    """Tell whether an upload that lies in the store has waited too long for its result."""
    return entry.found_ms is not None and now_ms - entry.found_ms >= RESEND_AFTER_MS
