"""What bodies have in common, as pydantic models."""

from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

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


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a time in text (RFC 3339)")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text_only)]
