"""Secrets that an orchestrator hands out as files."""

from pathlib import Path

import pytest

from kaftalk_runtime.settings import ServiceSettings, load

SECRET = "5f0a6be1c2d94c3f8e7a1b2c3d4e5f60"
REST = {
    "KAFTALK_INSTANCE": "rooms-1",
    "KAFTALK_LISTEN": "127.0.0.1:8001",
    "KAFTALK_INTERNAL_LISTEN": "127.0.0.1:9001",
    "KAFTALK_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "KAFTALK_REDIS_URL": "redis://127.0.0.1",
    "KAFTALK_INTERNAL_KEYS": SECRET,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in REST.items():
        monkeypatch.setenv(key, value)


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "internal").write_text(f"{SECRET}\n")
    monkeypatch.delenv("KAFTALK_INTERNAL_KEYS")
    monkeypatch.setenv("KAFTALK_INTERNAL_KEYS_FILE", str(tmp_path / "internal"))
    assert load(ServiceSettings).internal_keys == (SECRET,)


def test_a_weak_secret_in_a_file_is_refused_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "internal").write_text("short")
    monkeypatch.delenv("KAFTALK_INTERNAL_KEYS")
    monkeypatch.setenv("KAFTALK_INTERNAL_KEYS_FILE", str(tmp_path / "internal"))
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert capsys.readouterr().err == "KAFTALK_INTERNAL_KEYS: must have at least 32 characters\n"


def test_a_secret_file_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KAFTALK_REDIS_URL")
    monkeypatch.setenv("KAFTALK_REDIS_URL_FILE", str(tmp_path / "redis"))
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "KAFTALK_REDIS_URL_FILE cannot be read: No such file or directory\n"


def test_a_secret_is_told_in_one_way_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFTALK_REDIS_URL_FILE", str(tmp_path / "redis"))
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert capsys.readouterr().err == "KAFTALK_REDIS_URL and KAFTALK_REDIS_URL_FILE are both set: keep one\n"
