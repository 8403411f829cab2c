"""What a whole Kaftalk consists of on one machine: which programs, on which ports, with which settings."""

import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from kaftalk_protocol import topics
from kaftalk_roomlog.topics import Topics
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.kafka_broker import kafka_broker
from kaftalk_testing.kafka_files import KafkaFiles
from kaftalk_testing.keys import internal_key, jwt_key_file, s3_secret_key
from kaftalk_testing.probes import http_answers, http_ok, may_upload
from kaftalk_testing.process import Program
from kaftalk_testing.redis_server import redis_server
from kaftalk_testing.tools import repository, venv_program
from kaftalk_testing.versitygw import REGION, S3Credentials, versitygw

SERVICES = ("rooms", "delivery", "gateway", "media", "dnd-batch")
BACKENDS = ("kafka", "redis", "s3", "caddy")
S3 = "s3"
THUMBNAILER = "thumbnailer-1"
BUCKET = "kaftalk-media"
_TOPIC_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Listener:
    """The ports of a service instance on 127.0.0.1."""

    public: int
    internal: int
    metrics: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before the first process starts."""

    folder: Path
    kafka_port: int
    controller_port: int
    redis_port: int
    proxy_port: int
    files_port: int
    s3_port: int
    thumbnailer_port: int
    instances: Mapping[str, Listener]
    bind: str = "127.0.0.1"
    public_url: str = ""
    origins: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    kafka_heap_mb: int = 512
    brief: bool = True
    thumbnailer_metrics_port: int | None = None
    # Without it nothing is behind the media service: no S3 server, no function.
    media: bool = True

    @property
    def url(self) -> str:
        """Return the origin under which everything is served."""
        return self.public_url or f"http://127.0.0.1:{self.proxy_port}"

    @property
    def kafka_bootstrap(self) -> str:
        """Return the broker's address."""
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def redis_url(self) -> str:
        """Return the Redis database."""
        return f"redis://127.0.0.1:{self.redis_port}/0"

    @property
    def metrics_ports(self) -> dict[str, int]:
        """Return where each instance serves its metrics."""
        ports = {name: listener.metrics for name, listener in self.instances.items()}
        own = self.thumbnailer_metrics_port
        return ports | ({THUMBNAILER: own} if own is not None and self.media else {})

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Return the origins of the pages that may use everything."""
        if given := self.settings.get("KAFTALK_ORIGINS"):
            return tuple(origin.strip() for origin in given.split(","))
        return self.origins or (self.url, f"http://localhost:{self.proxy_port}")

    @property
    def s3_url(self) -> str:
        """Return where the services reach the S3 server."""
        return f"http://127.0.0.1:{self.s3_port}"

    @property
    def s3_public_url(self) -> str:
        """Return where browsers reach it: at the page's host, on another port of the proxy."""
        own = f"http://{urlsplit(self.url).hostname}:{self.files_port}"
        return self.settings.get("KAFTALK_S3_PUBLIC_ENDPOINT") or own

    @property
    def s3_credentials(self) -> S3Credentials:
        """Return the owner of the bucket."""
        return S3Credentials("kaftalk", s3_secret_key(self.folder / "keys"))

    def ports(self) -> list[tuple[str, str, int]]:
        """Return every port that is listened on, after the program's name and the listener's."""
        ports = [
            ("caddy", "web (KAFTALK_PORT)", self.proxy_port),
            ("caddy", "uploads and media", self.files_port),
            ("kafka", "kafka", self.kafka_port),
            ("kafka", "kafka controller", self.controller_port),
            ("redis", "redis", self.redis_port),
        ]
        if self.media:
            ports += [(S3, S3, self.s3_port), (THUMBNAILER, THUMBNAILER, self.thumbnailer_port)]
        for name, listener in self.instances.items():
            ports += [(name, name, listener.public), (name, f"{name} internal", listener.internal)]
            ports += [(name, f"{name} metrics", listener.metrics)]
        return ports

    def names(self) -> list[str]:
        """Return the names of all programs in the order in which they start."""
        media = (S3, THUMBNAILER) if self.media else ()
        return [name for wave in waves(["kafka", "redis", *self.instances, *media, "caddy"]) for name in wave]

    def of(self, service: str) -> list[str]:
        """Return the service's instances by name."""
        return [name for name in self.instances if service_of(name) == service]


def waves(names: Iterable[str]) -> list[list[str]]:
    """Split programs by what they need: first Kafka and Redis, then the services and S3, last the proxy."""
    ranks = {"kafka": 0, "redis": 0, "caddy": 2}
    by_rank: list[list[str]] = [[], [], []]
    for name in names:
        by_rank[ranks.get(name, 1)].append(name)
    return by_rank


def instance_names(counts: Mapping[str, int]) -> list[str]:
    """Return `gateway-1`, `gateway-2` and so on; one instance of each service that `counts` does not name."""
    return [f"{service}-{n + 1}" for service in SERVICES for n in range(counts.get(service, 1))]


def service_of(instance: str) -> str:
    """Return the service's name of an instance's."""
    return instance.rpartition("-")[0]


def listeners(names: list[str], ports: Iterator[int]) -> dict[str, Listener]:
    """Give each instance its ports."""
    pairs = {name: (next(ports), next(ports)) for name in names}
    return {name: Listener(*pair, next(ports)) for name, pair in pairs.items()}


def programs(plan: Plan, files: KafkaFiles) -> dict[str, Program]:
    """Describe everything by name."""
    services = {instance: service(plan, instance) for instance in plan.instances}
    media = {S3: s3(plan), THUMBNAILER: thumbnailer(plan)} if plan.media else {}
    return {"kafka": kafka(plan, files), "redis": redis(plan), "caddy": proxy(plan)} | services | media


def kafka(plan: Plan, files: KafkaFiles) -> Program:
    """Describe the plan's broker."""
    folder = plan.folder / "kafka"
    ports = (plan.kafka_port, plan.controller_port)
    return kafka_broker(files, folder, *ports, heap_mb=plan.kafka_heap_mb, brief=plan.brief)


def redis(plan: Plan) -> Program:
    """Describe the plan's Redis."""
    return redis_server(plan.folder / "redis", plan.redis_port)


def s3(plan: Plan) -> Program:
    """Describe the plan's S3 server, ready when the media service has made the bucket and opened it to the pages.

    Raises MissingTools, ToolFailed.
    """
    server = versitygw(
        plan.folder / "s3",
        plan.s3_port,
        plan.s3_credentials,
        kafka_bootstrap=plan.kafka_bootstrap,
        topic=topics.UPLOADS,
        after=_topic_exists(plan, topics.UPLOADS),
    )
    return replace(server, ready=may_upload(plan.s3_port, f"/{BUCKET}/incoming/", plan.allowed_origins[0]))


def thumbnailer(plan: Plan) -> Program:
    """Describe what runs the function on the S3 server's events."""
    own = {
        "KAFTALK_INSTANCE": THUMBNAILER,
        "KAFTALK_INTERNAL_LISTEN": f"127.0.0.1:{plan.thumbnailer_port}",
        "KAFTALK_METRICS_LISTEN": f"127.0.0.1:{plan.thumbnailer_metrics_port}" if plan.thumbnailer_metrics_port else "",
        "KAFTALK_KAFKA_BOOTSTRAP": plan.kafka_bootstrap,
        "KAFTALK_LAMBDA_FOLDER": str(plan.folder / "thumbnailer"),
        "KAFTALK_LAMBDA_ENVIRONMENTS": "1" if plan.brief else "2",
        "KAFTALK_S3_ENDPOINT": plan.s3_url,
        "KAFTALK_S3_REGION": REGION,
        "KAFTALK_S3_BUCKET": BUCKET,
        "KAFTALK_MEDIA_URL": f"http://127.0.0.1:{plan.instances['media-1'].internal}",
        "KAFTALK_INTERNAL_KEYS": internal_key(plan.folder / "keys"),
    }
    return Program(
        name=THUMBNAILER,
        command=(sys.executable, "-m", "kaftalk_lambda_host"),
        env=plan.s3_credentials.environment | own | dict(plan.settings),
        ready=http_ok(plan.thumbnailer_port, "/readyz"),
        after=_topic_exists(plan, topics.UPLOADS_DEAD),
    )


def service(plan: Plan, instance: str) -> Program:
    """Describe one instance of a service."""
    name, listener = service_of(instance), plan.instances[instance]
    internal = f"127.0.0.1:{listener.internal}"
    own = {
        "KAFTALK_INSTANCE": instance,
        "KAFTALK_LISTEN": f"127.0.0.1:{listener.public}",
        "KAFTALK_INTERNAL_LISTEN": internal,
        "KAFTALK_INTERNAL_ADVERTISE": f"ws://{internal}",
        "KAFTALK_METRICS_LISTEN": f"127.0.0.1:{listener.metrics}",
    }
    if name == "media":
        own |= _s3_settings(plan)
    return Program(
        name=instance,
        command=(sys.executable, "-m", f"kaftalk_{name.replace('-', '_')}"),
        env=_shared_settings(plan) | own | dict(plan.settings),
        ready=http_ok(listener.internal, "/readyz"),
        stop_timeout_s=25.0,
    )


def proxy(plan: Plan, web: Path | None = None) -> Program:
    """Describe the Caddy that gives everything one origin; `web` holds the built web client."""
    upstreams = {
        f"KAFTALK_{name.upper().replace('-', '_')}": " ".join(
            f"127.0.0.1:{plan.instances[instance].public}" for instance in plan.of(name)
        )
        for name in SERVICES
        if name != "delivery"
    }
    state = str(plan.folder / "caddy")
    own = {
        "KAFTALK_BIND": plan.bind,
        "KAFTALK_PORT": str(plan.proxy_port),
        "KAFTALK_WEB": str(web or repository() / "web/dist"),
        "KAFTALK_DOCS": str(repository() / "docs"),
        "XDG_DATA_HOME": state,
        "XDG_CONFIG_HOME": state,
        "KAFTALK_S3": f"127.0.0.1:{plan.s3_port}",
        "KAFTALK_S3_BUCKET": BUCKET,
        "KAFTALK_S3_PORT": str(plan.files_port),
        "KAFTALK_S3_ORIGIN": plan.s3_public_url,
    }
    config = str(repository() / "deploy/local/Caddyfile")
    return Program(
        name="caddy",
        command=(venv_program("caddy"), "run", "--adapter", "caddyfile", "--config", config),
        env=upstreams | own,
        ready=http_answers(plan.proxy_port, "127.0.0.1" if plan.bind == "0.0.0.0" else plan.bind),
    )


def _topic_exists(plan: Plan, topic: str) -> Callable[[], Awaitable[None]]:
    """Wait for a topic that the rooms service makes. The wait raises UnknownTopic, KafkaUnreachable."""

    async def wait() -> None:
        cluster = Topics(Kafka(plan.kafka_bootstrap))
        await cluster.start()
        try:
            await cluster.await_visible(topic, timeout_s=_TOPIC_TIMEOUT_S)
        finally:
            await cluster.stop()

    return wait


def _s3_settings(plan: Plan) -> dict[str, str]:
    return {
        "KAFTALK_S3_ENDPOINT": plan.s3_url,
        "KAFTALK_S3_PUBLIC_ENDPOINT": plan.s3_public_url,
        "KAFTALK_S3_REGION": REGION,
        "KAFTALK_S3_BUCKET": BUCKET,
        "KAFTALK_S3_ACCESS_KEY": plan.s3_credentials.access_key,
        "KAFTALK_S3_SECRET_KEY": plan.s3_credentials.secret_key,
        "KAFTALK_S3_CREATE_BUCKET": "true" if plan.media else "false",
        "KAFTALK_S3_EVENTS_TOPIC": topics.UPLOADS,
    }


def _shared_settings(plan: Plan) -> dict[str, str]:
    return {
        "KAFTALK_KAFKA_BOOTSTRAP": plan.kafka_bootstrap,
        "KAFTALK_REDIS_URL": plan.redis_url,
        "KAFTALK_INTERNAL_KEYS": internal_key(plan.folder / "keys"),
        "KAFTALK_JWT_KEY_FILE": str(jwt_key_file(plan.folder / "keys")),
        "KAFTALK_PUBLIC_URL": plan.url,
        "KAFTALK_ORIGINS": ",".join(plan.allowed_origins),
        "KAFTALK_TRUSTED_PROXIES": "127.0.0.1",
        "KAFTALK_REPLICATION": "1",
    }
