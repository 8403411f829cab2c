"""A whole client, written from the contract: keeps positions, resumes, fills gaps, resends, takes releases.

For tests under faults and in quiet hours.
"""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import websockets

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.history import How, Seen, Sent, View

RESEND_AFTER_S = 10.0
UNANSWERED_MAX = 32
PASSING = {"unavailable", "unknown_outcome", "rate_limited"}
_TROUBLE = (OSError, TimeoutError, httpx.HTTPError, websockets.WebSocketException)


@dataclass(slots=True)
class _Outgoing:
    room: str
    n: int
    text: str
    media: tuple[str, ...]
    done: "asyncio.Future[Sent]"
    sent_at: float = 0.0


class ChatClient:
    """Connects for ever until `stop`; `send` gives a future, `view` is what the person would see."""

    def __init__(self, account: Account, ws_url: Callable[[], str], rooms: dict[str, tuple[int, int]]) -> None:
        self.account = account
        self.stream = str(uuid.uuid4())
        self.view = View(str(account.user["username"]), user=account.id)
        self.view.whole = {room: seq for room, (_, seq) in rooms.items()}
        self.positions = dict(rooms)
        self.connects = 0
        self.kicked: dict[str, int] = {}
        self.resets: list[Frame] = []
        self.errors: list[Frame] = []
        self.repeats: list[Frame] = []
        """Events at or below the position: right after a page, and never otherwise."""
        self.alerts: list[Frame] = []
        self.releases: list[Frame] = []
        self.quiet: Frame = {"active": False}
        self.held: dict[str, Frame] = {}
        self.media: dict[str, list[str]] = {}
        """What was told of media objects, by their ids: statuses in the order of showing, `pending` left out."""
        self._focused: str | None = None
        self._ahead: dict[str, set[int]] = {}
        self._ws_url = ws_url
        self._outbox: dict[str, list[_Outgoing]] = {room: [] for room in rooms}
        self._counters = dict.fromkeys(rooms, 0)
        self._gaps: set[str] = set()
        self._wake = asyncio.Event()
        self._not_before: dict[str, float] = {}
        self._socket: ChatSocket | None = None
        self._stopping = False
        self._task = asyncio.create_task(self._run())

    def send(self, room: str, text: str, *media: str) -> "asyncio.Future[Sent]":
        """Send a message; the future resolves when it is acknowledged or definitely refused."""
        self._counters[room] += 1
        outgoing = _Outgoing(room, self._counters[room], text, media, asyncio.get_running_loop().create_future())
        self._outbox[room].append(outgoing)
        self._wake.set()
        return outgoing.done

    def history(self, sent: "list[asyncio.Future[Sent]]") -> list[Sent]:
        """Give what became of messages; what is unanswered is unknown."""
        waiting = [o for outbox in self._outbox.values() for o in outbox]
        open_sends = {id(o.done): Sent(o.room, self.account.id, f"{self.stream}:{o.n}", "unknown") for o in waiting}
        return [future.result() if future.done() else open_sends[id(future)] for future in sent]

    async def caught_up(self, room: str, seq: int, timeout_s: float = 60.0) -> None:
        """Wait until everything up to `seq` has been shown, or the room is cut.

        Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            while self.positions[room][1] < seq and room not in self.view.cut:
                await asyncio.sleep(0.05)

    async def focus(self, room: str | None) -> None:
        """Open a room, or close the one that is open."""
        self._focused = room
        if self._socket is not None:
            await self._socket.send({"t": "focus", "room": room})

    async def stop(self) -> None:
        """End the client."""
        self._stopping = True
        # A task group that fails while it is cancelled forgets the cancellation (python/cpython#116720).
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1)

    async def cut(self) -> None:
        """Drop the connection without a close, as a dying network does."""
        if self._socket is not None:
            self._socket.connection.transport.abort()

    # --- the connection ---

    async def _run(self) -> None:
        delay_s = 0.5
        while not self._stopping:
            with contextlib.suppress(*_TROUBLE):
                await self._connected()
                delay_s = 0.5
            self._socket = None
            await asyncio.sleep(random.uniform(0.05, delay_s))
            delay_s = min(4.0, delay_s * 2)

    async def _connected(self) -> None:
        resume = {room: position for room, position in self.positions.items() if room not in self.view.cut}
        socket = await ChatSocket.open(self._ws_url(), self.account, stream=self.stream, resume=resume)
        self.connects += 1
        try:
            for room in self._outbox:
                self._hold(room)
            self._socket = socket
            self._gaps.clear()
            if self._focused is not None:
                await socket.send({"t": "focus", "room": self._focused})
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(socket))
                group.create_task(self._read(socket))
        except* _TROUBLE:
            pass
        finally:
            self._socket = None
            await socket.connection.close()

    async def _write(self, socket: ChatSocket) -> None:
        """Send what is unanswered in order, again once the oldest has to be, and only then anything new; as allowed."""
        loop = asyncio.get_running_loop()
        welcome = next(frame for frame in socket.seen if frame["t"] == "welcome")
        pause_s, next_at = 1 / welcome["limits"]["sends_per_s"], loop.time()
        while True:
            outgoing = self._next(loop.time())
            if outgoing is None:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await self._wake.wait()
                continue
            outgoing.sent_at = loop.time()
            frame = {"t": "send", "room": outgoing.room, "n": outgoing.n, "text": outgoing.text}
            media = {"media": list(outgoing.media)} if outgoing.media else {}
            await socket.send({**frame, **media, "id": f"{outgoing.room}:{outgoing.n}"})
            # A second's worth may go at once.
            next_at = max(next_at + pause_s, loop.time() - 1)
            await asyncio.sleep(max(0.0, next_at - loop.time()))

    def _next(self, now: float) -> _Outgoing | None:
        for room, outbox in self._outbox.items():
            if outbox and outbox[0].sent_at and now - outbox[0].sent_at >= RESEND_AFTER_S:
                self._hold(room)
            waiting = next((outgoing for outgoing in outbox[:UNANSWERED_MAX] if not outgoing.sent_at), None)
            if waiting is not None and now >= self._not_before.get(room, 0):
                return waiting
        return None

    def _hold(self, room: str, retry_after_s: float = 0.0) -> None:
        """Let nothing new of a room out before what is unanswered has been sent again."""
        for outgoing in self._outbox[room]:
            outgoing.sent_at = 0.0
        self._not_before[room] = asyncio.get_running_loop().time() + retry_after_s

    async def _read(self, socket: ChatSocket) -> None:
        last_ping = 0.0
        while True:
            try:
                frame = await socket.next(5.0)
            except TimeoutError:
                if last_ping:
                    raise
                last_ping = 1.0
                await socket.send({"t": "ping", "id": "alive"})
                continue
            last_ping = 0.0
            await self._take(socket, frame)

    async def _take(self, socket: ChatSocket, frame: Frame) -> None:
        match frame["t"]:
            case "event":
                await self._take_event(socket, frame)
            case "ack" | "error":
                self._take_answer(frame)
            case "resumed":
                self._move(frame["room"], frame["epoch"], frame["to"])
            case "reset":
                self._take_reset(frame)
            case "room" if frame["change"] == "removed":
                self._forget(frame["room"]["id"])
            case "page":
                await self._take_page(socket, frame)
            case "release":
                await self._take_release(socket, frame)
            case "quiet" | "held" | "alert":
                self._take_quiet(frame)

    # --- what is shown ---

    async def _take_event(self, socket: ChatSocket, frame: Frame) -> None:
        room, seq, prev = frame["room"], frame["seq"], frame["prev"]
        if frame["e"]["k"] == "kick" and frame["e"]["user"] == self.account.id:
            self.kicked[room] = seq
        if room not in self.positions or seq <= self.positions[room][1]:
            self.repeats.append(frame)
            return
        if frame.get("past_hold"):
            self._show(room, frame, "past_hold")
            return
        if room in self._gaps:
            return
        if prev is not None and prev > self.positions[room][1]:
            await self._fill_gap(socket, room)
            return
        self._show(room, frame, "live")
        self._move(room, frame["epoch"], seq)

    def _take_reset(self, frame: Frame) -> None:
        """A room that is no longer one's own is forgotten; any other reset would be a hole that tests must see."""
        self.resets.append(frame)
        if frame["reason"] == "not_member":
            self._forget(frame["room"])

    def _forget(self, room: str) -> None:
        """Expect nothing of a room any more, and nothing above where one is."""
        self.view.cut.setdefault(room, self.positions[room][1])
        self.view.whole.pop(room, None)

    async def _fill_gap(self, socket: ChatSocket, room: str) -> None:
        self._gaps.add(room)
        after = self.positions[room][1]
        await socket.send({"t": "history", "id": f"gap:{room}", "room": room, "after": after, "limit": 200})

    async def _take_page(self, socket: ChatSocket, page: Frame) -> None:
        room = page["room"]
        for item in page["items"]:
            if item["seq"] > self.positions[room][1]:
                self._show(room, item, "page")
        if page["from"] <= self.positions[room][1] < page["to"]:
            self._move(room, page["epoch"], page["to"])
        if page["has_after"]:
            await self._fill_gap(socket, room)
        else:
            self._gaps.discard(room)

    async def _take_release(self, socket: ChatSocket, frame: Frame) -> None:
        """Show what was held; the positions move with the last part, and older items are asked for."""
        self.releases.append(frame)
        self.view.holds.append(tuple(frame["window"]))
        parts = [part for part in self.releases if part["release_id"] == frame["release_id"]]
        for released in frame["rooms"]:
            room = released["room"]
            if room in self.positions and released["from"] > self.positions[room][1]:
                await self._fill_gap(socket, room)
            elif room in self.positions and room not in self._gaps:
                for item in released["items"]:
                    if item["seq"] > self.positions[room][1]:
                        self._show(room, item, "release")
        if {part["part"] for part in parts} == set(range(1, frame["of"] + 1)):
            for released in (released for part in parts for released in part["rooms"]):
                if released["room"] not in self._gaps:
                    self._move(released["room"], released["epoch"], released["to"])

    def _take_quiet(self, frame: Frame) -> None:
        match frame["t"]:
            case "quiet":
                self.quiet = frame
            case "alert":
                self.alerts.append(frame)
            case "held":
                self.held |= frame["rooms"]
                self.held = {room: held for room, held in self.held.items() if held["count"] and frame["total"]}

    def _show(self, room: str, event: dict[str, Any], how: How) -> None:
        """Show a message once; what was shown before its turn stays where it is when its turn comes."""
        record, seq = event["e"], event["seq"]
        ahead = self._ahead.setdefault(room, set())
        if record["k"] == "message" and seq not in ahead:
            quiet = self.quiet["active"] and room != self._focused
            self.view.seen.append(Seen(room, seq, record["by"], record["id"], event["ts"], how, quiet))
        elif record["k"] == "kick" and record["user"] == self.account.id:
            self.view.cut[room] = seq
            self.view.whole.pop(room, None)
        if how in ("past_hold", "release"):
            ahead.add(seq)
        self._note_media(record)

    def _note_media(self, record: dict[str, Any]) -> None:
        told = [(record["media"], record["status"])] if record["k"] == "media" else []
        if record["k"] == "message":
            told = [(part["id"], part["status"]) for part in record["media"] if part["status"] != "pending"]
        for media, status in told:
            self.media.setdefault(media, []).append(status)

    def _move(self, room: str, epoch: int, seq: int) -> None:
        if room in self.positions:
            position = max(seq, self.positions[room][1])
            self.positions[room] = (epoch, position)
            self._ahead[room] = {ahead for ahead in self._ahead.get(room, ()) if ahead > position}

    # --- what was sent ---

    def _take_answer(self, frame: Frame) -> None:
        room, _, n = frame.get("id", "").rpartition(":")
        outgoing = next((o for o in self._outbox.get(room, []) if str(o.n) == n), None)
        if frame["t"] == "error":
            self.errors.append(frame)
        if outgoing is None:
            return
        if frame["t"] == "error" and frame["code"] in PASSING:
            for held in self._outbox if frame["code"] == "rate_limited" else [room]:
                self._hold(held, frame.get("retry_after_ms", 1_000) / 1_000)
            return
        outcome = "ok" if frame["t"] == "ack" else "fail"
        self._outbox[room].remove(outgoing)
        self._wake.set()
        message = f"{self.stream}:{outgoing.n}"
        outgoing.done.set_result(Sent(room, self.account.id, message, outcome, frame.get("seq")))  # type: ignore[arg-type]
