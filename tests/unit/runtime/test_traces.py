"""Which steps are recorded, and how a trace goes from one process to the next."""

import builtins
from collections.abc import Iterator
from typing import Any

import pytest

from kaftalk_runtime import traces
from kaftalk_runtime.otel import OtelTracer
from kaftalk_runtime.settings import Address, ServiceSettings

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def tracer() -> Iterator[None]:
    traces.record(OtelTracer("rooms", "rooms-1", "http://127.0.0.1:9/v1/traces", 1.0))
    yield
    traces.record(None)


def settings(endpoint: str | None) -> ServiceSettings:
    return ServiceSettings(
        instance="rooms-1", listen=Address("127.0.0.1", 1), internal_listen=Address("127.0.0.1", 2),
        kafka_bootstrap="k", redis_url="redis://r", internal_keys=("5f0a6be1c2d94c3f8e7a1b2c3d4e5f60",),
        traces_endpoint=endpoint,
    )  # fmt: skip


def test_where_nobody_records_there_is_nothing() -> None:
    traces.configure("rooms", settings(None))
    assert not traces.enabled()
    assert traces.begin("send") is None
    with traces.active(None):
        assert traces.current() is None


def test_a_step_belongs_to_its_parents_trace(tracer: None) -> None:
    span = traces.begin("project", parent=PARENT)
    assert span is not None
    version, trace, own, flags = span.traceparent.split(b"-")
    assert (version, trace, flags) == (b"00", PARENT.split(b"-")[1], b"01")
    assert own != PARENT.split(b"-")[2]


def test_what_happens_in_a_step_is_part_of_it(tracer: None) -> None:
    outer = traces.begin("request")
    assert outer is not None
    with traces.active(outer):
        assert traces.current() == outer.traceparent
        inner = traces.begin("send")
        assert inner is not None
        assert inner.traceparent.split(b"-")[1] == outer.traceparent.split(b"-")[1]
    assert traces.current() is None


@pytest.mark.parametrize(
    "parent", [PARENT[:-1] + b"0", b"", b"\xff" * 55, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", PARENT + b"-x"]
)
def test_a_parent_that_is_not_recorded_or_not_well_formed_has_no_steps(parent: bytes, tracer: None) -> None:
    assert traces.begin("project", parent=parent) is None or not parent


def test_of_a_ratio_of_none_nothing_is_recorded() -> None:
    tracer = OtelTracer("rooms", "rooms-1", "http://127.0.0.1:9/v1/traces", 0.0)
    assert tracer.begin("send", None, None) is None
    assert tracer.begin("project", PARENT, None) is not None


def test_without_the_extra_the_start_is_refused_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "kaftalk_runtime.otel":
            raise ImportError
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SystemExit) as ended:
        traces.configure("rooms", settings("http://collector:4318/v1/traces"))
    assert ended.value.code == 2
    assert capsys.readouterr().err == "KAFTALK_TRACES_ENDPOINT needs OpenTelemetry: install kaftalk-rooms[otel]\n"
