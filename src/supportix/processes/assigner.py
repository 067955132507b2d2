"""The assigner: gives waiting tickets to agents as soon as there is one who can take them.

Follows the log on a dispatch board. Emits TicketAssigned on the ticket's stream and WorkReserved on the agent's, many
pairs in one append that is fenced by the assigner's lease; MergeWorkShared with them, where a pool was used. Where
anything changed under it nothing is written, and it decides again on what it then knows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from supportix.commands.desk import SupportDesk, stored
from supportix.domain.agent import Agent
from supportix.domain.aggregate import Aggregate
from supportix.domain.demand import Demand
from supportix.domain.department import Department
from supportix.domain.errors import NotFound
from supportix.domain.ids import DepartmentId, TicketId
from supportix.domain.merge import Merge
from supportix.domain.ticket_words import AssignedBy, Priority
from supportix.domain.waiting import WaitingTicket, waiting_after
from supportix.policies.dispatch import DispatchBoard
from supportix.store.committer import Command, Fence, GroupCommitter
from supportix.store.errors import CorruptEvent, VersionConflict
from supportix.store.feed import PAGE, LogFeed
from supportix.store.log import Unreadable

AggregateT = TypeVar("AggregateT", bound=Aggregate)
LoadedT = TypeVar("LoadedT")

LEASE = "assigner"
MOST_PER_APPEND = 1_000
PACE_SECONDS = 0.005

_DEPARTMENTS = """
SELECT department_id FROM read_model.departments
UNION SELECT stream_id FROM parked_streams WHERE projection = 'departments'
"""
_AGENTS = """
SELECT agent_id FROM read_model.agent_load
UNION SELECT stream_id FROM parked_streams WHERE projection = 'agent_load'
"""
_MERGES = """
SELECT merge_id FROM read_model.merges WHERE state NOT IN ('finished', 'dissolved', 'dismissed', 'abandoned')
UNION SELECT stream_id FROM parked_streams WHERE projection = 'merges'
"""
_PARKED_TICKETS = "SELECT stream_id FROM parked_streams WHERE projection = 'department_queue'"
_WAITING = """
SELECT ticket_id, version, department_id, priority, opened_at, demand FROM read_model.department_queue
WHERE ticket_id NOT IN (SELECT stream_id FROM parked_streams WHERE projection = 'department_queue')
"""

_log = structlog.get_logger(__name__)


class Assigner:
    """The one who gives out tickets, as long as it holds the lease."""

    def __init__(
        self,
        desk: SupportDesk,
        committer: GroupCommitter,
        feed: LogFeed,
        fence: Fence,
        clock: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._committer = committer
        self._feed = feed
        self._fence = fence
        self._clock = clock
        self._limit = MOST_PER_APPEND
        self.board = DispatchBoard()

    async def run(self) -> None:
        """Assign until cancelled. Raises LeaseLost when another owner has taken over."""
        self.board = await board_from_read_models(self._desk)
        head = await self._desk.reading.head()  # Nothing on the board is newer than this.
        while self.board.position < head:
            await self._catch_up()
        while True:
            if await self._catch_up():
                continue
            ready = self.board.ready()
            if ready:
                await self._assign(ready)
                await asyncio.sleep(PACE_SECONDS)
            else:
                await self._feed.wait(self.board.position)

    async def _catch_up(self) -> bool:
        """Take in what the log holds more. True where there may be still more."""
        entries = await self._feed.after(self.board.position)
        for entry in entries:
            if isinstance(entry.fact, Unreadable):
                _leave_alone(self.board, entry.position, entry.stream_id, entry.fact.reason)
            else:
                self.board.fold(entry.position, entry.event)
        return len(entries) == PAGE

    async def _assign(self, department_ids: list[UUID]) -> None:
        at = self._clock()
        decisions = self.board.decide(department_ids, at=at, by=AssignedBy.POLICY, limit=self._limit)
        events = [stored(event) for event in self.board.events_of(decisions, at=at)]
        try:
            appended = await self._committer.append(events, Command(fence=self._fence))
        except VersionConflict:
            self._limit = max(1, self._limit // 2)
            return
        self._limit = min(MOST_PER_APPEND, self._limit * 2)
        while self.board.position < appended.last_position:
            await self._catch_up()


async def board_from_read_models(desk: SupportDesk) -> DispatchBoard:
    """The board as of the read models' position, read in one snapshot; agents and what is parked from their streams.

    Streams may be newer than that position: the board knows their versions and passes over what they hold already, and
    it decides only after it has caught up with the log. Those that can't be read are left alone.
    """
    async with desk.pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        position = await _one(connection, "SELECT coalesce(min(position), 0) FROM checkpoints")
        departments = await _all(connection, _DEPARTMENTS)
        agents = await _all(connection, _AGENTS)
        merges = await _all(connection, _MERGES)
        waiting = await _all(connection, _WAITING)
        parked = await _all(connection, _PARKED_TICKETS)
        turns = await _all(connection, "SELECT department_id, agent_id, last_turn FROM read_model.agent_turns")
    board = DispatchBoard()
    board.restore(
        position,
        await _readable(board, departments, lambda department_id: _known(desk, Department, department_id)),
        await _readable(board, agents, lambda agent_id: _known(desk, Agent, agent_id)),
        [
            WaitingTicket(
                TicketId(ticket),
                version,
                DepartmentId(department),
                Priority(priority),
                opened_at,
                msgspec.convert(demand, Demand),
            )
            for ticket, version, department, priority, opened_at, demand in waiting
        ]
        + await _readable(board, parked, lambda ticket_id: _waiting_ticket(desk, ticket_id)),
        turns,
        await _readable(board, merges, lambda merge_id: _known(desk, Merge, merge_id)),
    )
    _log.info("board restored", position=position, agents=len(agents), waiting=len(waiting))
    return board


async def _readable(
    board: DispatchBoard, rows: Iterable[tuple[Any, ...]], load: Callable[[UUID], Awaitable[LoadedT | None]]
) -> list[LoadedT]:
    """What is loaded of these streams; the board leaves those alone that can't be read."""
    found = []
    for (stream_id,) in rows:
        try:
            loaded = await load(stream_id)
        except CorruptEvent as error:
            _leave_alone(board, board.position, stream_id, str(error))
        else:
            found += [] if loaded is None else [loaded]
    return found


async def _known(desk: SupportDesk, kind: type[AggregateT], stream_id: UUID) -> AggregateT | None:
    """The aggregate; None where the stream is of another kind, as a parked one may be."""
    try:
        return await desk.load(kind, stream_id)
    except NotFound:
        return None


async def _waiting_ticket(desk: SupportDesk, ticket_id: UUID) -> WaitingTicket | None:
    """The ticket as its stream tells it; None where it waits in no queue."""
    waiting = None
    for entry in await desk.reading.stream(ticket_id):
        waiting = waiting_after(entry.event, waiting)
    return waiting


def _leave_alone(board: DispatchBoard, position: int, stream_id: UUID, why: str) -> None:
    _log.error("stream left alone", stream=str(stream_id), position=position, why=why)
    board.leave_alone(position, stream_id)


async def _all(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement)
    rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return rows


async def _one(connection: Any, statement: str) -> int:
    return int((await _all(connection, statement))[0][0])
