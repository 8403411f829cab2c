"""A missing or weak key stops the start and is named."""

from pathlib import Path

import pytest

from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.settings import load
from kaftalk_testing.keys import jwt_key_file

PLACES = {
    "KAFTALK_INSTANCE": "rooms-1",
    "KAFTALK_LISTEN": "127.0.0.1:1",
    "KAFTALK_INTERNAL_LISTEN": "127.0.0.1:2",
    "KAFTALK_KAFKA_BOOTSTRAP": "127.0.0.1:3",
    "KAFTALK_REDIS_URL": "redis://127.0.0.1:4/0",
    "KAFTALK_INTERNAL_KEYS": "0123456789abcdefghijklmnopqrstuvwxyz",
}


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name, value in (PLACES | {"KAFTALK_JWT_KEY_FILE": str(jwt_key_file(tmp_path))}).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("complete")
def test_what_is_complete_is_taken() -> None:
    assert load(RoomsSettings).instance == "rooms-1"


@pytest.mark.parametrize("key", [*PLACES, "KAFTALK_JWT_KEY_FILE"])
def test_what_is_missing_is_named(complete: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str) -> None:
    complete.delenv(key)
    with pytest.raises(SystemExit) as ended:
        load(RoomsSettings)
    assert ended.value.code == 2
    assert key in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "weak"), [("KAFTALK_INTERNAL_KEYS", "changeme"), ("KAFTALK_JWT_KEY_FILE", "/nowhere/changeme")]
)
def test_what_is_weak_is_named(
    complete: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str, weak: str
) -> None:
    complete.setenv(key, weak)
    with pytest.raises(SystemExit):
        load(RoomsSettings)
    assert key in capsys.readouterr().err
