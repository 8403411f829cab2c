"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: `wrong` loses messages or stops something, `weak` may do so one day."""

    GOOD = "good"
    WEAK = "weak"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `fix` says what to do, with the name of the setting."""

    subject: str
    level: Level
    found: str
    fix: str = ""


def good(subject: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(subject, Level.GOOD, found)


def weak(subject: str, found: str, fix: str) -> Finding:
    """Works, and may not one day."""
    return Finding(subject, Level.WEAK, found, fix)


def wrong(subject: str, found: str, fix: str) -> Finding:
    """Loses messages, or something does not work."""
    return Finding(subject, Level.WRONG, found, fix)
