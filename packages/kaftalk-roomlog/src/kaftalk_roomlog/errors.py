"""The errors of this package.

RoomLogError
├── AppendError                 an append that did not end well
│   ├── AppendUnknown           the record may be stored, now or later
│   └── AppendRefused           the record is not stored and will not be
├── ReadError
│   ├── OutOfRange              the log does not hold these offsets
│   ├── UnknownTopic
│   ├── LogCorrupt
│   └── LogUnavailable          no leader, or no answer in time
├── BrokerUnreachable           one request found no broker or got no answer
├── UnsafeBroker                a broker setting that would lose messages
└── TopicsRefused               topics could not be created or deleted
"""

from collections.abc import Mapping
from enum import StrEnum


class RoomLogError(Exception):
    """Root of the tree."""


class AppendError(RoomLogError):
    """An append that did not end well."""

    def __init__(self, topic: str, reason: "Reason") -> None:
        super().__init__(f"{topic}: {reason}")
        self.topic = topic
        self.reason = reason


class Reason(StrEnum):
    """Why an append did not end well."""

    TOO_LARGE = "too_large"
    BACKLOG = "backlog"
    UNKNOWN_TOPIC = "unknown_topic"
    UNAVAILABLE = "unavailable"
    STOPPED = "stopped"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    DUPLICATE = "duplicate"


class AppendUnknown(AppendError):
    """The record may be stored, now or later; who needs to know looks for it in the log."""


class AppendRefused(AppendError):
    """The record is not stored and will not be."""


class ReadError(RoomLogError):
    """A read that did not end well."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic


class OutOfRange(ReadError):
    """The log holds `[start, end)` only."""

    def __init__(self, topic: str, start: int, end: int) -> None:
        super().__init__(topic)
        self.start = start
        self.end = end

    def __str__(self) -> str:
        return f"{self.topic}: holds [{self.start}, {self.end})"


class UnknownTopic(ReadError):
    """The cluster has no such topic, or not yet."""


class LogCorrupt(ReadError):
    """A batch failed its checksum or is cut."""


class LogUnavailable(ReadError):
    """No leader, or no answer in time."""


class BrokerUnreachable(RoomLogError):
    """One request found no broker or got no answer: it may have been carried out."""


class UnsafeBroker(RoomLogError):
    """A broker setting that would lose messages."""

    def __init__(self, setting: str, value: str, needed: str) -> None:
        super().__init__(f"the brokers have {setting}={value}; Kaftalk needs {needed}")
        self.setting = setting
        self.value = value


class TopicsRefused(RoomLogError):
    """Topics could not be created or deleted; `errors` maps each to Kafka's error."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{topic}: {error}" for topic, error in sorted(errors.items())[:5]))
        self.errors = dict(errors)
