"""The tool's settings: the same environment variables as the services'."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.settings import CertificateFolder, CommaList


class CliSettings(BaseSettings):
    """Where everything is. Secrets are taken as they are: `doctor` judges them."""

    model_config = SettingsConfigDict(env_prefix="KAFTALK_", frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap: Annotated[str, Field(min_length=1)]
    kafka_tls: CertificateFolder = None
    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://", repr=False)]
    internal_keys: Annotated[CommaList, Field(repr=False)] = ()
    internal_tls: CertificateFolder = None
    jwt_key_file: Path | None = None
    s3_bucket: str = "kaftalk-media"
    s3_region: str = "us-east-1"
    s3_endpoint: str | None = None
    s3_access_key: str | None = None
    s3_secret_key: Annotated[str | None, Field(repr=False)] = None
    shards: Annotated[int, Field(ge=1, le=1024)] = 128
    replication: Annotated[int, Field(ge=1, le=7)] = 1

    def kafka(self) -> Kafka:
        """Give the factory of Kafka clients."""
        return Kafka(self.kafka_bootstrap, client_id="kaftalk-cli", tls=self.kafka_tls)
