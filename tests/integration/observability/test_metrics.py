"""What all services export after a chat: names and units as Prometheus wants them, few series, nobody in them."""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.scrapes import Scrape, scrape, series_name, total
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

MESSAGES = 5
# https://prometheus.io/docs/practices/naming/: base units, spelled out, at the end.
UNITS = ("_seconds", "_bytes")
NO_UNITS = re.compile(r"_(ms|millis|milliseconds|us|micros|minutes|hours|kb|mb|kilobytes|megabytes|percent)(_|$)")
WITHOUT_UNIT = {"kaftalk_held_rooms"}
LABELS = {
    "check", "code", "end", "kind", "method", "reason", "request", "result", "route", "shard", "source", "state",
    "status", "step", "t", "task", "version",
}  # fmt: skip
SERIES_MAX = 2_000
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{12,}", re.IGNORECASE)


@dataclass
class Chat:
    """What was said, by whom, where, and the figures around it."""

    before: list[Scrape]
    after: list[Scrape]
    names: tuple[str, ...]

    def grown(self, sample: str, **labels: str) -> float:
        """Tell by how much a number has grown."""
        return total(self.after, sample, **labels) - total(self.before, sample, **labels)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chat(stack: Stack) -> AsyncIterator[Chat]:
    before = await scrape(stack)
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as http:
        ann, bob = await Account.register(http), await Account.register(http)
        room = (await ann.room())["id"]
        await bob.join(room)
        async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
            for n in range(1, MESSAGES + 1):
                await a.ask({"t": "send", "room": room, "n": n, "text": "안녕"})
                await b.until(lambda frame: frame["t"] == "event" and frame["e"]["k"] == "message")
            await a.ask({"t": "send", "room": room, "n": MESSAGES, "text": "안녕"})
            await a.ask({"t": "history", "room": room})
            assert (await ann.ask("GET", f"/rooms/{room}/messages")).status_code == 200
            assert (await ann.ask("GET", f"/rooms/{bob.id}")).status_code == 404
            assert (await http.request("BREW", f"/api/v1/{room}")).status_code in (404, 405)
            after = await scrape(stack)
        names = (ann.id, bob.id, room, str(ann.user["username"]), str(bob.user["username"]), "안녕", ann.token)
        yield Chat(before, after, names)


def families(scrapes: Iterable[Scrape]) -> dict[str, str]:
    """Give the types of all families of ours by name."""
    return {
        series_name(family): family.type
        for one in scrapes
        for family in one.families
        if not family.name.startswith(("process_", "python_"))
    }


async def test_every_service_exports_its_own_and_what_all_have(chat: Chat) -> None:
    for one in chat.after:
        names = families([one])
        assert {"kaftalk_ready", "kaftalk_build_info", "kaftalk_event_loop_lag_seconds"} <= names.keys(), one.instance
        services = {"gateway", "rooms", "delivery", "media", "dnd_batch"} - {one.service.replace("-", "_")}
        assert not [name for name in names if name.startswith(tuple(f"kaftalk_{other}_" for other in services))]


async def test_names_and_types_follow_the_conventions(chat: Chat) -> None:
    for name, kind in families(chat.after).items():
        assert re.fullmatch(r"kaftalk_[a-z][a-z0-9_]*", name), name
        assert kind in ("counter", "gauge", "histogram"), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not NO_UNITS.search(name), name
        unit = next((unit for unit in UNITS if unit in name), None)
        assert unit is None or name.removesuffix("_total").endswith(unit), f"{name}: the unit goes last"
        assert kind != "histogram" or unit or name in WITHOUT_UNIT, f"{name} has no unit"


async def test_every_metric_says_what_it_is(chat: Chat) -> None:
    for one in chat.after:
        for family in one.families:
            assert len(family.documentation) > 5, family.name


async def test_a_name_means_the_same_everywhere(chat: Chat) -> None:
    told: dict[str, tuple[str, str]] = {}
    for one in chat.after:
        for family in one.families:
            assert told.setdefault(family.name, (family.type, family.documentation))[0] == family.type, family.name


async def test_labels_are_few_and_name_nobody(chat: Chat) -> None:
    for one in chat.after:
        series = [sample for family in one.families for sample in family.samples]
        assert len(series) < SERIES_MAX, one.instance
        for sample in series:
            if sample.name.startswith("kaftalk_"):
                assert set(sample.labels) - {"le"} <= LABELS, sample.name
                assert not [value for value in sample.labels.values() if ID.search(value) or len(value) > 80], sample


async def test_nothing_of_the_chat_is_in_the_text(chat: Chat) -> None:
    for one in chat.after:
        assert not [name for name in chat.names if name in one.text], one.instance


async def test_the_figures_are_those_of_the_chat(chat: Chat) -> None:
    assert total(chat.after, "kaftalk_gateway_connections") >= 2
    assert chat.grown("kaftalk_gateway_frames_received_total", t="send") == MESSAGES + 1
    assert chat.grown("kaftalk_gateway_acks_total", t="send") == MESSAGES
    assert chat.grown("kaftalk_gateway_acks_total", t="dup") == 1
    assert chat.grown("kaftalk_gateway_send_to_ack_seconds_count") == MESSAGES
    assert chat.grown("kaftalk_gateway_send_to_deliver_seconds_count") == MESSAGES
    assert chat.grown("kaftalk_gateway_delivered_total") >= 2 * MESSAGES
    assert chat.grown("kaftalk_gateway_events_total") >= 2 * MESSAGES
    assert chat.grown("kaftalk_delivery_records_total") >= MESSAGES
    assert (
        0 < chat.grown("kaftalk_delivery_append_to_push_seconds_count") <= chat.grown("kaftalk_delivery_records_total")
    )
    assert chat.grown("kaftalk_kafka_appends_total", result="appended") >= MESSAGES
    assert chat.grown("kaftalk_redis_round_trip_seconds_count") > 0
    assert total(chat.after, "kaftalk_rooms_topic_pool_target_rooms") > 0


async def test_requests_are_counted_by_route(chat: Chat) -> None:
    read = {"method": "GET", "route": "/rooms/{room_id}/messages"}
    assert chat.grown("kaftalk_http_requests_total", status="200", **read) == 1
    assert chat.grown("kaftalk_http_request_seconds_count", **read) == 1
    assert chat.grown("kaftalk_http_requests_total", method="other", route="none") == 1
    assert chat.grown("kaftalk_http_requests_total", method="POST", route="/auth/register", status="201") == 2


async def test_every_shard_tells_how_far_it_is_behind(chat: Chat, stack: Stack) -> None:
    lag = [
        sample
        for one in chat.after
        for family in one.families
        if family.name == "kaftalk_delivery_shard_lag_records"
        for sample in family.samples
    ]
    assert {sample.labels["shard"] for sample in lag} == {str(shard) for shard in range(16)}
    assert total(chat.after, "kaftalk_delivery_owned_shards") == 16
