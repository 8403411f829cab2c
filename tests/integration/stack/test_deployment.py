"""What `make up` decides before it starts anything."""

import dataclasses
import socket
import stat
from pathlib import Path

import pytest

from kaftalk_testing.deployment import CannotStart, check_ports, choose_address, plan_deployment
from kaftalk_testing.keys import internal_key, jwt_key_file
from kaftalk_testing.plan import waves
from kaftalk_testing.ports import free_port
from kaftalk_testing.records import Address
from kaftalk_testing.tools import MissingTools, Tool


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFTALK_PORT", "KAFTALK_BIND", "KAFTALK_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_default_address_is_local() -> None:
    assert choose_address(None) == Address("127.0.0.1", 8000, "http://127.0.0.1:8000")


def test_the_environment_chooses_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFTALK_PORT", "9000")
    monkeypatch.setenv("KAFTALK_PUBLIC_URL", "https://chat.example.org")

    assert choose_address(None) == Address("127.0.0.1", 9000, "https://chat.example.org")


def test_what_runs_keeps_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Address("127.0.0.1", 9000, "http://127.0.0.1:9000")
    assert choose_address(running) == running

    monkeypatch.setenv("KAFTALK_PORT", "9001")
    with pytest.raises(CannotStart, match=r"runs at http://127\.0\.0\.1:9000: `make down` first"):
        choose_address(running)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("KAFTALK_PORT", port)

    with pytest.raises(CannotStart, match="KAFTALK_PORT is"):
        choose_address(None)


def test_a_taken_port_is_reported_with_its_purpose_and_its_owner(tmp_path: Path) -> None:
    port = free_port()
    plan = plan_deployment(tmp_path, Address("127.0.0.1", port, f"http://127.0.0.1:{port}"), {})
    plan = dataclasses.replace(plan, redis_port=free_port())
    # Other tests may have the others' ports.
    others = {program for program, _, _ in plan.ports()} - {"redis"}
    with socket.create_server(("127.0.0.1", plan.redis_port)):
        with pytest.raises(CannotStart, match=rf"port {plan.redis_port} \(redis\) is taken by process \d+ \("):
            check_ports(plan, running=others)

        check_ports(plan, running=others | {"redis"})


def test_every_listener_has_a_port_of_its_own(tmp_path: Path) -> None:
    plan = plan_deployment(tmp_path, Address("127.0.0.1", 8000, "http://127.0.0.1:8000"), {})
    ports = [port for _, _, port in plan.ports()]

    assert len(set(ports)) == len(ports) == 25
    assert plan.of("gateway") == ["gateway-1", "gateway-2"]


def test_settings_of_the_caller_reach_the_services_but_for_what_the_plan_decides(tmp_path: Path) -> None:
    environment = {"KAFTALK_LOG_LEVEL": "debug", "KAFTALK_LISTEN": "0.0.0.0:1", "PATH": "/bin"}
    plan = plan_deployment(tmp_path, Address("127.0.0.1", 8000, "http://127.0.0.1:8000"), environment)

    assert plan.settings == {"KAFTALK_LOG_LEVEL": "debug"}


def test_browsers_reach_s3_at_the_host_of_the_page_on_a_port_of_its_own(tmp_path: Path) -> None:
    plan = plan_deployment(tmp_path, Address("0.0.0.0", 8000, "http://192.0.2.7:8000"), {})
    assert plan.s3_public_url == "http://192.0.2.7:8099"

    files = {"KAFTALK_S3_PUBLIC_ENDPOINT": "https://files.example.org"}
    plan = plan_deployment(tmp_path, Address("127.0.0.1", 8000, "https://chat.example.org"), files)
    assert plan.s3_public_url == "https://files.example.org"


def test_the_s3_server_and_the_function_start_beside_the_services(tmp_path: Path) -> None:
    plan = plan_deployment(tmp_path, Address("127.0.0.1", 8000, "http://127.0.0.1:8000"), {})
    first, middle, last = waves(plan.names())

    assert (first, last) == (["kafka", "redis"], ["caddy"])
    assert {"s3", "thumbnailer-1", "media-1"} < set(middle)


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    first = internal_key(tmp_path), jwt_key_file(tmp_path).read_text()

    assert (internal_key(tmp_path), jwt_key_file(tmp_path).read_text()) == first
    assert len(first[0]) >= 32
    assert first[1].startswith("-----BEGIN PRIVATE KEY-----\n")
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_missing_tools_are_named_with_their_packages() -> None:
    tools = [Tool("redis-server", "redis-server", lambda: None), Tool("mvn", "maven", lambda: None)]

    assert str(MissingTools(tools)) == (
        "missing: redis-server, mvn. Install with: sudo apt-get install -y redis-server maven"
    )
