"""The published description of quiet hours is true of the running service (Schemathesis)."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from kaftalk_dnd_batch.api import build_api
from kaftalk_testing.stack import Stack

SCHEMA = schemathesis.openapi.from_dict(build_api().openapi())
# What JSON Schema cannot say (a zone that there is, a day named once, a moment ahead) is refused with 422.
SCHEMA.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "401", "403", "404", "412", "422", "429"]
SCHEMA.config.checks.negative_data_rejection.expected_statuses = [
    "400", "401", "403", "404", "405", "412", "413", "415", "422", "429",
]  # fmt: skip


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_to_its_description(case: schemathesis.Case[Any], stack: Stack, token: str) -> None:
    case.call_and_validate(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
