"""A person whose token the described services are asked with."""

from collections.abc import Iterator

import httpx
import pytest

from kaftalk_testing.stack import Stack

PASSWORD = "correct-horse-battery-1"


@pytest.fixture(scope="module")
def token(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the access token of somebody whom only this module has."""
    with httpx.Client(base_url=f"{stack.url}/api/v1", timeout=20) as http:
        body = {"username": f"tester-{request.path.parent.name.replace('_', '-')}", "password": PASSWORD}
        http.post("/auth/register", json=body)
        login = http.post("/auth/login", json=body)
        login.raise_for_status()
        yield login.json()["access_token"]
