"""`kubectl apply -k deploy/k8s/overlays/demo` on a real cluster: it works, and no restart or death loses a message."""

import asyncio
import contextlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_load import ChatLoad, chat_load_at
from kaftalk_testing.cluster import Demo, KubectlFailed, apply, delete, kubectl, node_address, overlay

pytestmark = pytest.mark.timeout(900)

NAMESPACE = "kaftalk"
DEPLOYMENTS = ("web", "rooms", "media", "dnd-batch", "lambda-host", "delivery", "gateway")
RETRY_S = 60.0


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """Apply the demo, and delete everything at the end; a namespace that is there already is somebody's."""
    demo = Demo(NAMESPACE, await node_address())
    with contextlib.suppress(KubectlFailed):
        await kubectl("get", "namespace", NAMESPACE)
        pytest.fail(f"the namespace {NAMESPACE} exists: delete it first")
    folder = overlay(tmp_path_factory.mktemp("overlay"), demo.settings)
    try:
        await apply(folder)
        await demo.ready()
        yield demo
    finally:
        await delete(folder, NAMESPACE)
    assert NAMESPACE not in await kubectl("get", "persistentvolumes", "--output", "name")


async def test_everything_is_ready_and_nothing_had_to_start_twice(demo: Demo) -> None:
    pods = [pod for pod in await demo.listed("pods") if pod["status"]["phase"] != "Succeeded"]
    states = [state for pod in pods for state in pod["status"]["containerStatuses"]]
    assert {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods} == {
        *DEPLOYMENTS,
        *("kafka", "redis", "s3"),
    }
    assert all(state["ready"] for state in states)
    assert {state["name"]: state["restartCount"] for state in states if state["restartCount"]} == {}


async def test_the_operators_command_finds_nothing_wrong(demo: Demo) -> None:
    await demo.ask("scale", "statefulset/tools", "--replicas=1")
    await demo.ready()
    found = json.loads(await demo.ask("exec", "tools-0", "--", "kaftalk", "doctor", "--json"))
    assert [one["subject"] for one in found if one["level"] != "good"] == ["replication"]
    await demo.ask("scale", "statefulset/tools", "--replicas=0")
    await demo.ask("wait", "--for=delete", "pod/tools-0", "--timeout=60s")


async def test_the_web_client_and_the_chat_are_at_one_address(demo: Demo) -> None:
    async with httpx.AsyncClient(base_url=demo.url) as http:
        assert "<title>Kaftalk" in (await http.get("/")).text
        assert (await http.get("/internal/x")).status_code == 404
    async with chat_load_at(demo.url, [demo.ws_url], rooms=2, people=4) as load:
        await load.chat(3.0, per_s=20.0)
        await load.settle()
        assert load.verdict("a conversation") == []
        assert load.failed() == []


async def test_every_deployment_restarts_under_load_and_nothing_is_lost(demo: Demo) -> None:
    async def restart_all() -> None:
        for deployment in DEPLOYMENTS:
            await demo.restart(deployment)

    await _chat_through(demo, "rolling restarts", restart_all)


@pytest.mark.parametrize("app", [*DEPLOYMENTS, "redis", "kafka", "s3"])
async def test_a_pod_dies_under_load_and_nothing_is_lost(demo: Demo, app: str) -> None:
    async def die() -> None:
        await demo.kill(app)
        await asyncio.sleep(1.0)
        await demo.ready()

    await _chat_through(demo, f"a {app} pod killed", die)


async def _chat_through(demo: Demo, name: str, trouble: Callable[[], Awaitable[None]]) -> None:
    """Chat over sockets and REST before, during and after some trouble; all is taken and arrives once, in order."""
    async with chat_load_at(demo.url, [demo.ws_url], rooms=3, people=6) as load:
        posting = asyncio.create_task(_post_for_ever(load))
        await load.chat_while(trouble(), per_s=20.0)
        posting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await posting
        await load.settle()
        assert load.verdict(name) == []
        assert load.failed() == []


async def _post_for_ever(load: ChatLoad) -> None:
    """Post by REST, each with a key, until it is taken; raises if one is refused or takes too long."""
    author = load.guest.account
    for n in itertools.count():
        await _post(author, load.rooms[n % len(load.rooms)], f"by REST {n}")
        await asyncio.sleep(0.3)


async def _post(author: Account, room: str, text: str) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    async with asyncio.timeout(RETRY_S):
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await author.ask("POST", f"/rooms/{room}/messages", json={"text": text}, headers=key)
                if answer.status_code == 401:
                    await author.sign_in()
                elif answer.status_code < 500 and answer.status_code != 429:
                    answer.raise_for_status()
                    return
            await asyncio.sleep(0.5)
