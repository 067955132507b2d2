"""The hub of an API process: follows the log while somebody listens, and tells each seat the changes it may see.

Takes events from NATS while that is up, and fills what is missing from the log; without NATS it follows the log alone.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import structlog
from nats.aio.client import Client

from supportix.commands.desk import SupportDesk
from supportix.domain.agent import Agent, AgentJoinedDepartment, AgentLeftDepartment
from supportix.domain.aggregate import DomainEvent
from supportix.domain.errors import NotFound
from supportix.identity.roles import Role
from supportix.identity.tokens import Principal
from supportix.realtime.catch_up import MOST_REPLAYED_EVENTS, changes_between
from supportix.realtime.frames import CloseCode, Cursor
from supportix.realtime.history_id import history_id
from supportix.realtime.intake import Intake
from supportix.realtime.levels import Levels
from supportix.realtime.publication import readable_after
from supportix.realtime.seats import Change, Seat, Seating
from supportix.realtime.ticket_changes import TicketStates
from supportix.store.feed import PAGE, POLL_SECONDS, LogFeed

STARTS_BACK_EVENTS = 2_000
"""The hub begins this far before the read models' position, to have changes ready for those who reconnect."""
KEPT_CHANGES = 10_000
REPLAYS_AT_ONCE = 4
RETRY_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Hub:
    """Starts with the first seat that is taken, and rests when the last one is free again."""

    def __init__(self, desk: SupportDesk, feed: LogFeed, nats: Client | None) -> None:
        self.epoch = ""
        self.position = 0
        self._desk = desk
        self._feed = feed
        self._intake = Intake(nats) if nats else None
        self._seating = Seating()
        self._states = TicketStates(desk.reading, "")
        self._recent: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._recent_from = 0
        self._moved = asyncio.Event()
        self._changing = asyncio.Lock()
        self._replaying = asyncio.Semaphore(REPLAYS_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []
        self.levels = Levels(desk.pool, lambda: (self.epoch, self.position))

    @asynccontextmanager
    async def seat(self, principal: Principal) -> AsyncIterator[Seat]:
        """A seat for as long as its connection lasts. Raises psycopg.Error where the log can't be read."""
        async with self._changing:
            if not self._tasks:
                await self._start()
            seat = Seat(principal, await self._departments_of(principal))
            self._seating.add(seat)
        try:
            yield seat
        finally:
            self._seating.remove(seat)
            async with self._changing:
                if not len(self._seating):
                    await self._rest()

    async def close(self) -> None:
        """End all seats: the process stops, others go on."""
        for seat in self._seating:
            seat.end(CloseCode.RESTART, "this server restarts; connect again and resume")
        async with self._changing:
            await self._rest()

    def vouch(self, seat: Seat, principal: Principal) -> None:
        """Let the seat's person stay with a fresh token, under the role that it says."""
        self._seating.remove(seat)
        seat.principal = principal
        seat.sit(seat.department_ids)
        self._seating.add(seat)

    async def missed(self, cursor: Cursor) -> Sequence[Change] | str:
        """The tickets' changes from the cursor to where the hub stands; why there are none where they can't be told.

        Nothing is awaited between the hub's position at the end and the return: what comes later is in the outboxes.
        """
        if cursor.epoch != self.epoch:
            return "the position belongs to another history of the log"
        if cursor.position > self.position and not await self._reach(cursor.position):
            return "the log has no such position"
        if cursor.position >= self._recent_from:
            return [change for change in self._recent if change.position > cursor.position]
        until = self._recent_from
        if self.position - cursor.position > MOST_REPLAYED_EVENTS:
            return f"more than {MOST_REPLAYED_EVENTS} events happened since"
        async with self._replaying:
            older = await changes_between(self._desk.reading, self._feed, self.epoch, cursor.position, until)
        return older + [change for change in self._recent if change.position > until]

    async def _start(self) -> None:
        self.epoch = await history_id(self._desk.pool)
        self.position = self._recent_from = await self._starting_position()
        self._states = TicketStates(self._desk.reading, self.epoch)
        self._recent.clear()
        if self._intake:
            await self._intake.open()
        head = await self._desk.reading.head()
        while self.position < head:
            await self._read_log()
        self._tasks = [
            asyncio.create_task(self._follow(), name="hub-follow"),
            asyncio.create_task(self.levels.tell(self._seating.tell), name="hub-levels"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def _rest(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._intake:
            await self._intake.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A fault of ours must not leave people in front of a picture that no longer moves."""
        if task.cancelled() or task.exception() is None:
            return
        _log.error("the hub has failed", exc_info=task.exception())
        for seat in self._seating:
            seat.end(CloseCode.FAULT, "something went wrong here; connect again and resume")

    async def _follow(self) -> None:
        while True:
            try:
                await self._advance()
            except (psycopg.Error, OSError) as error:
                _log.warning("the log can't be read; trying again", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
                await self._check_history()

    async def _advance(self) -> None:
        events = self._intake.after(self.position) if self._intake else []
        if not events and not (self._intake and self._intake.has_gap):
            await self._pause()
            events = self._intake.after(self.position) if self._intake else []
        if events:
            await self._take_in(events)
        else:
            await self._read_log()

    async def _pause(self) -> None:
        """Until something has likely happened. Reading the log in between makes sure of it, NATS or not."""
        if self._intake:
            await self._intake.open()
            if self._intake.is_flowing:
                await self._intake.wait(POLL_SECONDS)
                return
        await self._feed.wait(self.position)

    async def _read_log(self) -> None:
        entries = await readable_after(self._desk.reading, self._feed, self.position, PAGE)
        if entries:
            await self._take_in([(entry.position, entry.event) for entry in entries])
        elif self._intake:
            self._intake.forget()

    async def _take_in(self, events: Sequence[tuple[int, DomainEvent]]) -> None:
        await self._states.prepare(events)
        for position, event in events:
            found = self._states.change(position, event)
            self.levels.touch(position, event, found[1] if found else frozenset())
            if isinstance(event.fact, AgentJoinedDepartment | AgentLeftDepartment):
                self._change_departments(event)
            self.position = position
            if found:
                self._recent.append(found[0])
                self._seating.tell(found[0])
        if len(self._recent) == KEPT_CHANGES:
            self._recent_from = max(self._recent_from, self._recent[0].position)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _reach(self, position: int) -> bool:
        """Wait until the hub has come that far. False where the log doesn't."""
        if position > await self._desk.reading.head():
            return False
        while self.position < position:
            await self._moved.wait()
        return True

    async def _starting_position(self) -> int:
        head = await self._desk.reading.head()
        projected = await self.levels.reached()
        return max(0, head - KEPT_CHANGES, min(head, projected) - STARTS_BACK_EVENTS)

    async def _departments_of(self, principal: Principal) -> frozenset:
        if principal.role is not Role.AGENT:
            return frozenset()
        try:
            agent = await self._desk.load(Agent, principal.account_id)
        except NotFound:
            return frozenset()
        return frozenset(agent.department_ids)

    def _change_departments(self, event: DomainEvent) -> None:
        fact = event.fact
        for seat in self._seating.of(event.originator_id):
            if isinstance(fact, AgentJoinedDepartment):
                self._seating.move(seat, seat.department_ids | {fact.department_id})
            elif isinstance(fact, AgentLeftDepartment):
                self._seating.move(seat, seat.department_ids - {fact.department_id})

    async def _check_history(self) -> None:
        """After an outage the database may be another one, or an earlier state of it: then all begin anew."""
        with contextlib.suppress(psycopg.Error, OSError):
            if await history_id(self._desk.pool) != self.epoch:
                for seat in self._seating:
                    seat.end(CloseCode.RESTART, "the log was set back; connect again")
