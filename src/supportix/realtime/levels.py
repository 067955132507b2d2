"""Levels: how many tickets wait in each department, and how much each agent holds. Told as they are, not as they change.

Read from the read models once these have reached the event that touched a level, and at most four times a second each.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from supportix.domain.agent import Agent, AgentJoinedDepartment, AgentLeftDepartment
from supportix.domain.aggregate import DomainEvent
from supportix.domain.ticket import Priority
from supportix.projections.agent_load import AgentLoad
from supportix.projections.department_queue import DepartmentQueue
from supportix.realtime.frames import LoadChanged, QueueChanged, Topic, text_of
from supportix.realtime.seats import EVERYONE, Change, department, holder

TELL_EVERY_SECONDS = 0.25
SETTLE_SECONDS = 0.03
"""About as long as the read models need; what they don't have yet is told the next time."""

READ_FROM = (DepartmentQueue.name, AgentLoad.name)

_CHECKPOINT = "SELECT coalesce(min(position), 0), count(*) FROM checkpoints WHERE name = ANY(%s)"
_WAITING = (
    "SELECT department_id, priority, count(*) FROM read_model.department_queue WHERE department_id = ANY(%s) GROUP BY 1, 2"
)
_LOADS = "SELECT agent_id, department_ids, availability, open_work, capacity FROM read_model.agent_load"
_ALL_DEPARTMENTS = "SELECT department_id FROM read_model.departments"

_log = structlog.get_logger(__name__)


class _Load(msgspec.Struct, frozen=True):
    agent_id: UUID
    department_ids: list[UUID]
    availability: str
    open_work: int
    capacity: int


class Levels:
    """What was touched and is still to be told. `standing` gives the epoch and position that frames carry."""

    def __init__(self, pool: AsyncConnectionPool[Any], standing: Callable[[], tuple[str, int]]) -> None:
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
        if getattr(type(event.fact), "AGGREGATE", None) is Agent:
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

    async def present(self, department_ids: frozenset[UUID] | None, topics: frozenset[Topic]) -> list[Change]:
        """All levels of these departments as they are; of every department and agent for None."""
        async with self._pool.connection() as connection:
            changes: list[Change] = []
            if Topic.QUEUES in topics:
                wanted = department_ids
                if wanted is None:
                    cursor = await connection.execute(_ALL_DEPARTMENTS)
                    wanted = frozenset(row[0] for row in await cursor.fetchall())
                changes += await self._read_queues(connection, list(wanted))
            if Topic.LOADS in topics:
                condition = "" if department_ids is None else " WHERE department_ids && %s"
                parameters = () if department_ids is None else (list(department_ids),)
                changes += await self._read_loads(connection, condition, parameters)
            return changes

    async def _due(self) -> list[Change]:
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor = await connection.execute(_CHECKPOINT, (list(READ_FROM),))
            row = await cursor.fetchone()
            reached = row[0] if row and row[1] == len(READ_FROM) else 0
            queues = [each for each, position in self._queues.items() if position <= reached]
            loads = [each for each, position in self._loads.items() if position <= reached]
            changes = await self._read_queues(connection, queues) if queues else []
            if loads:
                changes += await self._read_loads(connection, " WHERE agent_id = ANY(%s)", (loads,))
        self._settle(queues, loads, reached)
        return changes

    def _settle(self, queues: Sequence[UUID], loads: Sequence[UUID], reached: int) -> None:
        """Forget what is told now, unless it was touched again meanwhile."""
        for department_id in queues:
            if self._queues[department_id] <= reached:
                del self._queues[department_id]
        for agent_id in loads:
            if self._loads[agent_id] <= reached:
                del self._loads[agent_id]
                self._also_concerned.pop(agent_id, None)
        if not self._queues and not self._loads:
            self._touched.clear()

    async def _read_queues(self, connection: psycopg.AsyncConnection[Any], ids: Sequence[UUID]) -> list[Change]:
        cursor = await connection.execute(_WAITING, (list(ids),), prepare=True)
        waiting = {department_id: dict.fromkeys(Priority, 0) for department_id in ids}
        for department_id, priority, count in await cursor.fetchall():
            waiting[department_id][Priority(priority)] = count
        return [self._queue(department_id, counts) for department_id, counts in waiting.items()]

    async def _read_loads(
        self, connection: psycopg.AsyncConnection[Any], condition: str, parameters: Sequence[object]
    ) -> list[Change]:
        cursor = await connection.execute(_LOADS + condition, parameters, prepare=True)
        return [self._load(_Load(*row)) for row in await cursor.fetchall()]

    def _queue(self, department_id: UUID, waiting: dict[Priority, int]) -> Change:
        epoch, position = self._standing()
        frame = QueueChanged(
            epoch=epoch, position=position, department_id=department_id, waiting=waiting, total=sum(waiting.values())
        )
        return Change(position, Topic.QUEUES, frozenset({EVERYONE, department(department_id)}), text_of(frame))

    def _load(self, load: _Load) -> Change:
        epoch, position = self._standing()
        concerned = {*load.department_ids, *self._also_concerned.get(load.agent_id, ())}
        audience = frozenset({EVERYONE, holder(load.agent_id), *map(department, concerned)})
        frame = LoadChanged(epoch=epoch, position=position, **msgspec.structs.asdict(load))
        return Change(position, Topic.LOADS, audience, text_of(frame))
