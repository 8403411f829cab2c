"""What `kaftalk doctor` says about facts."""

import os
from pathlib import Path

import pytest

from kaftalk_cli.clock_checks import judge
from kaftalk_cli.findings import Finding, Level
from kaftalk_cli.kafka_checks import SYSTEM_TOPICS, judge_cluster
from kaftalk_cli.redis_checks import judge_info
from kaftalk_cli.secret_checks import check_internal_keys, check_jwt_key
from kaftalk_protocol.topics import NAMES, ROOMS
from kaftalk_roomlog.inspection import BrokerFacts, TopicFacts

SAFE = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "message.max.bytes": "1048588",
}
INFO = {
    "redis_version": "7.4.0",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "maxmemory_policy": "noeviction",
    "used_memory": "1000000",
    "maxmemory": "0",
}


def bad(findings: list[Finding]) -> list[tuple[str, Level]]:
    return [(one.subject, one.level) for one in findings if one.level is not Level.GOOD]


def cluster(*, brokers: int = 3, without: str = "", **settings: str) -> list[Finding]:
    """Judge a cluster whose brokers have these settings, dots being written as underscores."""
    changed = SAFE | {name.replace("_", "."): value for name, value in settings.items()}
    facts = {name: TopicFacts(name, 1 if name == NAMES else 128, 3, 0, 0) for name in SYSTEM_TOPICS if name != without}
    return judge_cluster([BrokerFacts(n, True, changed) for n in range(brokers)], facts, shards=128, replication=3)


def test_three_safe_brokers_with_all_topics_are_good() -> None:
    assert bad(cluster()) == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"auto_create_topics_enable": "true"}, "auto.create.topics.enable"),
        ({"unclean_leader_election_enable": "true"}, "unclean.leader.election.enable"),
        ({"message_max_bytes": "1000"}, "message.max.bytes"),
    ],
)
def test_a_broker_setting_that_loses_messages_is_wrong_and_named(settings: dict[str, str], named: str) -> None:
    findings = [one for one in cluster(brokers=1, **settings) if one.subject == "broker 0"]
    wrong = [one for one in findings if one.level is Level.WRONG]
    assert [named in one.found and named in one.fix for one in wrong] == [True]


def test_a_kafka_before_4_0_is_wrong() -> None:
    findings = judge_cluster([BrokerFacts(1, False, SAFE)], {}, shards=1, replication=1)
    assert ("broker 1", Level.WRONG) in bad(findings)


def test_a_missing_topic_and_another_number_of_shards_are_wrong() -> None:
    assert bad(cluster(without=ROOMS)) == [(f"topic {ROOMS}", Level.WRONG)]
    other = judge_cluster([], {ROOMS: TopicFacts(ROOMS, 16, 1, 0, 0)}, shards=128, replication=1)
    assert any("KAFTALK_SHARDS=16" in one.fix for one in other)


def test_partitions_without_a_leader_are_wrong_and_lagging_replicas_weak() -> None:
    topics = {"room.a.0": TopicFacts("room.a.0", 1, 3, 1, 1)}
    levels = [
        level for subject, level in bad(judge_cluster([], topics, shards=1, replication=1)) if subject == "partitions"
    ]
    assert levels == [Level.WRONG, Level.WEAK]


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({}, None),
        ({"aof_enabled": "0"}, Level.WEAK),
        ({"aof_last_write_status": "err"}, Level.WRONG),
        ({"maxmemory_policy": "allkeys-lru"}, Level.WRONG),
        ({"redis_version": "6.2.7"}, Level.WRONG),
        ({"used_memory": "900", "maxmemory": "1000"}, Level.WEAK),
    ],
)
def test_redis_is_judged_by_version_persistence_and_memory(changed: dict[str, str], level: Level | None) -> None:
    assert [found for _, found in bad(list(judge_info(INFO | changed)))] == ([level] if level else [])


def test_a_clock_may_be_two_seconds_off_beside_the_time_that_asking_took() -> None:
    assert judge("clock", 10_000, 11_000, 12_000).level is Level.GOOD
    assert judge("clock", 15_000, 11_000, 12_900).level is Level.WRONG
    assert "2.1 s" in judge("clock", 8_900, 11_000, 12_000).found


def test_secrets_are_judged_and_never_shown(tmp_path: Path) -> None:
    assert check_internal_keys(()).level is Level.WRONG
    placeholder = "changeme" * 5
    weak = check_internal_keys((placeholder,))
    assert weak.level is Level.WRONG
    assert placeholder not in weak.found + weak.fix
    assert check_internal_keys(("0123456789abcdef" * 3,)).level is Level.GOOD

    key = tmp_path / "jwt.pem"
    assert check_jwt_key(key).level is Level.WRONG
    key.write_text("PRIVATE")
    key.chmod(0o644)
    assert check_jwt_key(key).level is Level.WEAK
    key.chmod(0o600)
    assert check_jwt_key(key).level is Level.GOOD


def test_a_key_that_somebody_else_gave_to_the_group_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "jwt.pem"
    key.write_text("PRIVATE")
    key.chmod(0o440)
    assert check_jwt_key(key).level is Level.WEAK
    monkeypatch.setattr(os, "geteuid", lambda: key.stat().st_uid + 1)
    assert check_jwt_key(key).level is Level.GOOD
    key.chmod(0o444)
    assert check_jwt_key(key).level is Level.WEAK
