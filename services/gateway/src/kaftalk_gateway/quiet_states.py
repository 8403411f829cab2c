"""The quiet hours of the members here: what dnd-batch tells, what the clock brings, what is read again."""

import asyncio
import heapq
from collections.abc import Callable, Iterable

from kaftalk_gateway.connection import Member
from kaftalk_gateway.held_counts import NOTHING_HELD
from kaftalk_gateway.holding import Holding
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.quiet_lookup import QuietLookup
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import QuietState

_AHEAD_MS = 60_000
_SWEEP_EVERY_S = 20.0
_REPAIR_EVERY_S = 5.0
_REPAIRED_A_ROUND = 200
_WAIT_MAX_S = 0.25
_MEMBERS_A_ROUND = 100


class QuietHours:
    """Carries out the states of members; only what dnd-batch says ends a hold."""

    def __init__(self, hub: Hub, holding: Holding, lookup: QuietLookup, now_ms: Callable[[], int]) -> None:
        self._hub = hub
        self._holding = holding
        self._lookup = lookup
        self._now_ms = now_ms
        self._due: list[tuple[int, UserId]] = []
        self._wake = asyncio.Event()
        self._turn = 0
        self.on_change: list[Callable[[Member], None]] = []

    def take(self, state: QuietState) -> None:
        """Take a state that was told; also for a user who is just being admitted."""
        for notes in self._hub.admitting_quiet.get(state.user, ()):
            notes.append(state)
        member = self._hub.members.get(state.user)
        if member is not None:
            self.settle(member, state)

    def settle(self, member: Member, state: QuietState | None) -> None:
        """Let a member's quiet hours be what they are by now; older news are ignored."""
        if not member.quiet.take(state):
            return
        if member.quiet.is_to_end():
            self._holding.end(member)
            member.write(NOTHING_HELD)
        self.advance(member)
        self.changed(member)

    def changed(self, member: Member) -> None:
        """Tell the other parts that a member's state is another."""
        for hook in self.on_change:
            hook(member)

    def advance(self, member: Member) -> None:
        """Do what is due by now for a member."""
        now_ms = self._now_ms()
        plan = member.quiet.plan
        if plan is not None and member.quiet.is_to_arm(now_ms):
            self._holding.arm(member, plan)
        told = member.quiet.tell(now_ms)
        if told is not None:
            member.write(told.encode())
        self._schedule(member, now_ms)

    def _schedule(self, member: Member, now_ms: int) -> None:
        """Remember what is due soon; what is due later is found by the sweep."""
        due_ms = member.quiet.due_ms(now_ms)
        if due_ms is not None and due_ms <= now_ms + _AHEAD_MS and due_ms != member.quiet.scheduled_ms:
            member.quiet.scheduled_ms = due_ms
            heapq.heappush(self._due, (due_ms, member.user))
            self._wake.set()

    # --- by the clock ---

    async def run_forever(self) -> None:
        """Do what is due when it is; many begin at the same minute, and live traffic goes between them."""
        while True:
            await self.run_due()
            ahead_ms = self._due[0][0] - self._now_ms() if self._due else 1_000
            self._wake.clear()
            try:
                async with asyncio.timeout(min(_WAIT_MAX_S, max(0.005, ahead_ms / 1000))):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def run_due(self) -> None:
        """Do all that is due."""
        done = 0
        while self._due and self._due[0][0] <= self._now_ms():
            due_ms, user = heapq.heappop(self._due)
            member = self._hub.members.get(user)
            if member is not None and member.quiet.scheduled_ms == due_ms:
                member.quiet.scheduled_ms = None
                self.advance(member)
                done += 1
                if done % _MEMBERS_A_ROUND == 0:
                    await asyncio.sleep(0)

    async def sweep_forever(self) -> None:
        """Look for what is due in the next minute; a clock that was set back is met here too."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            now_ms = self._now_ms()
            for at, member in enumerate(list(self._hub.members.values())):
                if member.quiet.due_ms(now_ms) is not None:
                    self._schedule(member, now_ms)
                if at % _MEMBERS_A_ROUND == 0:
                    await asyncio.sleep(0)

    async def repair_forever(self) -> None:
        """Read again what may have been missed: ends that are overdue, states that are unknown, all others in turn."""
        while True:
            await asyncio.sleep(_REPAIR_EVERY_S)
            await self.repair(self._suspects())

    def _suspects(self) -> list[UserId]:
        now_ms, members = self._now_ms(), list(self._hub.members.values())
        found = {member.user for member in members if not member.quiet.known or member.quiet.is_overdue(now_ms)}
        in_turn = members[self._turn : self._turn + _REPAIRED_A_ROUND]
        self._turn = self._turn + len(in_turn) if len(in_turn) == _REPAIRED_A_ROUND else 0
        return list(found.union(member.user for member in in_turn))

    async def repair(self, users: Iterable[UserId]) -> None:
        """Read states again; what was told meanwhile is newer."""
        before = {user: self._hub.members[user].quiet.changes for user in users if user in self._hub.members}
        for user, state in (await self._lookup.of(before)).items():
            member = self._hub.members.get(user)
            if member is not None and member.quiet.changes == before[user] and not _is_same(member, state):
                self.settle(member, state)


def _is_same(member: Member, state: QuietState | None) -> bool:
    return member.quiet.known and member.quiet.state == state
