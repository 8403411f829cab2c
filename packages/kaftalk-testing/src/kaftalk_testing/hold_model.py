"""Models around a gateway's holds: a room's log, a client by the contract, a loop in which waiting takes no time."""

import asyncio
import json
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from kaftalk_protocol.deliveries import DELETION, EDIT, RoomEvent
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.server_frames import event_frame, event_ts

Frame = dict[str, Any]


class WarpLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time."""

    def __init__(self) -> None:
        self.now = 1_000.0
        super().__init__(_Warp(self))

    def time(self) -> float:
        return self.now


class _Warp(selectors.SelectSelector):
    def __init__(self, loop: WarpLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self._loop.now += timeout
        return super().select(0)


def warped(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = WarpLoop()
    try:
        loop.run_until_complete(work())
    finally:
        loop.close()


@dataclass
class Log:
    """One room's log; the view shows all of it at once, the gateway gets it when it is delivered."""

    room: RoomId
    events: list[RoomEvent] = field(default_factory=list)
    delivered: int = 0

    def append(self, ts: int, record: Frame) -> int:
        seq = 2 * len(self.events) + 1  # what lies between is void
        prev = seq - 2 if self.events else None
        flags = {"delete": DELETION, "edit": EDIT}.get(record["k"], 0)
        written = json.dumps({"v": 1, **record}, separators=(",", ":")).encode()
        frame = event_frame(self.room, 0, seq, prev, ts, written)
        self.events.append(RoomEvent(self.room, 0, seq, prev, flags, frame))
        return seq

    @property
    def head(self) -> int:
        return self.events[-1].seq if self.events else -1

    def floor(self, start_ms: int) -> int:
        first = next((e for e in self.events if event_ts(e.frame) >= start_ms), None)
        return self.head if first is None else first.seq - 1 if first.prev is None else first.prev

    def texts(self, after: int = -1) -> dict[int, str]:
        """Give all messages above a seq as of now, without the deleted ones."""
        found: dict[int, str] = {}
        for event in self.events:
            record = json.loads(event.frame)["e"]
            if record["k"] == "message":
                found[event.seq] = record["text"]
            elif record["k"] == "edit" and record["target"] in found:
                found[record["target"]] = record["text"]
            elif record["k"] == "delete":
                found.pop(record["target"], None)
        return {seq: text for seq, text in found.items() if seq > after}

    def read_by(self, user: UserId) -> int:
        """Give how far a member has read by writing."""
        records = [(event.seq, json.loads(event.frame)["e"]) for event in self.events]
        return max((seq for seq, record in records if record["k"] == "message" and record["by"] == user), default=-1)


class Gateway(Protocol):
    """What a client model asks of the world around it."""

    logs: dict[RoomId, Log]

    def may_hear(self, client: "Client", room: RoomId, seq: int) -> bool:
        """Tell whether a message may come as it is while the client has been told of quiet hours."""

    def saw(self, room: RoomId, seq: int) -> None:
        """Take that the person looked herself."""


class Client:
    """A client by the contract; as a socket it takes frames, and `history` is answered at once."""

    def __init__(self, gateway: Gateway, user: UserId, name: str) -> None:
        self.gateway = gateway
        self.user = user
        self.positions = dict.fromkeys(gateway.logs, -1)
        self.texts: dict[RoomId, dict[int, str]] = {room: {} for room in gateway.logs}
        self.pushed: list[tuple[RoomId, int]] = []
        self.inside: list[Frame] = []
        self.is_quiet = False
        self.pages = 0
        self.releases: list[str] = []
        self.held: dict[str, Any] = {}
        self.congested = False
        self.last_received = 0.0
        self.on_text: Callable[[str], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self.name = name

    def write_prepared(self, frame: bytes) -> None:
        while frame:
            at = {126: 4, 127: 10}.get(frame[1], 2)
            size = int.from_bytes(frame[2:at], "big") if at > 2 else frame[1]
            self.write(frame[at : at + size])
            frame = frame[at + size :]

    def write(self, payload: bytes) -> None:
        frame = json.loads(payload)
        getattr(self, f"on_{frame['t']}", lambda _: None)(frame)

    def flush(self) -> None: ...

    def ping(self) -> None: ...

    def close(self, code: int, reason: str) -> None:
        raise AssertionError((code, reason))

    def on_quiet(self, frame: Frame) -> None:
        self.is_quiet = frame["active"]

    def on_event(self, frame: Frame) -> None:
        room, seq = frame["room"], frame["seq"]
        if frame.get("past_hold"):
            if seq > self.positions[room]:
                self.apply(room, seq, frame["e"])
            return
        if self.is_quiet and frame["e"]["k"] == "message" and not self.gateway.may_hear(self, room, seq):
            self.inside.append(frame)
        if seq <= self.positions[room]:
            return
        if frame["prev"] is not None and frame["prev"] > self.positions[room]:
            self.page(room)
            return
        self.note(room, seq, frame["e"])
        self.apply(room, seq, frame["e"])
        self.positions[room] = seq

    def on_resumed(self, frame: Frame) -> None:
        self.positions[frame["room"]] = max(self.positions[frame["room"]], frame["to"])

    def on_reset(self, frame: Frame) -> None:
        raise AssertionError(frame)

    def on_release(self, frame: Frame) -> None:
        self.releases.append(frame["release_id"])
        for room in frame["rooms"]:
            if room["from"] > self.positions[room["room"]]:
                self.page(room["room"])
            for item in room["items"]:
                if item["seq"] > self.positions[room["room"]]:
                    self.note(room["room"], item["seq"], item["e"])
                    self.texts[room["room"]][item["seq"]] = item["e"]["text"]
            self.positions[room["room"]] = max(self.positions[room["room"]], room["to"])

    def note(self, room: RoomId, seq: int, record: Frame) -> None:
        if record["k"] == "message" and record["by"] != self.user:
            assert (room, seq) not in self.pushed, "shown twice"
            self.pushed.append((room, seq))

    def apply(self, room: RoomId, seq: int, record: Frame) -> None:
        texts = self.texts[room]
        if record["k"] == "message":
            texts[seq] = record["text"]
        elif record["k"] == "edit" and record["target"] in texts:
            texts[record["target"]] = record["text"]
        elif record["k"] == "delete":
            texts.pop(record["target"], None)

    def page(self, room: RoomId) -> None:
        """Load the room as of now, as one does at a gap or when a room is opened."""
        self.pages += 1
        log = self.gateway.logs[room]
        self.texts[room] = log.texts()
        self.positions[room] = max(self.positions[room], log.head)
        self.gateway.saw(room, log.head)
