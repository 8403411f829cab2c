"""Settings of the Lambda host: environment variables `KAFTALK_<FIELD>`."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kaftalk_protocol import topics
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.settings import Address, CertificateFolder, ListenAddress, ListenAddressOrOff, Secrets


class Settings(BaseSettings):
    """What the host is told; the function gets the same environment, with the secrets that lie in files."""

    model_config = SettingsConfigDict(env_prefix="KAFTALK_", frozen=True, extra="ignore", hide_input_in_errors=True)

    instance: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    internal_listen: ListenAddress
    metrics_listen: ListenAddressOrOff = Address("", 9090)
    kafka_bootstrap: Annotated[str, Field(min_length=1)]
    kafka_tls: CertificateFolder = None
    internal_tls: CertificateFolder = None
    """For the internal listener, and for what the function tells the media service."""

    internal_keys: Secrets
    s3_access_key: Annotated[str, Field(repr=False)] = ""
    s3_secret_key: Annotated[str, Field(repr=False)] = ""
    log_level: Annotated[str, Field(pattern=r"^(debug|info|warning|error)$")] = "info"

    s3_events_topic: Annotated[str, Field(min_length=1)] = topics.UPLOADS
    """Where the S3 server writes its events; those that failed for good go to the topic of that name and `.dead`."""

    lambda_handler: Annotated[str, Field(pattern=r"^[\w.]+\.\w+$")] = "kaftalk_thumbnailer.handler.handler"
    """The function: module.function, as at AWS."""

    lambda_prefix: str = "incoming/"
    """Of the keys whose events invoke the function."""

    lambda_environments: Annotated[int, Field(ge=1, le=64)] = 1
    """How many invocations may run at once."""

    lambda_folder: Path = Path(tempfile.gettempdir())
    """For the function's temporary files."""

    @property
    def metrics_address(self) -> Address | None:
        """Where `/metrics` is served, if it is: next to the internal listener unless told otherwise."""
        given = self.metrics_listen
        return given and Address(given.host or self.internal_listen.host, given.port)

    def kafka(self) -> Kafka:
        """Give the factory of this instance's Kafka clients."""
        return Kafka(self.kafka_bootstrap, client_id=self.instance, tls=self.kafka_tls)

    def function_environment(self) -> dict[str, str]:
        """Return the variables of the function: this process's own, the secrets among them under its names."""
        secrets = {
            "KAFTALK_INTERNAL_KEYS": ",".join(self.internal_keys),
            "AWS_ACCESS_KEY_ID": self.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3_secret_key,
        }
        return dict(os.environ) | {name: secret for name, secret in secrets.items() if secret}
