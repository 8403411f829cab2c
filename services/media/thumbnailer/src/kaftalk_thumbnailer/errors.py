"""Why an upload is refused.

Rejected: the bytes are at fault; the same bytes fail again, so the sender is told and nothing is retried.
Anything else that is raised is trouble around the bytes (storage, network, disk): the invocation fails and is retried.
"""

from enum import StrEnum


class Reason(StrEnum):
    """What the sender is told."""

    EMPTY = "empty"
    UNSUPPORTED_TYPE = "unsupported_type"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_LONG = "too_long"
    TOO_COMPLEX = "too_complex"


class Rejected(Exception):
    """The upload's own bytes are refused."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
