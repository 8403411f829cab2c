"""Task loops run again after an exception and end together."""

import asyncio

from kaftalk_runtime.tasks import Tasks


async def test_work_that_fails_runs_again_until_it_returns() -> None:
    runs: list[int] = []
    done = asyncio.Event()

    async def work() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ValueError("not yet")
        done.set()

    tasks = Tasks()
    tasks.run("work", work)
    await asyncio.wait_for(done.wait(), 10)
    await tasks.stop()
    assert len(runs) == 3


async def test_all_tasks_end_with_their_owner() -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    tasks = Tasks()
    tasks.run("one", lambda: work("one"))
    tasks.run("two", lambda: work("two"))
    await asyncio.sleep(0)
    await tasks.stop()
    assert sorted(ended) == ["one", "two"]
