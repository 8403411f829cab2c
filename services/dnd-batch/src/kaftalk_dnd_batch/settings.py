"""Settings of the dnd-batch service."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from kaftalk_protocol.quiet_profile import zones
from kaftalk_rest.access_tokens import read_public_key
from kaftalk_runtime.settings import CommaList, ServiceSettings


def _holds_a_key(path: Path) -> Path:
    read_public_key(path)
    return path


def _known(zone: str) -> str:
    if zone not in zones():
        raise ValueError("is no zone of the IANA database")
    return zone


class Settings(ServiceSettings):
    """Everything that an operator may change."""

    jwt_key_file: Annotated[Path, AfterValidator(_holds_a_key)]
    """PEM file of the Ed25519 key that checks access tokens; its public half is enough."""

    administrators: CommaList = ()
    """Usernames of who may set the organisation's quiet hours."""

    zone: Annotated[str, AfterValidator(_known)] = "UTC"
    """The IANA zone of who has none of her own, where the organisation has none either."""

    limit_quiet_changes: int = Field(default=120, ge=1)
    """How often a person may change her quiet hours, a minute."""
