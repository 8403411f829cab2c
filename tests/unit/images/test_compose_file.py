"""What compose.yaml promises: confined containers, no secrets, brokers that lose nothing."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from kaftalk_testing.tools import repository

TEXT = (repository() / "compose.yaml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = FILE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("kaftalk/")]
BROKERS = ["kafka-1", "kafka-2", "kafka-3"]


def settings() -> list[tuple[str, str]]:
    return [(key, str(value)) for service in SERVICES.values() for key, value in service.get("environment", {}).items()]


def test_every_image_is_pinned_and_ours_are_of_this_version() -> None:
    project = tomllib.loads((repository() / "services/gateway/pyproject.toml").read_text())["project"]
    for service in SERVICES.values():
        name, _, tag = service["image"].partition(":")
        assert tag == f"${{KAFTALK_VERSION:-{project['version']}}}" or re.fullmatch(r"v?\d+\.[\w.-]+", tag), name


def test_secrets_lie_in_files_that_are_made_on_the_first_start() -> None:
    for key, value in settings():
        secret = re.search(r"KEY|SECRET|PASSWORD|TOKEN|REDIS_URL", key)
        assert not secret or (key.endswith("_FILE") and value.startswith("/run/secrets/kaftalk/")), key
    assert SERVICES["redis"]["command"][:2] == ["valkey-server", "/secrets/redis.conf"]


@pytest.mark.parametrize("name", [*OURS, "redis", "s3"])
def test_a_container_is_read_only_and_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    if name != "first-start":
        assert "cap_add" not in service
        assert service.get("user", "10001") != "0:0"


def test_only_the_proxy_is_reached_from_outside_and_by_default_from_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service and "profiles" not in service] == ["web"]
    for service in SERVICES.values():
        assert all(port.startswith("${KAFTALK_BIND:-127.0.0.1}:") for port in service.get("ports", ()))
    assert FILE["networks"]["core"] == {"internal": True}
    for name in (*BROKERS, "redis", "delivery", "lambda-host"):
        assert SERVICES[name]["networks"] == ["core"]
    assert SERVICES["web"]["networks"] == ["edge"]


def test_a_broker_may_die_and_nothing_is_lost() -> None:
    for number, name in enumerate(BROKERS, 1):
        broker = SERVICES[name]["environment"]
        assert broker["KAFKA_NODE_ID"] == number
        assert (broker["KAFKA_DEFAULT_REPLICATION_FACTOR"], broker["KAFKA_MIN_INSYNC_REPLICAS"]) == (3, 2)
        assert broker["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
        assert broker["KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE"] == "false"
        assert broker["KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE"] == "LogAppendTime"
    assert {value for key, value in settings() if key == "KAFTALK_REPLICATION"} == {"3"}


def test_redis_keeps_what_it_was_told() -> None:
    words = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in words
    assert "--maxmemory-policy noeviction" in words
    assert "redis:/data" in SERVICES["redis"]["volumes"]


def test_whoever_has_clients_has_time_to_send_them_elsewhere() -> None:
    for name in OURS:
        if "environment" in SERVICES[name] and name != "web":
            assert SERVICES[name]["stop_grace_period"] == "60s"


def test_every_variable_has_a_default_that_works_on_one_machine() -> None:
    assert set(re.findall(r"\$\{(KAFTALK_\w+)\}", TEXT)) == set()
