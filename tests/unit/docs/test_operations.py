"""The pages for operators name every setting that there is, and no other."""

import re

import pytest
from pydantic_settings import BaseSettings

from kaftalk_cli.settings import CliSettings
from kaftalk_delivery.settings import Settings as DeliverySettings
from kaftalk_dnd_batch.settings import Settings as DndBatchSettings
from kaftalk_gateway.settings import GatewaySettings
from kaftalk_lambda_host.settings import Settings as LambdaHostSettings
from kaftalk_media.settings import Settings as MediaSettings
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_testing.tools import repository

ALL: dict[str, type[BaseSettings]] = {
    "delivery": DeliverySettings,
    "dnd-batch": DndBatchSettings,
    "gateway": GatewaySettings,
    "rooms": RoomsSettings,
    "media": MediaSettings,
    "lambda-host": LambdaHostSettings,
    "kaftalk": CliSettings,
}
PAGES = ("docs/operations.md", "docs/media.md", "docs/observability.md")
OTHERS = (
    "compose.yaml",
    "deploy/local/Caddyfile",
    "packages/kaftalk-testing/src/kaftalk_testing/deployment.py",
    "packages/kaftalk-runtime/src/kaftalk_runtime/traces.py",
    "services/media/thumbnailer/README.md",
)
"""What reads the environment without a class of settings."""

NAME = re.compile(r"KAFTALK_[A-Z0-9_]*[A-Z0-9]")


def names_in(*files: str) -> set[str]:
    return {name for file in files for name in NAME.findall((repository() / file).read_text())}


def names_of(settings: type[BaseSettings]) -> set[str]:
    return {f"KAFTALK_{field.upper()}" for field in settings.model_fields}


@pytest.mark.parametrize("service", ALL)
def test_every_setting_is_on_a_page(service: str) -> None:
    assert names_of(ALL[service]) - names_in(*PAGES) == set()


def test_the_pages_name_no_setting_that_is_gone() -> None:
    known = set().union(*map(names_of, ALL.values())) | names_in(*[name for name in OTHERS if _exists(name)])
    assert {name.removesuffix("_FILE") for name in names_in(*PAGES)} - {n.removesuffix("_FILE") for n in known} == set()


def _exists(name: str) -> bool:
    return (repository() / name).exists()
