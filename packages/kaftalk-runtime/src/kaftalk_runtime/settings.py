"""Settings from the environment: one frozen typed class a service; what is missing or weak stops the start.

`KAFTALK_X_FILE` may name a file that holds the value of `KAFTALK_X`, as orchestrators hand out secrets.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.tls import Certificates

_PREFIX = "KAFTALK_"
_METRICS_PORT = 9090
_SECRET_CHARS_MIN = 32
_SECRET_DISTINCT_MIN = 10
_PLACEHOLDERS = ("changeme", "change-me", "change_me", "password", "example", "insecure", "your-", "todo")


class Address(NamedTuple):
    """Where a listener binds."""

    host: str
    port: int


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be host:port")
    return Address(host.strip("[]"), int(port))


def _address_or_off(value: Any) -> Any:
    return None if value == "" else _address(value)


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def strong_secret(secret: str) -> str:
    """Return the secret if nobody will guess it.

    Raises ValueError if it has under 32 characters, few different ones, or looks like a placeholder.
    """
    if len(secret) < _SECRET_CHARS_MIN:
        raise ValueError(f"must have at least {_SECRET_CHARS_MIN} characters")
    if len(set(secret)) < _SECRET_DISTINCT_MIN or any(word in secret.lower() for word in _PLACEHOLDERS):
        raise ValueError("is a placeholder: make a random one, for instance with `openssl rand -hex 32`")
    return secret


ListenAddress = Annotated[Address, NoDecode, BeforeValidator(_address)]
ListenAddressOrOff = Annotated[Address | None, NoDecode, BeforeValidator(_address_or_off)]
TracesEndpoint = Annotated[Annotated[str, Field(pattern=r"^https?://.+")] | None, BeforeValidator(lambda v: v or None)]
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[
    tuple[Annotated[str, AfterValidator(strong_secret)], ...],
    NoDecode,
    BeforeValidator(_split),
    Field(min_length=1, max_length=2, repr=False),
]


CertificateFolder = Annotated[
    Certificates | None, NoDecode, PlainValidator(lambda folder: Certificates(Path(folder)) if folder else None)
]


class ServiceSettings(BaseSettings):
    """What every service is told; a field `x` comes from `KAFTALK_X`, or from the file `KAFTALK_X_FILE`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    instance: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    listen: ListenAddress
    internal_listen: ListenAddress
    internal_advertise: str | None = None
    internal_tls: CertificateFolder = None
    """Folder with `ca.crt`, `tls.crt`, `tls.key`: internal calls are by mutual TLS."""
    metrics_listen: ListenAddressOrOff = Address("", _METRICS_PORT)
    kafka_bootstrap: Annotated[str, Field(min_length=1)]
    kafka_tls: CertificateFolder = None
    """Likewise for the brokers, which know this service by its certificate."""
    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://", repr=False)]
    internal_keys: Secrets
    public_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")] = "http://127.0.0.1:8000"
    origins: CommaList = ()
    trusted_proxies: CommaList = ("127.0.0.1",)
    traces_endpoint: TracesEndpoint = None
    traces_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    log_level: Annotated[str, Field(pattern=r"^(debug|info|warning|error)$")] = "info"
    shards: Annotated[int, Field(ge=1, le=1024)] = 128
    replication: Annotated[int, Field(ge=1, le=7)] = 1

    @property
    def metrics_address(self) -> Address | None:
        """Where `/metrics` is served, if it is: next to the internal listener unless told otherwise."""
        given = self.metrics_listen
        return given and Address(given.host or self.internal_listen.host, given.port)

    @property
    def internal_url(self) -> str:
        """Where other instances reach this one's internal listener."""
        scheme = "wss" if self.internal_tls else "ws"
        return self.internal_advertise or f"{scheme}://{self.internal_listen.host}:{self.internal_listen.port}"

    def kafka(self) -> Kafka:
        """Give the factory of this instance's Kafka clients."""
        return Kafka(self.kafka_bootstrap, client_id=self.instance, tls=self.kafka_tls)


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


class UnusableFile(Exception):
    """A `KAFTALK_X_FILE` that cannot be used; the message names the key."""


def load(settings: type[SettingsT]) -> SettingsT:
    """Read the settings from the environment.

    Ends the process with status 2 and a line for each key that is missing or wrong; values are never printed.
    """
    try:
        return settings(**values_from_files(settings.model_fields))
    except ValidationError as error:
        complaints = {_complaint(problem) for problem in error.errors(include_input=False)}
    except UnusableFile as error:
        complaints = {str(error)}
    for line in sorted(complaints):
        print(line, file=sys.stderr)
    raise SystemExit(2)


def values_from_files(fields: Iterable[str]) -> dict[str, Any]:
    """Return what the files hold that `KAFTALK_<FIELD>_FILE` names, without the line's end.

    Raises UnusableFile: it cannot be read, or the value itself is set as well.
    """
    keys = {field: _PREFIX + field.upper() for field in fields}
    return {field: _value_from_file(key) for field, key in keys.items() if f"{key}_FILE" in os.environ}


def _value_from_file(key: str) -> str:
    if key in os.environ:
        raise UnusableFile(f"{key} and {key}_FILE are both set: keep one")
    try:
        return Path(os.environ[f"{key}_FILE"]).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise UnusableFile(f"{key}_FILE cannot be read: {reason}") from None


def _complaint(problem: Any) -> str:
    key = _PREFIX + str(problem["loc"][0]).upper()
    if problem["type"] == "missing":
        return f"{key} is not set"
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}"
