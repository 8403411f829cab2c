"""The public door: handshakes at `/ws`, the frames of open sockets, and sending everybody elsewhere at the end."""

import asyncio
import itertools
import random
import secrets
from collections.abc import Coroutine
from functools import partial
from typing import assert_never

from starlette import types as asgi

from kaftalk_gateway import metrics
from kaftalk_gateway.admission import Admission
from kaftalk_gateway.annotations import Annotations
from kaftalk_gateway.connection import Connection
from kaftalk_gateway.guarded_protocol import EXTENSION
from kaftalk_gateway.handshake import PATH, SUBPROTOCOL, Handshakes, Problem, problem
from kaftalk_gateway.heartbeat import Wheel
from kaftalk_gateway.holding import Holding
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.newcomers import Newcomers
from kaftalk_gateway.presence import Presences
from kaftalk_gateway.publisher import Publisher
from kaftalk_gateway.questions import Questions
from kaftalk_gateway.rates import Rate
from kaftalk_gateway.resume import Resumer
from kaftalk_gateway.session import Act, Admit, Effect, Session, State, TurnedAway
from kaftalk_gateway.signals import Signalling
from kaftalk_protocol import server_frames
from kaftalk_protocol.client_frames import (
    Active,
    AnyClientFrame,
    Delete,
    Edit,
    Focus,
    Hello,
    History,
    Ping,
    React,
    Read,
    Resume,
    Send,
    Typing,
    Watch,
)
from kaftalk_protocol.errors import CloseCode, Code, Refused
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger

STUCK_S = 10.0

_log = get_logger(__name__)


class Endpoint:
    """The ASGI app of the public listener."""

    def __init__(  # noqa: PLR0913 - every kind of frame has its taker
        self,
        *,
        hub: Hub,
        handshakes: Handshakes,
        admission: Admission,
        publisher: Publisher,
        newcomers: Newcomers,
        annotations: Annotations,
        questions: Questions,
        signalling: Signalling,
        presences: Presences,
        resumer: Resumer,
        holding: Holding,
        sends: Rate,
        clock: Clock,
    ) -> None:
        self._hub = hub
        self._handshakes = handshakes
        self._admission = admission
        self._publisher = publisher
        self._newcomers = newcomers
        self._annotations = annotations
        self._questions = questions
        self._signalling = signalling
        self._presences = presences
        self._resumer = resumer
        self._holding = holding
        self._sends = sends
        self._clock = clock
        self._wheel: Wheel | None = None
        self._names = itertools.count()
        self._run = secrets.token_hex(4)
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow: dict[Connection, None] = {}

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serve one handshake or request."""
        if scope["type"] == "http":
            await _answer(send, "http", _not_a_handshake(scope["path"]))
            return
        await receive()
        refused = self._handshakes.refusal(scope, _now())
        if refused is not None:
            metrics.handshakes_refused.labels(str(refused.status)).inc()
            await _answer(send, "websocket.http", refused)
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        connection = self._open(scope)
        try:
            await self._receive(connection, receive)
        finally:
            self._gone(connection)

    # --- a connection's life ---

    def _open(self, scope: asgi.Scope) -> Connection:
        now = _now()
        socket = scope["extensions"][EXTENSION]
        connection = Connection(f"{self._run}-{next(self._names)}", socket, Session(now, self._sends))
        socket.on_text = partial(self._text, connection)
        socket.on_drained = partial(self._drained, connection)
        self._hub.connections[connection.key] = connection
        if self._wheel is None:
            self._wheel = Wheel(now)
        self._wheel.add(connection, now)
        metrics.connections.set(len(self._hub.connections))
        return connection

    async def _receive(self, connection: Connection, receive: asgi.Receive) -> None:
        """Wait for the end; texts come by `on_text`, but those that were sent before it was set."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is not None:
                self._text(connection, text)
            else:
                connection.close(CloseCode.BAD_FRAME, "only text frames are read")

    def _gone(self, connection: Connection) -> None:
        connection.session.gone()
        connection.socket.on_text = connection.socket.on_drained = None
        if connection.member is not None:
            self._publisher.left(connection)
        self._slow.pop(connection, None)
        self._start(self._admission.leave(connection))
        metrics.connections.set(len(self._hub.connections))

    def _drained(self, connection: Connection) -> None:
        connection.slow_since = None
        self._resumer.go_on(connection)

    # --- frames ---

    def _text(self, connection: Connection, text: str) -> None:
        self._perform(connection, connection.session.receive(text, _now()))

    def _perform(self, connection: Connection, effect: Effect | None) -> None:
        match effect:
            case Admit(hello):
                self._start(self._admit(connection, hello))
            case Act(frame):
                metrics.frames_in.labels(frame.t).inc()
                self._act(connection, frame)
            case TurnedAway(frame=frame):
                connection.apply(effect)
                if frame.room in connection.rooms:
                    self._publisher.turned_away(connection, frame)
            case _:
                connection.apply(effect)

    async def _admit(self, connection: Connection, hello: Hello) -> None:
        try:
            admitted = await self._admission.admit(connection, hello)
        except Exception as error:  # noqa: BLE001 - the edge of a task
            _log.error("admission_failed", exc_info=error)
            connection.close(CloseCode.LOST, "the session could not be opened")
            return
        while admitted and (effect := connection.session.next_waiting(_now())) is not None:
            self._perform(connection, effect)

    def _act(self, connection: Connection, frame: AnyClientFrame) -> None:
        match frame:
            case Send() | Edit() | Delete() | React() | History() | Read() | Typing():
                self._in_room(connection, frame)
            case Focus(room=room):
                if room is not None and room not in connection.rooms:
                    self._questions.foreign(connection, RoomId(room), None)
                else:
                    self._holding.focus(connection, RoomId(room) if room is not None else None)
            case Active(on=on):
                self._presences.active(connection, on)
            case Watch():
                self._presences.watch(connection, frame)
            case Resume(resume=given):
                self._admission.resume(connection, given)
            case Ping(id=frame_id):
                connection.write(server_frames.Pong(id=frame_id, now=self._clock.now_ms()).encode())
            case Hello():
                raise AssertionError("a session takes one hello only")
            case _:
                assert_never(frame)

    def _in_room(self, connection: Connection, frame: Send | Edit | Delete | React | History | Read | Typing) -> None:
        match frame:
            case Send():
                self._newcomers.send(connection, frame)
            case History():
                # The rights are looked up with the page: who has just joined may read already.
                self._questions.history(connection, frame)
            case _ if frame.room not in connection.rooms:
                self._questions.foreign(connection, RoomId(frame.room), getattr(frame, "id", None))
            case Edit() | Delete() | React():
                self._annotations.take(connection, frame)
            case Read():
                self._questions.read(connection, frame)
            case Typing():
                self._signalling.typing(connection, frame)

    # --- by the clock ---

    def tick(self, now: float) -> None:
        """Ping, close who does not answer, and who has been stuck for too long."""
        if self._wheel is not None:
            self._wheel.turn(now)
        for connection in self._hub.connections.values():
            if connection.socket.congested:
                self._slow.setdefault(connection, None)
        for connection in list(self._slow):
            if not connection.socket.congested:
                connection.slow_since = None
                del self._slow[connection]
            elif connection.slow_since is None:
                connection.slow_since = now
            elif now - connection.slow_since > STUCK_S:
                connection.close(CloseCode.TOO_SLOW, "too slow a reader")

    async def drain(self, seconds: float) -> None:
        """Send everybody elsewhere: a `drain` frame each, with a moment of its own, then close 4000 in that order."""
        self._handshakes.draining = True
        leaving = [(random.uniform(0, seconds), connection) for connection in self._hub.connections.values()]
        leaving.sort(key=lambda pair: pair[0])
        for after_s, connection in leaving:
            if connection.session.state is State.OPEN:
                connection.session.drain()
                connection.write(server_frames.Drain(after_ms=round(after_s * 1000)).encode())
        started = _now()
        for after_s, connection in leaving:
            # A client that obeys is gone half a second after its moment.
            await asyncio.sleep(max(0.0, started + after_s + 0.5 - _now()))
            connection.close(CloseCode.DRAIN, "this gateway is going")

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _not_a_handshake(path: str) -> Problem:
    if path == PATH:
        return problem(Refused(Code.INVALID, "this is a WebSocket endpoint"), status=426)
    return problem(Refused(Code.NOT_FOUND, "there is nothing here"))


async def _answer(send: asgi.Send, kind: str, answer: Problem) -> None:
    await send({"type": f"{kind}.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": f"{kind}.response.body", "body": answer.body})
