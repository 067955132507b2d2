"""The hub of an API process: follows the log while somebody listens, and tells each seat the changes it may see.

Takes events from NATS while that is up, and fills what is missing from the log; without NATS it follows the log alone.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

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
from supportix.realtime.following import Events, Following
from supportix.realtime.frames import CloseCode, Cursor, Subscribe
from supportix.realtime.history_id import history_id
from supportix.realtime.levels import Levels
from supportix.realtime.plain_changes import plain_change
from supportix.realtime.seats import EVERYONE, MOST_SEATS_PER_ACCOUNT, Change, Joined, Seat, Seating, TooManySeats
from supportix.realtime.ticket_changes import TicketStates
from supportix.store.feed import LogFeed

STARTS_BACK_EVENTS = 2_000
"""The hub begins this far before the read models' position, to have changes ready for those who reconnect."""
KEPT_CHANGES = 10_000
MOST_AT_ONCE = 250
REPLAYS_AT_ONCE = 4
RETRY_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class LogSetBack(Exception):  # noqa: N818 - what happened to the log.
    """The log is another one than before, or was set back to an earlier state."""


class Hub:
    """Starts with the first seat that is taken, and rests when the last one is free again."""

    def __init__(self, desk: SupportDesk, feed: LogFeed, nats: Client | None) -> None:
        self.epoch = ""
        self.position = 0
        self._desk = desk
        self._feed = feed
        self._following = Following(feed, nats)
        self._seating = Seating()
        self._states = TicketStates(desk.reading, "")
        self._levels = self._new_levels()
        self._department_changes = 0
        self._recent: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._recent_from = 0
        self._moved = asyncio.Event()
        self._changing = asyncio.Lock()
        self._replaying = asyncio.Semaphore(REPLAYS_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def seat(self, principal: Principal) -> AsyncIterator[Seat]:
        """A seat for as long as its connection lasts. Raises TooManySeats, and psycopg.Error where the log is away."""
        if len(self._seating.of(principal.account_id)) >= MOST_SEATS_PER_ACCOUNT:
            raise TooManySeats
        async with self._changing:
            if not self._tasks or any(task.done() for task in self._tasks):
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

    def standing_of(self, seat: Seat) -> Cursor:
        """Where the seat's reader stands once its outbox is empty; at 0 before it has subscribed."""
        return Cursor(self.epoch, self.position if seat.is_subscribed else 0)

    def vouch(self, seat: Seat, principal: Principal) -> None:
        """Let the seat's person stay with a fresh token, under the role that it says."""
        self._seating.move(seat, principal, seat.department_ids)

    async def join(self, seat: Seat, wish: Subscribe) -> Joined:
        """Give the seat what it wishes, from the position in the answer on. What it missed before is in the answer."""
        trouble = await self._trouble_with(wish.resume) if wish.resume else None
        seat.subscribe(wish)  # From here on changes go to the outbox; those up to here are told by the answer.
        until, earlier = self.position, seat.drain()
        after = wish.resume.position if wish.resume and not trouble else until
        recent = [change for change in self._recent if after < change.position <= until]
        if after < self._recent_from:
            async with self._replaying:
                reading, upto = self._desk.reading, min(until, self._recent_from)
                recent = await changes_between(reading, self._feed, self.epoch, after, upto) + recent
        texts = [text for change in recent if (text := seat.text_for(change))]
        return Joined(until, earlier, texts, trouble)

    async def _trouble_with(self, cursor: Cursor) -> str | None:
        """Why a reader can't go on from there; None where it can."""
        if cursor.epoch != self.epoch:
            return "the position belongs to another history of the log"
        if cursor.position > self.position and not await self._reach(cursor.position):
            return "the log has no such position"
        if self.position - cursor.position > MOST_REPLAYED_EVENTS:
            return f"more than {MOST_REPLAYED_EVENTS} events happened since"
        return None

    def _new_levels(self) -> Levels:
        return Levels(self._desk.pool, lambda: Cursor(self.epoch, self.position))

    async def levels(self, seat: Seat, position: int) -> list[str]:
        """All levels that the seat has subscribed to, as they are or newer; it has been told all else up to there."""
        sees_all = EVERYONE in seat.keys
        department_ids = None if sees_all else seat.department_ids
        changes = await self._levels.present(department_ids, seat.topics, Cursor(self.epoch, position))
        return [text for change in changes if (text := seat.text_for(change))]

    async def _start(self) -> None:
        try:
            await self._begin()
        except BaseException:
            await self._rest()
            raise

    async def _begin(self) -> None:
        await self._rest()
        self.epoch = await history_id(self._desk.pool)
        self.position = self._recent_from = await self._starting_position()
        self._states = TicketStates(self._desk.reading, self.epoch)
        self._levels = self._new_levels()
        self._recent.clear()
        await self._following.open()
        head = await self._desk.reading.head()
        while self.position < head:
            await self._take_in(await self._following.read(self.position))
        self._tasks = [
            asyncio.create_task(self._follow(), name="hub-follow"),
            asyncio.create_task(self._levels.tell(self._seating.tell), name="hub-levels"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def _rest(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._following.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A fault of ours must not leave people in front of a picture that no longer moves."""
        if task.cancelled() or (fault := task.exception()) is None:
            return
        _log.error("the hub has ended; it begins anew with the next seat", exc_info=fault)
        code = CloseCode.RESTART if isinstance(fault, LogSetBack) else CloseCode.FAULT
        for seat in self._seating:
            seat.end(code, "this picture can't be kept up to date; connect again and resume")

    async def _follow(self) -> None:
        was_away = False
        while True:
            try:
                if was_away:
                    await self._must_be_same_history()
                    was_away = False
                await self._take_in(await self._following.next(self.position))
            except (psycopg.Error, OSError) as error:
                was_away = True
                _log.warning("the log can't be read; trying again", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _take_in(self, events: Events) -> None:
        for start in range(0, len(events), MOST_AT_ONCE):
            some = events[start : start + MOST_AT_ONCE]
            await self._states.prepare(some)
            for position, event in some:
                self._tell_of(position, event)
            if len(self._recent) == KEPT_CHANGES:
                self._recent_from = max(self._recent_from, self._recent[0].position - 1)
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()
            await asyncio.sleep(0)  # Outboxes are emptied before more is put in.

    def _tell_of(self, position: int, event: DomainEvent) -> None:
        found = self._states.change(position, event)
        self._levels.touch(position, event, found[1] if found else frozenset())
        if isinstance(event.fact, AgentJoinedDepartment | AgentLeftDepartment):
            self._change_departments(event)
        self.position = position
        change = found[0] if found else plain_change(self.epoch, position, event)
        if change:
            self._recent.append(change)
            self._seating.tell(change)

    async def _reach(self, position: int) -> bool:
        """Wait until the hub has come that far. False where the log doesn't."""
        if position > await self._desk.reading.head():
            return False
        while self.position < position:
            await self._moved.wait()
        return True

    async def _starting_position(self) -> int:
        head = await self._desk.reading.head()
        projected = await self._levels.reached()
        return max(0, head - KEPT_CHANGES, min(head, projected) - STARTS_BACK_EVENTS)

    async def _departments_of(self, principal: Principal) -> frozenset[UUID]:
        """The departments of an agent, as of now: read again where any agent's changed meanwhile."""
        if principal.role is not Role.AGENT:
            return frozenset()
        while True:
            changes = self._department_changes
            try:
                agent = await self._desk.load(Agent, principal.account_id)
            except NotFound:
                return frozenset()
            if changes == self._department_changes:
                return frozenset(agent.department_ids)

    def _change_departments(self, event: DomainEvent) -> None:
        self._department_changes += 1
        fact = event.fact
        for seat in self._seating.of(event.originator_id):
            if isinstance(fact, AgentJoinedDepartment):
                self._seating.move(seat, seat.principal, seat.department_ids | {fact.department_id})
            elif isinstance(fact, AgentLeftDepartment):
                self._seating.move(seat, seat.principal, seat.department_ids - {fact.department_id})

    async def _must_be_same_history(self) -> None:
        """After an outage the database may be another one, or an earlier state of it: then all begin anew."""
        if await history_id(self._desk.pool) != self.epoch:
            raise LogSetBack
