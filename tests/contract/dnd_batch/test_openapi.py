"""The published description of quiet hours is true of the running service (Schemathesis)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from kaftalk_dnd_batch.api import build_api
from kaftalk_testing.stack import Stack

PASSWORD = "correct-horse-battery-1"
SCHEMA = schemathesis.openapi.from_dict(build_api().openapi())
# What JSON Schema cannot say (a zone that there is, a day named once, a moment ahead) is refused with 422.
SCHEMA.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "401", "403", "404", "412", "422", "429"]
SCHEMA.config.checks.negative_data_rejection.expected_statuses = [
    "400", "401", "403", "404", "405", "412", "413", "415", "422", "429",
]  # fmt: skip


def test_every_operation_has_a_name_and_declares_its_errors() -> None:
    described = build_api().openapi()
    operations = [operation for methods in described["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        for status, answer in operation["responses"].items():
            assert status < "400" or "application/problem+json" in answer["content"], operation["operationId"]


@pytest.fixture(scope="module")
def token(stack: Stack) -> Iterator[str]:
    with httpx.Client(base_url=f"{stack.url}/api/v1", timeout=20) as http:
        body = {"username": "schemathesis-quiet", "password": PASSWORD}
        http.post("/auth/register", json=body)
        login = http.post("/auth/login", json=body)
        login.raise_for_status()
        yield login.json()["access_token"]


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_to_its_description(case: schemathesis.Case[Any], stack: Stack, token: str) -> None:
    case.call_and_validate(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
