"""The secrets that compose.yaml's first container makes."""

import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from kaftalk_rest.access_tokens import read_public_key
from kaftalk_runtime.settings import strong_secret
from kaftalk_testing.tools import repository


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Collect who would own what: only root can give files away."""
    given: dict[str, int] = {}
    monkeypatch.setattr(os, "chown", lambda path, user, group: given.update({Path(path).stem: user}))
    return given


@pytest.fixture
def root(tmp_path: Path, owners: dict[str, int]) -> Path:
    for name in ("secrets/services", "secrets/redis", "secrets/s3", "data/s3"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def start() -> Any:
    return runpy.run_path(str(repository() / "deploy/docker/first_start.py"))["main"]


def contents(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((root / "secrets").rglob("*")) if path.is_file()}


def test_the_first_start_makes_strong_secrets_that_fit_together(root: Path, start: Any, owners: Any) -> None:
    start(root)
    made = contents(root)
    assert strong_secret(made["internal-keys"])
    assert made["redis-url"] == f"redis://:{strong_secret(made['password'])}@redis:6379/0"
    assert made["redis.conf"] == f"requirepass {made['password']}\n"
    assert (made["s3-access-key"], made["s3-secret-key"]) == (made["access-key"], made["secret-key"])
    read_public_key(root / "secrets/services/jwt.pem")
    assert (owners["redis.conf"], owners["password"], owners["internal-keys"], owners["s3"]) == (999, 999, 10001, 10001)
    assert {path.stat().st_mode & 0o777 for path in (root / "secrets").rglob("*") if path.is_file()} == {0o400}


def test_a_later_start_changes_nothing(root: Path, start: Any) -> None:
    start(root)
    made = contents(root)
    start(root)
    assert contents(root) == made


def test_a_start_that_was_cut_off_is_completed(root: Path, start: Any) -> None:
    start(root)
    made = contents(root)
    (root / "secrets/services/redis-url").unlink()
    (root / "secrets/services/jwt.pem.part").write_text("-----BEG")
    (root / "secrets/services/jwt.pem").unlink()
    start(root)
    again = contents(root)
    assert again.pop("jwt.pem") != made.pop("jwt.pem")
    assert again == made
