"""Simulations as jobs: asked for, worked on by whoever holds the lease, looked at, and removed.

A job's row is all there is of it. Removing the row cancels the job; a job whose worker died is begun anew by the next.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

from supportix.domain.errors import Conflict, NotFound
from supportix.simulation.question import Question
from supportix.simulation.run import Comparison
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost

MOST_UNFINISHED = 20
KEPT_FOR = timedelta(days=30)


class JobStatus(StrEnum):
    """How a simulation stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    """The question doesn't fit the log; `why` says what was expected."""
    FAILED = "failed"


class TooManySimulations(Conflict):
    """Too many simulations wait or run already."""


class SimulationJob(msgspec.Struct, frozen=True, kw_only=True):
    """A simulation and how far it is: `done` of `total` steps of its present stage."""

    simulation_id: UUID
    requested_by: UUID
    requested_at: datetime
    question: Question
    position: int
    status: JobStatus
    stage: str
    done: int
    total: int
    started_at: datetime | None
    ended_at: datetime | None
    why: str | None


class SimulationDetail(SimulationJob, frozen=True, kw_only=True):
    """A simulation, and its result once it is done."""

    result: Comparison | None


class Order(msgspec.Struct, frozen=True):
    """What to work on."""

    simulation_id: UUID
    question: Question
    position: int


_COLUMNS = (
    "simulation_id, requested_by, requested_at, question, position, status, stage, done, total, "
    "started_at, ended_at, why"
)
_INSERT = """
INSERT INTO simulations (simulation_id, requested_by, requested_at, question, position, status)
SELECT %(id)s, %(by)s, %(at)s, %(question)s::json,
       coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0), 'waiting'
WHERE (SELECT count(*) FROM simulations WHERE status IN ('waiting', 'running')) < %(most)s
"""
_FORGET = "DELETE FROM simulations WHERE ended_at < %s"
_NEXT = """
UPDATE simulations SET status = 'running', started_at = clock_timestamp(), stage = '', done = 0, total = 0
WHERE simulation_id = (
    SELECT simulation_id FROM simulations WHERE status IN ('waiting', 'running')
    ORDER BY requested_at, simulation_id LIMIT 1
) AND EXISTS (SELECT FROM leases WHERE name = %(lease)s AND epoch = %(epoch)s)
RETURNING simulation_id, question, position
"""
_TELL = "UPDATE simulations SET stage = %(stage)s, done = %(done)s, total = %(total)s"
_END = "UPDATE simulations SET status = %(status)s, result = %(result)s, why = %(why)s, ended_at = clock_timestamp()"
_MINE = """
WHERE simulation_id = %(id)s AND EXISTS (SELECT FROM leases WHERE name = %(lease)s AND epoch = %(epoch)s)
"""


class SimulationJobs:
    """The jobs, through a pool of connections."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def ask(self, question: Question, by: UUID, at: datetime) -> SimulationDetail:
        """Ask for a simulation of the log as it is now. Refused: TooManySimulations, and what `must_hold` refuses."""
        question.must_hold()
        simulation_id = uuid7()
        told = {"id": simulation_id, "by": by, "at": at, "question": _text(question), "most": MOST_UNFINISHED}
        async with self._pool.connection() as connection:
            await connection.execute(_FORGET, (at - KEPT_FOR,))
            if (await connection.execute(_INSERT, told)).rowcount == 0:
                raise TooManySimulations(f"{MOST_UNFINISHED} wait or run; cancel one of them, or wait")
        return await self.one(simulation_id)

    async def one(self, simulation_id: UUID) -> SimulationDetail:
        """Refused: NotFound."""
        statement = f"SELECT {_COLUMNS}, result FROM simulations WHERE simulation_id = %s"  # noqa: S608 - our columns.
        rows = await self._rows(statement, (simulation_id,))
        if not rows:
            raise NotFound(f"no simulation has the id {simulation_id}; it may have been removed")
        return msgspec.convert(rows[0], SimulationDetail)

    async def page(self, behind: tuple[datetime, UUID] | None, limit: int) -> Sequence[SimulationJob]:
        """The newest first, without results."""
        at, simulation_id = behind or (None, None)
        statement = (
            f"SELECT {_COLUMNS} FROM simulations "  # noqa: S608 - our columns.
            "WHERE %s::timestamptz IS NULL OR (requested_at, simulation_id) < (%s, %s) "
            "ORDER BY requested_at DESC, simulation_id DESC LIMIT %s"
        )
        rows = await self._rows(statement, (at, at, simulation_id, limit))
        return [msgspec.convert(row, SimulationJob) for row in rows]

    async def remove(self, simulation_id: UUID) -> None:
        """Cancel it where it hasn't ended, and forget it. Refused: NotFound."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute("DELETE FROM simulations WHERE simulation_id = %s", (simulation_id,))
            if cursor.rowcount == 0:
                raise NotFound(f"no simulation has the id {simulation_id}; it may have been removed")

    async def next(self, fence: Fence) -> Order | None:
        """The oldest unfinished job, which runs from now on; None where there is none, or the lease is lost."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_NEXT, {"lease": fence.lease, "epoch": fence.epoch})).fetchone()
        return None if row is None else Order(row[0], msgspec.convert(row[1], Question, strict=False), row[2])

    async def tell(self, fence: Fence, simulation_id: UUID, stage: str, done: int, total: int) -> bool:
        """Write down how far it is. False where it was removed. Raises LeaseLost."""
        return await self._update(_TELL, fence, simulation_id, stage=stage, done=done, total=total)

    async def end(
        self, fence: Fence, simulation_id: UUID, status: JobStatus, *, result: str | None = None, why: str | None = None
    ) -> bool:
        """Write down what became of it. False where it was removed. Raises LeaseLost."""
        return await self._update(_END, fence, simulation_id, status=status.value, result=result, why=why)

    async def _update(self, change: str, fence: Fence, simulation_id: UUID, **values: object) -> bool:
        told = values | {"id": simulation_id, "lease": fence.lease, "epoch": fence.epoch}
        async with self._pool.connection() as connection:
            if (await connection.execute(change + _MINE, told)).rowcount:
                return True
            held = await connection.execute(
                "SELECT FROM leases WHERE name = %s AND epoch = %s", (fence.lease, fence.epoch)
            )
            if await held.fetchone() is None:
                raise LeaseLost(f"lease {fence.lease!r} has another owner")
            return False

    async def _rows(self, statement: str, parameters: tuple[object, ...]) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(statement, parameters)
            rows: list[dict[str, Any]] = await cursor.fetchall()
            return rows


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
