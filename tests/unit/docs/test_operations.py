"""The operations page names every setting that there is, and no other."""

import re

import pytest

from kaftalk_delivery.settings import Settings as DeliverySettings
from kaftalk_dnd_batch.settings import Settings as DndBatchSettings
from kaftalk_gateway.settings import GatewaySettings
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.settings import ServiceSettings
from kaftalk_testing.tools import repository

ALL: list[type[ServiceSettings]] = [DeliverySettings, DndBatchSettings, GatewaySettings, RoomsSettings]


@pytest.fixture(scope="module")
def named() -> set[str]:
    return set(re.findall(r"`(KAFTALK_[A-Z_]+)`", (repository() / "docs/operations.md").read_text()))


@pytest.mark.parametrize("settings", ALL, ids=["delivery", "dnd-batch", "gateway", "rooms"])
def test_every_setting_is_on_the_page(settings: type[ServiceSettings], named: set[str]) -> None:
    assert {f"KAFTALK_{field.upper()}" for field in settings.model_fields} - named == set()


def test_the_page_names_no_setting_that_is_gone(named: set[str]) -> None:
    known = {f"KAFTALK_{field.upper()}" for settings in ALL for field in settings.model_fields}
    assert named - known == set()
