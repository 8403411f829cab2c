"""The published description of the REST API joins those of its services."""

import importlib

import pytest

from kaftalk_rest.openapi import PartsDiffer, merge, render
from kaftalk_testing.tools import repository

MODULES = ("kaftalk_rooms.api", "kaftalk_dnd_batch.api", "kaftalk_media.api")


def test_the_committed_description_is_that_of_the_code() -> None:
    described = render(importlib.import_module(name).build_api().openapi() for name in MODULES)
    command = f"python -m kaftalk_rest.openapi {' '.join(MODULES)} > docs/openapi.json"
    assert (repository() / "docs/openapi.json").read_text() == described, f"run: {command}"


@pytest.mark.parametrize("module", MODULES)
def test_every_operation_has_a_name_and_declares_its_errors(module: str) -> None:
    described = importlib.import_module(module).build_api().openapi()
    operations = [operation for methods in described["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        for status, answer in operation["responses"].items():
            assert status < "400" or "application/problem+json" in answer["content"], operation["operationId"]


def test_what_two_services_describe_differently_is_no_description() -> None:
    one = {"openapi": "3.1.0", "paths": {"/a": {}}, "components": {"schemas": {"A": {"type": "string"}}}}
    other = {"openapi": "3.1.0", "paths": {"/b": {}}, "components": {"schemas": {"A": {"type": "integer"}}}}
    with pytest.raises(PartsDiffer):
        merge([one, other])
    assert list(merge([one, one | {"paths": {"/b": {}}}])["paths"]) == ["/a", "/b"]
