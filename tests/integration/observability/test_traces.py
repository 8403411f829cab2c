"""One trace from a send to the last socket, through Kafka; and nothing at all where nobody asked for traces."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
import pytest_asyncio

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.topics import room_topic
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.stack import Stack, run_stack
from kaftalk_testing.trace_collector import Recorded, TraceCollector, trace_collector

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collector() -> AsyncIterator[TraceCollector]:
    async with trace_collector() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced(collector: TraceCollector, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    settings = {"KAFTALK_TRACES_ENDPOINT": collector.endpoint, "KAFTALK_TRACES_RATIO": "1"}
    async with run_stack(tmp_path_factory.mktemp("traced"), settings=settings) as running:
        yield running


async def stored_traces(stack: Stack, room: str) -> list[bytes | None]:
    """Read what the records of a room's log have in their headers."""
    ranges = RoomLogRange(Kafka(stack.kafka_bootstrap))
    await ranges.start()
    try:
        topic = room_topic(RoomId(room), 0)
        return [record.trace for record in await ranges.read(topic, 0, await ranges.end_offset(topic))]
    finally:
        await ranges.stop()


def of(spans: Iterable[Recorded], trace: str) -> dict[str, list[Recorded]]:
    """Give the spans of a trace by name."""
    found: dict[str, list[Recorded]] = {}
    for span in spans:
        if span.trace == trace:
            found.setdefault(span.name, []).append(span)
    return found


async def test_a_send_is_followed_to_the_sockets_of_both_gateways(traced: Stack, collector: TraceCollector) -> None:
    async with httpx.AsyncClient(base_url=traced.url, timeout=15) as http:
        ann, bob = await Account.register(http), await Account.register(http)
        room = (await ann.room())["id"]
        await bob.join(room)
        async with await ChatSocket.open(traced.ws_url(0), ann) as a, await ChatSocket.open(traced.ws_url(1), bob) as b:
            ack = await a.ask({"t": "send", "room": room, "n": 1, "text": "안녕"})
            await b.until(lambda frame: frame["t"] == "event" and frame["e"]["k"] == "message")
            if not [frame for frame in a.seen if frame["t"] == "event"]:
                await a.event(room)
    header = (await stored_traces(traced, room))[ack["seq"]]
    assert header is not None
    trace = header.split(b"-")[1].decode()
    await collector.until(lambda spans: len(of(spans, trace).get("deliver", ())) == 2)
    found = of(await collector.until(lambda spans: "project" in of(spans, trace)), trace)
    (sent,), (projected,) = found["send"], found["project"]
    assert {name: len(spans) for name, spans in found.items()} == {"send": 1, "project": 1, "deliver": 2}
    assert (sent.parent, sent.service, sent.instance) == ("", "kaftalk-gateway", "gateway-1")
    assert sent.attributes["kaftalk.result"] == "stored"
    assert projected.service == "kaftalk-delivery"
    assert {span.instance for span in found["deliver"]} == {"gateway-1", "gateway-2"}
    assert {span.attributes["kaftalk.sockets"] for span in found["deliver"]} == {1}
    for span in (projected, *found["deliver"]):
        assert span.parent == sent.span
        assert sent.start_ns < span.end_ns
        assert span.start_ns <= span.end_ns


async def test_a_message_over_rest_is_part_of_its_request(traced: Stack, collector: TraceCollector) -> None:
    async with httpx.AsyncClient(base_url=traced.url, timeout=15) as http:
        ann = await Account.register(http)
        room = (await ann.room())["id"]
        async with await ChatSocket.open(traced.ws_url(1), ann) as a:
            made = await ann.call("POST", f"/rooms/{room}/messages", json={"text": "안녕"})
            await a.until(lambda frame: frame["t"] == "event" and frame["seq"] == made["seq"])
    header = (await stored_traces(traced, room))[made["seq"]]
    assert header is not None
    trace = header.split(b"-")[1].decode()
    asked = "POST /rooms/{room_id}/messages"
    found = of(await collector.until(lambda spans: {asked, "project", "deliver"} <= of(spans, trace).keys()), trace)
    assert found[asked][0].parent == ""
    assert found[asked][0].attributes["kaftalk.status"] == 201
    assert {span.parent for name in ("project", "deliver") for span in found[name]} == {found[asked][0].span}


async def test_no_span_says_what_was_written_or_who_wrote_it(collector: TraceCollector, traced: Stack) -> None:
    assert collector.spans
    keys = {key for span in collector.spans for key in span.attributes}
    assert keys <= {f"kaftalk.{name}" for name in ("room", "seq", "topic", "offset", "result", "sockets", "status")}


async def test_without_an_endpoint_records_have_no_header(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as http:
        ann = await Account.register(http)
        room = (await ann.room())["id"]
        async with await ChatSocket.open(stack.ws_url(0), ann) as a:
            await a.ask({"t": "send", "room": room, "n": 1, "text": "안녕"})
        assert set(await stored_traces(stack, room)) == {None}


@pytest.mark.parametrize("service", ["gateway", "rooms", "delivery", "media", "dnd_batch"])
def test_without_an_endpoint_the_extra_need_not_be_there(service: str) -> None:
    # FastAPI brings the interface, and other libraries import the rest where they find it; here nobody can.
    program = f"""
import sys
sys.modules["opentelemetry.sdk"] = sys.modules["opentelemetry.exporter"] = None
import kaftalk_{service}.__main__
print("kaftalk_runtime.otel" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
