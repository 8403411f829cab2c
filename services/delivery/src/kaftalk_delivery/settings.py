"""Settings of the delivery service."""

from kaftalk_runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What delivery is told; gateways open their links to `internal_advertise`, by default the internal listener."""

    @property
    def link_url(self) -> str:
        """Where this instance is reached by gateways."""
        return self.internal_advertise or f"ws://{self.internal_listen.host}:{self.internal_listen.port}"
