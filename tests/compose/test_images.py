"""The images as `make images` built them: whose they are, what they say of themselves, what they hold."""

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest

from kaftalk_testing.tools import repository

MAKEFILE = (repository() / "Makefile").read_text()
VERSION = tomllib.loads((repository() / "services/gateway/pyproject.toml").read_text())["project"]["version"]
IMAGES = re.findall(r"[a-z-]+", re.findall(r"(?m)^IMAGES := (.*)$", MAKEFILE)[0])
BILL_OF_MATERIALS = {"web": "/srv/sbom.cdx.json"}
BUILD_TOOLS = ("uv", "npm", "node", "gcc", "make", "git", "curl")


def docker(*command: str) -> str:
    return subprocess.run(["docker", *command], capture_output=True, text=True, check=True).stdout


def within(image: str, *command: str) -> str:
    """Run a command in a container as confined as the deployments make it."""
    confined = ["--rm", "--read-only", "--network", "none", "--cap-drop", "ALL", "--entrypoint", command[0]]
    return docker("run", *confined, f"kaftalk/{image}:{VERSION}", *command[1:])


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(image: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(docker("inspect", f"kaftalk/{image}:{VERSION}"))[0]["Config"]
    return settings


def test_an_image_says_what_it_is_and_how_it_is(image: str, settings: dict[str, Any]) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in settings["Labels"].items()}
    assert labels["title"] == f"kaftalk {image}"
    assert (labels["version"], labels["licenses"]) == (VERSION, "Apache-2.0")
    assert re.fullmatch(r"[0-9a-f]{40}", labels["revision"])
    assert settings["Healthcheck"]["Test"]


def test_an_image_runs_as_nobody_and_holds_no_tool_to_build_with(image: str, settings: dict[str, Any]) -> None:
    assert settings["User"] == "10001:10001"
    assert within(image, "id", "-u").strip() == "10001"
    look = "".join(f"command -v {tool}; " for tool in BUILD_TOOLS) + "true"
    assert within(image, "sh", "-c", look) == ""


def test_an_image_holds_its_bill_of_materials(image: str) -> None:
    bill = json.loads(within(image, "cat", BILL_OF_MATERIALS.get(image, "/app/sbom.cdx.json")))
    named = {component["name"] for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert {"react" if image == "web" else "pydantic"} <= named
    assert all(component["version"] for component in bill["components"])
