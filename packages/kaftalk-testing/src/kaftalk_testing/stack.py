"""A whole Kaftalk of one's own for tests: real processes on free ports, their state in one folder.

Run `python -m kaftalk_testing.stack --help` to keep one by hand.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import itertools
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from kaftalk_testing import plan as plans
from kaftalk_testing.kafka_files import kafka_files
from kaftalk_testing.plan import BACKENDS, SERVICES, THUMBNAILER, Plan, waves
from kaftalk_testing.ports import free_port
from kaftalk_testing.process import Child, Program, StartError, start, together
from kaftalk_testing.tools import REDIS, ensure

# All tests come from one address: what the contract grants an address would not last them a minute.
_SMALL = {
    "KAFTALK_SHARDS": "16",
    "KAFTALK_LIMIT_REGISTRATIONS": "100000",
    "KAFTALK_LIMIT_ROOM_CREATIONS": "100000",
    "KAFTALK_LIMIT_HANDSHAKES_PER_S": "10000",
    "KAFTALK_LIMIT_HANDSHAKES_BURST": "10000",
}


class Stack:
    """The running processes of one plan; each goes by its name and, for a service, its index from 0."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.programs: dict[str, Program] = {}
        self.children: dict[str, Child] = {}
        self._paused: set[str] = set()

    @property
    def url(self) -> str:
        """Return the public origin (the proxy)."""
        return self.plan.url

    @property
    def kafka_bootstrap(self) -> str:
        """Return the broker's address."""
        return self.plan.kafka_bootstrap

    @property
    def redis_url(self) -> str:
        """Return the Redis database."""
        return self.plan.redis_url

    def ws_url(self, gateway: int | None = None) -> str:
        """Return the WebSocket's address: through the proxy, or of one gateway directly."""
        if gateway is None:
            return f"{self.url.replace('http', 'ws', 1)}/ws"
        return f"ws://127.0.0.1:{self._listener('gateway', gateway).public}/ws"

    def service_url(self, service: str, index: int = 0) -> str:
        """Return the public listener of one instance, past the proxy."""
        return f"http://127.0.0.1:{self._listener(service, index).public}"

    def internal_url(self, service: str, index: int = 0) -> str:
        """Return the internal listener of one instance."""
        return f"http://127.0.0.1:{self._listener(service, index).internal}"

    def metrics_url(self, service: str, index: int = 0) -> str:
        """Return the address of one instance's metrics."""
        return f"http://127.0.0.1:{self._listener(service, index).metrics}/metrics"

    def pid(self, name: str, index: int = 0) -> int:
        """Return the process id of a program that runs."""
        return self.children[_instance(name, index)].id.pid

    def alive(self, name: str, index: int = 0) -> bool:
        """Tell whether the program runs (a paused one does)."""
        child = self.children.get(_instance(name, index))
        return child is not None and child.alive()

    def log_file(self, name: str, index: int = 0) -> Path:
        """Return the file that holds all the program's output, over restarts."""
        return self.plan.folder / "logs" / f"{_instance(name, index)}.log"

    def logs(self, name: str, index: int = 0) -> str:
        """Return everything the program has printed."""
        return self.log_file(name, index).read_text(errors="replace")

    def kill(self, name: str, index: int = 0) -> None:
        """End the program with SIGKILL; it is gone on return."""
        instance = _instance(name, index)
        self._paused.discard(instance)
        self.children.pop(instance).kill()

    async def terminate(self, name: str, index: int = 0) -> int:
        """End the program with SIGTERM and return its exit status."""
        instance = _instance(name, index)
        self._paused.discard(instance)
        return await self.children.pop(instance).stop()

    async def start(self, name: str, index: int = 0) -> None:
        """Start the program on its ports and return when it is ready. Raises StartError."""
        instance = _instance(name, index)
        if self.alive(name, index):
            raise StartError(instance, "runs already", self.log_file(name, index))
        program = self.programs[instance]
        self.children[instance] = await start(program, self.log_file(name, index), tied=True)

    async def restart(self, name: str, index: int = 0) -> None:
        """End the program with SIGTERM and start it again."""
        await self.terminate(name, index)
        await self.start(name, index)

    async def restart_kafka(self) -> None:
        """Kill the broker and start it again with its data."""
        self.kill("kafka")
        await self.start("kafka")

    def pause(self, name: str, index: int = 0) -> None:
        """Stop the program in its tracks (SIGSTOP): its ports accept connections and nothing answers."""
        self._paused.add(_instance(name, index))
        self.children[_instance(name, index)].signal(signal.SIGSTOP)

    def resume(self, name: str, index: int = 0) -> None:
        """Let a paused program go on (SIGCONT)."""
        self._paused.discard(_instance(name, index))
        self.children[_instance(name, index)].signal(signal.SIGCONT)

    async def heal(self) -> None:
        """Resume what is paused and start what has ended."""
        for instance in list(self._paused):
            self.resume(instance)
        ended = [instance for instance in self.programs if not self.alive(instance)]
        for wave in waves(ended):
            await together(self.start(instance) for instance in wave)

    async def stop(self) -> None:
        """End everything: the services with SIGTERM, so that a hanging shutdown shows, the rest at once."""
        await together(self.terminate(name) for name in list(self.children) if name not in BACKENDS)
        for instance in list(self.children):
            self.kill(instance)

    def _listener(self, service: str, index: int) -> plans.Listener:
        return self.plan.instances[_instance(service, index)]


@asynccontextmanager
async def run_stack(
    folder: Path,
    *,
    counts: Mapping[str, int] | None = None,
    settings: Mapping[str, str] | None = None,
    ports: Iterator[int] | None = None,
    backends_only: bool = False,
    media: bool = False,
) -> AsyncIterator[Stack]:
    """Run a stack in `folder` while the block runs.

    `counts` gives the instances of a service (2 gateways, 1 of the rest), `settings` is added to the environment
    of all services. Only with `media` there are an S3 server and the function: they take a second to start.
    Raises StartError, MissingTools.
    """
    ensure(REDIS)
    files = await asyncio.to_thread(kafka_files)
    plan = small_plan(folder, counts or {}, settings or {}, ports or iter(free_port, 0), media=media)
    stack = Stack(plan)
    if backends_only:
        stack.programs = {"kafka": plans.kafka(plan, files), "redis": plans.redis(plan)}
    else:
        stack.programs = plans.programs(plan, files)
    try:
        await stack.heal()
        yield stack
    finally:
        await stack.stop()


def small_plan(
    folder: Path, counts: Mapping[str, int], settings: Mapping[str, str], ports: Iterator[int], *, media: bool = False
) -> Plan:
    """Plan a stack for tests: few shards, and wide limits an address."""
    kafka_port, controller_port, redis_port, proxy_port = itertools.islice(ports, 4)
    instances = plans.listeners(plans.instance_names({"gateway": 2} | dict(counts)), ports)
    return Plan(
        folder=folder,
        kafka_port=kafka_port,
        controller_port=controller_port,
        redis_port=redis_port,
        proxy_port=proxy_port,
        files_port=next(ports),
        s3_port=next(ports),
        thumbnailer_port=next(ports),
        thumbnailer_metrics_port=next(ports),
        instances=instances,
        settings=_SMALL | dict(settings),
        media=media,
    )


def _instance(name: str, index: int) -> str:
    """Return an instance's name; one that is given whole (`kafka`, `gateway-2`) is taken as it is."""
    return f"{name}-{index + 1}" if name in (*SERVICES, "thumbnailer") else name


async def _keep(arguments: argparse.Namespace) -> None:
    ports = itertools.count(arguments.ports) if arguments.ports else None
    settings = dict(setting.split("=", 1) for setting in arguments.setting)
    with tempfile.TemporaryDirectory(prefix="kaftalk-stack-") as temporary:
        folder = Path(arguments.folder or temporary)
        options = {"gateway": arguments.gateways, "delivery": arguments.deliveries}
        wanted = {"backends_only": arguments.backends, "media": arguments.media}
        running = run_stack(folder, counts=options, settings=settings, ports=ports, **wanted)
        async with running as stack:
            _describe(stack)
            await _interrupted()


def _describe(stack: Stack) -> None:
    print(f"kafka   {stack.kafka_bootstrap}\nredis   {stack.redis_url}\nlogs    {stack.plan.folder / 'logs'}")
    for instance in set(stack.programs) & set(stack.plan.instances):
        listener = stack.plan.instances[instance]
        public, internal, metrics = (f"http://127.0.0.1:{port}" for port in dataclasses.astuple(listener))
        print(f"{instance}  {public}  internal {internal}  {metrics}/metrics")
    if THUMBNAILER in stack.programs:
        print(f"s3      {stack.plan.s3_url}")
    if "caddy" in stack.programs:
        print(f"open    {stack.url}")
    print("ready; end with Ctrl-C or SIGTERM", flush=True)


async def _interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def main() -> None:
    """Keep a throw-away stack until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m kaftalk_testing.stack", description=main.__doc__)
    parser.add_argument("--ports", type=int, help="first of the ports to use (default: any free ones)")
    parser.add_argument("--folder", help="keep the state here (default: a temporary folder, removed at the end)")
    parser.add_argument("--backends", action="store_true", help="Kafka and Redis only")
    parser.add_argument("--media", action="store_true", help="with an S3 server and the function that reads uploads")
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument("--deliveries", type=int, default=1)
    parser.add_argument("--setting", action="append", default=[], metavar="KAFTALK_X=Y", help="for all services")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_keep(parser.parse_args()))
        except StartError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
