"""What was made of an upload: files in a folder, and what is known about them."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Variant:
    """One file that is served; lengths in pixels."""

    file: str
    content_type: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """The files by variant (two variants may be one file), and what a client needs before it has them.

    `peaks` are 100 numbers of 0-255; `blur` is base64 of a WebP picture of at most 16 px.
    """

    variants: dict[str, Variant]
    width: int | None = None
    height: int | None = None
    animated: bool | None = None
    duration_ms: int | None = None
    peaks: list[int] | None = None
    blur: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Rendition":
        """Read what `as_json` returned."""
        variants = {name: Variant(**variant) for name, variant in values["variants"].items()}
        return cls(**(values | {"variants": variants}))
