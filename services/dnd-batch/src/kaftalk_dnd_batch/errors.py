"""What goes wrong in dnd-batch.

QuietError
├── NotMine            another instance has the person's shard, or nobody yet
└── BookUnavailable    the shard is being read, or Kafka does not answer
"""

from kaftalk_protocol.ids import UserId


class QuietError(Exception):
    """Root of the errors of this service."""


class NotMine(QuietError):
    """Only the owner of the shard of `key`, a user or `org`, may answer."""

    def __init__(self, key: UserId | str) -> None:
        super().__init__(key)
        self.key = key


class BookUnavailable(QuietError):
    """The quiet hours of this shard cannot be read or written now."""
