"""The settings of the rooms service: environment variables `KAFTALK_<FIELD>`."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from kaftalk_rooms.access_tokens import read_key
from kaftalk_runtime.settings import ServiceSettings


def _holds_a_key(path: Path) -> Path:
    read_key(path)
    return path


class RoomsSettings(ServiceSettings):
    """Everything that an operator may change; limits are a minute unless they say otherwise."""

    jwt_key_file: Annotated[Path, AfterValidator(_holds_a_key)]
    """PEM file of the Ed25519 key that signs access tokens."""

    pool_size: int = Field(default=32, ge=0, le=10_000)
    """How many ready-made topics to keep."""

    room_retention_ms: int = Field(default=-1, ge=-1)
    """How long messages stay in Kafka; -1: for ever."""

    apply_patience_s: float = Field(default=1.0, ge=0.0, le=10.0)
    """How long to wait for delivery to apply a change before this service does it itself."""

    user_rooms_max: int = Field(default=1_000, ge=1)
    limit_failed_sign_ins: int = Field(default=10, ge=1)
    limit_registrations: int = Field(default=60, ge=1)
    limit_room_creations: int = Field(default=600, ge=1)
    limit_user_sends_per_s: int = Field(default=20, ge=1)
    limit_room_sends_per_s: int = Field(default=100, ge=1)
