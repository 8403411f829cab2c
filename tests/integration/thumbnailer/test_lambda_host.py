"""What Lambda does with a function: start it, keep it warm, give up on it, and set its failures aside."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaftalk_lambda_host import host
from kaftalk_lambda_host.environment import Environment, FunctionFailed

pytestmark = pytest.mark.slow

WAIT_S = 30


def created(key: str) -> dict[str, Any]:
    return {"Records": [{"eventName": "s3:ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}]}


COUNTING = """
import os
print("cold")
calls = 0
def handler(event, context):
    global calls
    calls += 1
    left = context.get_remaining_time_in_millis()
    return {"event": event, "calls": calls, "pid": os.getpid(), "left": left, "id": context.aws_request_id}
"""


async def invoke(environment: Environment, event: bytes = b"{}") -> Any:
    async with asyncio.timeout(WAIT_S):
        return json.loads(await environment.invoke(event))


async def test_a_function_starts_once_and_stays_warm(write_function: Any, tmp_path: Path) -> None:
    async with Environment(write_function(COUNTING), tmp_path) as environment:
        first = await invoke(environment, '{"text": "사진"}'.encode())
        second = await invoke(environment)
        assert first["event"] == {"text": "사진"}
        assert (first["calls"], second["calls"], first["pid"]) == (1, 2, second["pid"])
        assert 20_000 < second["left"] <= 30_000
        assert first["id"] != second["id"]
        assert environment.cold_starts == 1


async def test_an_error_is_told_and_the_function_stays_warm(write_function: Any, tmp_path: Path) -> None:
    code = "def handler(event, context):\n    raise LookupError('no such thing')\n"
    async with Environment(write_function(code), tmp_path) as environment:
        for _ in range(2):
            with pytest.raises(FunctionFailed, match="LookupError: no such thing"):
                await invoke(environment)
        assert environment.cold_starts == 1


async def test_a_function_that_takes_too_long_is_killed_with_its_children(write_function: Any, tmp_path: Path) -> None:
    code = """
import os, subprocess, time
from pathlib import Path
def handler(event, context):
    if event.get("hang"):
        child = subprocess.Popen(["sleep", "60"])
        Path(os.environ["OUT"]).write_text(str(child.pid))
        time.sleep(60)
    return os.getpid()
"""
    async with Environment(write_function(code, timeout_s=1.0), tmp_path) as environment:
        with pytest.raises(FunctionFailed, match=r"Sandbox.Timedout: Task timed out after 1.00 seconds"):
            await invoke(environment, b'{"hang": true}')
        sleeper = int((tmp_path / "out").read_text())
        async with asyncio.timeout(WAIT_S):
            # It has been killed; a busy machine takes its time to let it die.
            while runs(sleeper):
                await asyncio.sleep(0.01)
        await invoke(environment)
        assert environment.cold_starts == 2


async def test_a_function_that_dies_starts_cold_again_with_an_empty_folder(write_function: Any, tmp_path: Path) -> None:
    code = """
import os, tempfile
def handler(event, context):
    found = os.listdir(tempfile.gettempdir())
    tempfile.mkstemp()
    if event.get("die"):
        os._exit(3)
    return found
"""
    async with Environment(write_function(code), tmp_path) as environment:
        with pytest.raises(FunctionFailed, match=r"Runtime.ExitError"):
            await invoke(environment, b'{"die": true}')
        assert await invoke(environment) == []
        assert len(await invoke(environment)) == 1


async def test_a_function_that_cannot_start_says_why(write_function: Any, tmp_path: Path) -> None:
    async with Environment(write_function("import nonsense_of_the_test\n"), tmp_path) as environment:
        with pytest.raises(FunctionFailed, match=r"(?s)Runtime.InitError.*nonsense_of_the_test"):
            await invoke(environment)


async def test_events_of_other_objects_invoke_nothing(
    run_host: Any, new_topic: Any, events_of: Callable[[str], Any], write_function: Any, tmp_path: Path
) -> None:
    code = """
import json, os
def handler(event, context):
    with open(os.environ["OUT"], "a") as out:
        out.write(json.dumps(event.get("Event") or event["Records"][0]["s3"]["object"]["key"]) + "\\n")
"""
    events = events_of(await new_topic())
    removed = created("incoming/1")
    removed["Records"][0]["eventName"] = "s3:ObjectRemoved:Delete"
    await events.write(
        {"Service": "S3", "Event": "s3:TestEvent"},
        created("media/1"),
        removed,
        b"not JSON",
        b"[]",
        {"Records": None},
        created("incoming/2"),
    )
    async with run_host(write_function(code), events.topic), asyncio.timeout(WAIT_S):
        while '"incoming/2"' not in (lines := read_lines(tmp_path / "out")):
            await asyncio.sleep(0.05)
    assert lines == ['"s3:TestEvent"', '"incoming/2"']


FAILING = """
import os
def handler(event, context):
    key = event["Records"][0]["s3"]["object"]["key"]
    with open(os.environ["OUT"], "a") as out:
        out.write(key + "\\n")
    if key == "incoming/bad":
        raise ValueError("always")
"""


@pytest.mark.parametrize("open_max", [1, 2])
async def test_a_failure_is_tried_again_and_then_set_aside(
    run_host: Any,
    new_topic: Any,
    events_of: Callable[[str], Any],
    write_function: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_max: int,
) -> None:
    monkeypatch.setattr(host, "OPEN_MAX", open_max)
    events = events_of(await new_topic())
    await events.write(created("incoming/bad"), created("incoming/good"))
    async with run_host(write_function(FAILING), events.topic), asyncio.timeout(WAIT_S):
        letter = (await events.read(1, events.dead_letters))[0]
        while "incoming/good" not in (lines := read_lines(tmp_path / "out")):
            await asyncio.sleep(0.05)
    if open_max == 1:
        assert lines == ["incoming/bad"] * 3 + ["incoming/good"]
    assert sorted(lines) == ["incoming/bad"] * 3 + ["incoming/good"]
    assert letter["requestPayload"] == created("incoming/bad")
    assert letter["requestContext"] == {"condition": "RetriesExhausted", "approximateInvokeCount": 3}
    assert letter["responsePayload"] == {"errorType": "ValueError", "errorMessage": "always"}


async def test_others_are_worked_off_while_one_waits_for_its_next_try(
    run_host: Any, new_topic: Any, events_of: Callable[[str], Any], write_function: Any, tmp_path: Path
) -> None:
    events, function = events_of(await new_topic()), write_function(FAILING)
    await events.write(created("incoming/bad"), created("incoming/good"))
    async with asyncio.timeout(WAIT_S):
        async with run_host(function, events.topic, retry_delays_s=(3600.0,)):
            while "incoming/good" not in read_lines(tmp_path / "out"):
                await asyncio.sleep(0.05)
        assert read_lines(tmp_path / "out") == ["incoming/bad", "incoming/good"]
        # What waited when the host ended is taken up again.
        async with run_host(function, events.topic, retry_delays_s=()):
            letter = (await events.read(1, events.dead_letters))[0]
    assert letter["requestPayload"] == created("incoming/bad")


async def test_an_event_that_was_not_done_with_its_host_is_taken_up_by_the_next(
    run_host: Any, new_topic: Any, events_of: Callable[[str], Any], write_function: Any, tmp_path: Path
) -> None:
    code = """
import os, time
def handler(event, context):
    with open(os.environ["OUT"], "a") as out:
        out.write("begun\\n")
    while not os.path.exists(os.environ["OUT"] + ".go"):
        time.sleep(0.02)
    with open(os.environ["OUT"], "a") as out:
        out.write("done\\n")
"""
    events, function = events_of(await new_topic()), write_function(code)
    await events.write(created("incoming/1"))
    async with asyncio.timeout(WAIT_S):
        async with run_host(function, events.topic):
            while not read_lines(tmp_path / "out"):
                await asyncio.sleep(0.05)
        (tmp_path / "out.go").touch()
        async with run_host(function, events.topic):
            while "done" not in read_lines(tmp_path / "out"):
                await asyncio.sleep(0.05)
    assert read_lines(tmp_path / "out") == ["begun", "begun", "done"]


def runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
