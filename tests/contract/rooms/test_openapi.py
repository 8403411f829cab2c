"""The published description of the REST API: as committed, and true of the running service (Schemathesis)."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from kaftalk_rooms.api import build_api
from kaftalk_testing.stack import Stack

SCHEMA = schemathesis.openapi.from_dict(build_api().openapi())
# What JSON Schema cannot say (a cursor that was given out, a seq up to the head, text or media) is refused with 422.
SCHEMA.config.checks.positive_data_acceptance.expected_statuses = [
    "2xx", "401", "403", "404", "409", "410", "412", "413", "422", "429",
]  # fmt: skip
SCHEMA.config.checks.negative_data_rejection.expected_statuses = [
    "400", "401", "403", "404", "405", "409", "413", "415", "422", "429",
]  # fmt: skip
# They would end the session that all cases use; the access matrix asks them.
ENDING = ("delete_me", "logout", "end_session", "change_password")


@pytest.mark.slow
@SCHEMA.exclude(operation_id=list(ENDING)).parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_to_its_description(case: schemathesis.Case[Any], stack: Stack, token: str) -> None:
    case.call_and_validate(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
