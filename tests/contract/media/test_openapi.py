"""The published description of media is true of the running service (Schemathesis)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from kaftalk_media.api import build_api
from kaftalk_testing.media_uploads import announcement
from kaftalk_testing.stack import Stack

PASSWORD = "correct-horse-battery-1"
SCHEMA = schemathesis.openapi.from_dict(build_api().openapi())
# What JSON Schema cannot say (a room that there is, a checksum, parts of their lengths) is refused with 4xx.
SCHEMA.config.checks.positive_data_acceptance.expected_statuses = [
    "2xx", "302", "401", "403", "404", "409", "410", "413", "415", "422", "429",
]  # fmt: skip
SCHEMA.config.checks.negative_data_rejection.expected_statuses = [
    "400", "401", "403", "404", "405", "409", "413", "415", "422", "429",
]  # fmt: skip


@pytest.fixture(scope="module")
def asking(stack: Stack) -> Iterator[dict[str, Any]]:
    """Sign in somebody with a room and an upload in it, which cases are asked about."""
    with httpx.Client(base_url=f"{stack.url}/api/v1", timeout=20) as http:
        body = {"username": "schemathesis-media", "password": PASSWORD}
        http.post("/auth/register", json=body)
        token = http.post("/auth/login", json=body).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        room = http.post("/rooms", json={"name": "사랑방", "kind": "private"}, headers=headers).json()["id"]
        large = announcement(room, "file", b"") | {"size": 20 << 20}
        media = http.post("/media", json=large, headers=headers).raise_for_status().json()["id"]
        yield {"headers": headers, "room": room, "media": media}


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_to_its_description(case: schemathesis.Case[Any], stack: Stack, asking: Any) -> None:
    if isinstance(case.body, dict) and "room" in case.body:
        case.body["room"] = asking["room"]
    if "media_id" in (case.path_parameters or {}) and case.method != "DELETE":
        case.path_parameters["media_id"] = asking["media"]
    case.call_and_validate(base_url=stack.url, headers=asking["headers"], timeout=20, allow_redirects=False)
