"""Settings of the dnd-batch service."""

from kaftalk_runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the dnd-batch service is told; nothing of its own yet."""
