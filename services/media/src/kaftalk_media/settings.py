"""Settings of the media service."""

from kaftalk_runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the media service is told; nothing of its own yet."""
