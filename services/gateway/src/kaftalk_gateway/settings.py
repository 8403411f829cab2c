"""What the gateway is told."""

from typing import Annotated

from pydantic import Field

from kaftalk_gateway.rates import Rate
from kaftalk_runtime.settings import ServiceSettings

PerSecond = Annotated[float, Field(gt=0, le=1_000_000)]
Burst = Annotated[int, Field(ge=1, le=1_000_000)]


class GatewaySettings(ServiceSettings):
    """Settings of a gateway; the limits are those of the contract unless set."""

    limit_sends_per_s: PerSecond = 10
    limit_sends_burst: Burst = 30
    limit_user_sends_per_s: PerSecond = 20
    limit_room_sends_per_s: PerSecond = 100
    limit_handshakes_per_s: PerSecond = 10
    limit_handshakes_burst: Burst = 20
    limit_connections: Annotated[int, Field(ge=1, le=10_000)] = 20
    drain_s: Annotated[float, Field(ge=0, le=120)] = 5

    @property
    def sends(self) -> Rate:
        """The rate of one connection's sends."""
        return Rate(self.limit_sends_per_s, self.limit_sends_burst)

    @property
    def user_sends(self) -> Rate:
        """The rate of one user's sends over all connections; two seconds' worth may come at once."""
        return Rate(self.limit_user_sends_per_s, _two_seconds(self.limit_user_sends_per_s))

    @property
    def room_sends(self) -> Rate:
        """The rate of one room's sends; two seconds' worth may come at once."""
        return Rate(self.limit_room_sends_per_s, _two_seconds(self.limit_room_sends_per_s))

    @property
    def handshakes(self) -> Rate:
        """The rate of handshakes from one address."""
        return Rate(self.limit_handshakes_per_s, self.limit_handshakes_burst)


def _two_seconds(per_s: float) -> int:
    return max(1, round(2 * per_s))
