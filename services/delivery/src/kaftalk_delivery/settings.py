"""Settings of the delivery service."""

from kaftalk_runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What delivery is told; gateways open their links to its internal listener."""
