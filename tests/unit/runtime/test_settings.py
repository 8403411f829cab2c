"""What a service refuses to start with."""

import re

import pytest

from kaftalk_runtime.settings import Address, ServiceSettings, load
from kaftalk_testing.tools import repository

SECRET = "5f0a6be1c2d94c3f8e7a1b2c3d4e5f60"
GOOD = {
    "KAFTALK_INSTANCE": "rooms-1",
    "KAFTALK_LISTEN": "127.0.0.1:8001",
    "KAFTALK_INTERNAL_LISTEN": "[::1]:9001",
    "KAFTALK_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "KAFTALK_REDIS_URL": "redis://127.0.0.1",
    "KAFTALK_INTERNAL_KEYS": SECRET,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in GOOD.items():
        monkeypatch.setenv(key, value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFTALK_ORIGINS", "http://127.0.0.1:8000, http://localhost:8000")
    settings = load(ServiceSettings)
    assert settings.listen == Address("127.0.0.1", 8001)
    assert settings.internal_listen == Address("::1", 9001)
    assert settings.origins == ("http://127.0.0.1:8000", "http://localhost:8000")
    assert settings.internal_keys == (SECRET,)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, Address("::1", 9090)), ("0.0.0.0:9191", Address("0.0.0.0", 9191)), ("", None)],
)
def test_metrics_are_served_beside_the_internal_listener_unless_told_otherwise(
    given: str | None, expected: Address | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is not None:
        monkeypatch.setenv("KAFTALK_METRICS_LISTEN", given)
    assert load(ServiceSettings).metrics_address == expected


def test_clients_of_kafka_are_made_from_settings_alone() -> None:
    """A service that made its own forgot its certificates."""
    kafka = load(ServiceSettings).kafka()
    assert (kafka.bootstrap, kafka.client_id, kafka.tls) == ("127.0.0.1:9092", "rooms-1", None)
    code = [file for file in (repository() / "services").glob("*/src/**/*.py") if file.name != "settings.py"]
    assert [str(file) for file in code if re.search(r"\bKafka\(", file.read_text())] == []


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_missing_value_stops_the_start_and_is_named(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(key)
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{key} is not set\n"


@pytest.mark.parametrize(
    "keys",
    ["", "short", "a" * 40, "changeme-changeme-0123456789-abcdefgh", "this-is-my-Password-0123456789abcdef",
     f"{SECRET},short", f"{SECRET},{SECRET[::-1]},{SECRET}x"],
)  # fmt: skip
def test_a_weak_secret_stops_the_start_and_is_not_printed(
    keys: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFTALK_INTERNAL_KEYS", keys)
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings)
    printed = capsys.readouterr().err
    assert ended.value.code == 2
    assert printed.startswith("KAFTALK_INTERNAL_KEYS")
    assert not keys or keys not in printed


@pytest.mark.parametrize("address", ["8000", "localhost", "localhost:http", "127.0.0.1:70000", ":8000"])
def test_a_wrong_address_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFTALK_LISTEN", address)
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert capsys.readouterr().err == "KAFTALK_LISTEN: must be host:port\n"
