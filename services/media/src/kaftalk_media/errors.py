"""What goes wrong in the media service.

MediaError
├── StoreAway        the S3 server does not answer, or not as it should: try again soon
├── MultipartGone    the multipart upload was completed or aborted
└── PartsRefused     the S3 server does not take these parts together
"""


class MediaError(Exception):
    """Root of the errors of this service."""


class StoreAway(MediaError):
    """The S3 server does not answer, or not as it should; `operation` is what was asked of it."""

    def __init__(self, operation: str, cause: str) -> None:
        super().__init__(operation, cause)
        self.operation = operation


class MultipartGone(MediaError):
    """There is no such multipart upload, or not any more."""


class PartsRefused(MediaError):
    """The parts that are stored are not those that were named."""
