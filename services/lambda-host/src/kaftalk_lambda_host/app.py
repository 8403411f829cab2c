"""Wires the Lambda host: the function's environments, and health on the internal listener."""

from kaftalk_lambda_host.environment import LambdaFunction
from kaftalk_lambda_host.host import LambdaHost, Notification
from kaftalk_lambda_host.settings import Settings
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.serving import Listener
from kaftalk_runtime.tasks import Tasks


class App:
    """The Lambda host."""

    def __init__(self, settings: Settings) -> None:
        topic = settings.s3_events_topic
        self._host = LambdaHost(
            settings.kafka(),
            Notification(topic, f"{topic}.dead", settings.lambda_prefix),
            LambdaFunction(settings.lambda_handler, environment=settings.function_environment()),
            settings.lambda_folder,
            environments=settings.lambda_environments,
        )
        self._health = Health({"kafka": self._consumes})
        self._tasks = Tasks()
        self.public: Listener | None = None
        self.internal = Listener(internal_app(self._health), settings.internal_listen, tls=settings.internal_tls)

    async def start(self) -> None:
        """Begin to take events."""
        self._tasks.run("health", self._health.watch)
        self._tasks.run("host", self._host.run)

    async def drain(self) -> None:
        """Be unready."""
        self._health.drain()

    async def stop(self) -> None:
        """Drop what is under way, which will be taken up again."""
        await self._tasks.stop()

    async def _consumes(self) -> bool:
        return self._host.ready
