"""What bodies have in common, as pydantic models."""

from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

from kaftalk_protocol.instants import instant_ms

T = TypeVar("T")


class Asked(BaseModel):
    """What a request carries; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Listed(Answer, Generic[T]):
    """A part of a list."""

    items: list[T]
    next_cursor: str | None = None


class NoFields(Asked):
    """A request that says all by its address."""


NO_FIELDS = NoFields()


def _rfc3339(value: object) -> object:
    """Let nothing else that pydantic reads as a time pass, such as "2020", a second of 1970."""
    instant_ms(value)
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
