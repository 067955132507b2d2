"""Levels: how many tickets wait in each department, how much each agent holds. Told as they are, not as they change.

Read from the read models once these have reached the event that touched a level, and at most four times a second each.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from supportix.domain.agent import Agent, AgentJoinedDepartment, AgentLeftDepartment
from supportix.domain.aggregate import DomainEvent
from supportix.domain.ticket_words import Priority
from supportix.projections.agent_load import AgentLoad
from supportix.projections.department_queue import DepartmentQueue
from supportix.realtime.frames import Cursor, LoadChanged, QueueChanged, Topic, text_of
from supportix.realtime.seats import EVERYONE, Change, department, holder

TELL_EVERY_SECONDS = 0.25
SETTLE_SECONDS = 0.03
"""About as long as the read models need; what they don't have yet is told the next time."""

READ_FROM = (DepartmentQueue.name, AgentLoad.name)

_CHECKPOINT = "SELECT coalesce(min(position), 0), count(*) FROM checkpoints WHERE name = ANY(%s)"
_WAITING = (
    "SELECT department_id, priority, count(*) FROM read_model.department_queue "
    "WHERE department_id = ANY(%s) GROUP BY 1, 2"
)
_LOADS = "SELECT agent_id, department_ids, availability, open_work, capacity FROM read_model.agent_load"
_ALL_DEPARTMENTS = "SELECT department_id FROM read_model.departments"

_log = structlog.get_logger(__name__)


class _Queue(msgspec.Struct, frozen=True):
    department_id: UUID
    waiting: dict[Priority, int]


class _Load(msgspec.Struct, frozen=True):
    agent_id: UUID
    department_ids: list[UUID]
    availability: str
    open_work: int
    capacity: int


class Levels:
    """What was touched and is still to be told. `standing` tells where frames say that their reader stands."""

    def __init__(self, pool: AsyncConnectionPool[Any], standing: Callable[[], Cursor]) -> None:
        self._pool = pool
        self._standing = standing
        self._queues: dict[UUID, int] = {}
        self._loads: dict[UUID, int] = {}
        self._also_concerned: dict[UUID, set[UUID]] = {}
        self._touched = asyncio.Event()

    def touch(self, position: int, event: DomainEvent, queues: frozenset[UUID]) -> None:
        """Take note that this event changed these queues, and perhaps an agent's load."""
        for department_id in queues:
            self._queues[department_id] = position
        if event.fact.AGGREGATE is Agent:
            self._loads[event.originator_id] = position
            if isinstance(event.fact, AgentJoinedDepartment | AgentLeftDepartment):
                self._also_concerned.setdefault(event.originator_id, set()).add(event.fact.department_id)
        if self._queues or self._loads:
            self._touched.set()

    async def tell(self, told: Callable[[Change], None]) -> None:
        """Tell what was touched, as long as this runs."""
        while True:
            await self._touched.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            try:
                for change in await self._due():
                    told(change)
            except psycopg.Error as error:
                _log.warning("levels can't be read; trying again", error=repr(error))
            await asyncio.sleep(TELL_EVERY_SECONDS - SETTLE_SECONDS)

    async def reached(self) -> int:
        """The position that all read models which levels are read from hold; 0 before they have begun."""
        async with self._pool.connection() as connection:
            return await _reached(connection)

    async def present(
        self, department_ids: frozenset[UUID] | None, topics: frozenset[Topic], standing: Cursor
    ) -> list[Change]:
        """All levels of these departments as they are; of every department and agent for None."""
        async with self._pool.connection() as connection:
            queues = await _queues(connection, department_ids) if Topic.QUEUES in topics else []
            loads = await _loads_of_departments(connection, department_ids) if Topic.LOADS in topics else []
        return self._changes(queues, loads, standing)

    async def _due(self) -> list[Change]:
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            reached = await _reached(connection)
            queue_ids = [each for each, position in self._queues.items() if position <= reached]
            agent_ids = [each for each, position in self._loads.items() if position <= reached]
            queues = await _queues(connection, queue_ids) if queue_ids else []
            loads = await _loads_of_agents(connection, agent_ids) if agent_ids else []
        changes = self._changes(queues, loads, self._standing())
        self._settle(queue_ids, agent_ids, reached)
        return changes

    def _changes(self, queues: Sequence[_Queue], loads: Sequence[_Load], standing: Cursor) -> list[Change]:
        return [_queue_changed(queue, standing) for queue in queues] + [
            _load_changed(load, self._also_concerned.get(load.agent_id, set()), standing) for load in loads
        ]

    def _settle(self, queue_ids: Sequence[UUID], agent_ids: Sequence[UUID], reached: int) -> None:
        """Forget what is told now, unless it was touched again meanwhile."""
        for department_id in queue_ids:
            if self._queues[department_id] <= reached:
                del self._queues[department_id]
        for agent_id in agent_ids:
            if self._loads[agent_id] <= reached:
                del self._loads[agent_id]
                self._also_concerned.pop(agent_id, None)
        if not self._queues and not self._loads:
            self._touched.clear()


async def _queues(connection: psycopg.AsyncConnection[Any], department_ids: Iterable[UUID] | None) -> list[_Queue]:
    if department_ids is None:
        cursor = await connection.execute(_ALL_DEPARTMENTS)
        department_ids = [row[0] for row in await cursor.fetchall()]
    found = {department_id: _Queue(department_id, dict.fromkeys(Priority, 0)) for department_id in department_ids}
    cursor = await connection.execute(_WAITING, (list(found),), prepare=True)
    for department_id, priority, count in await cursor.fetchall():
        found[department_id].waiting[Priority(priority)] = count
    return list(found.values())


async def _loads_of_departments(
    connection: psycopg.AsyncConnection[Any], department_ids: Iterable[UUID] | None
) -> list[_Load]:
    if department_ids is None:
        cursor = await connection.execute(_LOADS)
    else:
        cursor = await connection.execute(f"{_LOADS} WHERE department_ids && %s", (list(department_ids),))
    return [_Load(*row) for row in await cursor.fetchall()]


async def _loads_of_agents(connection: psycopg.AsyncConnection[Any], agent_ids: Sequence[UUID]) -> list[_Load]:
    cursor = await connection.execute(f"{_LOADS} WHERE agent_id = ANY(%s)", (list(agent_ids),), prepare=True)
    return [_Load(*row) for row in await cursor.fetchall()]


def _queue_changed(queue: _Queue, standing: Cursor) -> Change:
    frame = QueueChanged(
        epoch=standing.epoch,
        position=standing.position,
        department_id=queue.department_id,
        waiting=queue.waiting,
        total=sum(queue.waiting.values()),
    )
    audience = frozenset({EVERYONE, department(queue.department_id)})
    return Change(standing.position, Topic.QUEUES, audience, text_of(frame))


def _load_changed(load: _Load, also_concerned: set[UUID], standing: Cursor) -> Change:
    frame = LoadChanged(epoch=standing.epoch, position=standing.position, **msgspec.structs.asdict(load))
    concerned = map(department, {*load.department_ids, *also_concerned})
    audience = frozenset({EVERYONE, holder(load.agent_id), *concerned})
    return Change(standing.position, Topic.LOADS, audience, text_of(frame))


async def _reached(connection: psycopg.AsyncConnection[Any]) -> int:
    cursor = await connection.execute(_CHECKPOINT, (list(READ_FROM),))
    row = await cursor.fetchone()
    return int(row[0]) if row and row[1] == len(READ_FROM) else 0
