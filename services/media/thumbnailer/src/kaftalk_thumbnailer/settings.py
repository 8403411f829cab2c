"""What the function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_KEY_CHARS_MIN = 32
_BYTES_MAX = 25 * 1024 * 1024


class SettingError(Exception):
    """A setting is missing or makes no sense; names the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The bucket, the media service and the limits. Credentials are AWS's own variables, or the function's role."""

    bucket: str
    media_url: str
    internal_key: str
    endpoint: str | None
    region: str | None
    bytes_max: int
    internal_tls: Path | None = None

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables. Raises SettingError."""
        # The first of the keys signs, see kaftalk_runtime.internal_auth.
        key = _required(environment, "KAFTALK_INTERNAL_KEYS").split(",")[0].strip()
        if len(key) < _KEY_CHARS_MIN:
            raise SettingError(f"KAFTALK_INTERNAL_KEYS: a key has at least {_KEY_CHARS_MIN} characters")
        bytes_max = environment.get("KAFTALK_MEDIA_BYTES_MAX", str(_BYTES_MAX))
        if not bytes_max.isdecimal():
            raise SettingError("KAFTALK_MEDIA_BYTES_MAX is not a number")
        return cls(
            bucket=_required(environment, "KAFTALK_S3_BUCKET"),
            media_url=_required(environment, "KAFTALK_MEDIA_URL"),
            internal_key=key,
            endpoint=environment.get("KAFTALK_S3_ENDPOINT") or None,
            region=environment.get("KAFTALK_S3_REGION") or None,
            bytes_max=int(bytes_max),
            internal_tls=Path(tls) if (tls := environment.get("KAFTALK_INTERNAL_TLS")) else None,
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingError(f"{name} is not set")
    return value
