"""Rebuilds read models from the log beside the serving ones, compares both, and swaps them in one transaction.

The shadow set lives in a schema of its own until the swap, and the former serving set is kept in another, to go back
to. Until the swap nothing that serves is touched, so an interrupted rebuild leaves no trace but its shadow schema,
which the next one drops. The serving set is held still only for moments: to compare at one position, and to swap.
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Table

from supportix.domain.errors import Conflict, InvalidInput
from supportix.projections.catalogue import PROJECTIONS, definition, make
from supportix.projections.folding import Folding
from supportix.projections.rows import Connection
from supportix.projections.shadow import SHADOW, Comparison, compare, create_shadow, index_shadow
from supportix.projections.shares import fold_in_shares
from supportix.projections.swap import swap_back, swap_in

EVENTS_PER_WORKER = 50_000
"""A worker process more pays from so many events on."""

_REBUILD_LOCK = 7_305_113_027_003

Progress = Callable[[int, int], None]


class UnknownReadModel(InvalidInput):
    """There is no such read model."""


class RebuildRunning(Conflict):
    """Another rebuild is under way."""


class RebuildReport(msgspec.Struct, frozen=True):
    """What was compared, at which position, and whether the rebuilt rows serve now."""

    position: int
    comparisons: tuple[Comparison, ...]
    swapped: bool

    @property
    def equal(self) -> bool:
        return all(comparison.equal for comparison in self.comparisons)


async def stale_read_models(pool: AsyncConnectionPool[Any]) -> list[str]:
    """The read models whose stored rows were made by other code than this release's."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT name, definition FROM checkpoints")
        stored = dict(await cursor.fetchall())
    return [name for name in PROJECTIONS if name in stored and stored[name] != definition(name)]


async def rebuild(
    pool: AsyncConnectionPool[Any],
    names: Sequence[str],
    *,
    swap: bool = True,
    workers: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> RebuildReport:
    """Rebuild these read models; with `swap`, serve the rebuilt ones. `progress` is told events done and in total.

    `workers`: processes that fold at the same time; as many as pay by default.
    Refused: UnknownReadModel, RebuildRunning. What a read model can't make sense of ends the rebuild.
    """
    must_be_read_models(names)
    async with _the_only_rebuild(pool) as guard:
        return await _Rebuild(pool, guard, names, progress).run(swap=swap, workers=workers)


async def roll_back(pool: AsyncConnectionPool[Any]) -> Sequence[str]:
    """Serve the set again that served before the last swap, and keep the present one in its place: the names.

    It catches up with the log from where it was. Refused: NothingToRollBack, RebuildRunning.
    """
    async with _the_only_rebuild(pool) as guard, guard.transaction():
        return await swap_back(guard)


def must_be_read_models(names: Sequence[str]) -> None:
    """Refused: UnknownReadModel."""
    for name in names:
        if name not in PROJECTIONS:
            raise UnknownReadModel(f"{name!r} was given; one of these was expected: {', '.join(PROJECTIONS)}")


@asynccontextmanager
async def _the_only_rebuild(pool: AsyncConnectionPool[Any]) -> AsyncIterator[Connection]:
    """A connection that keeps other rebuilds out. Refused: RebuildRunning."""
    async with pool.connection() as guard:
        cursor = await guard.execute("SELECT pg_try_advisory_lock(%s)", (_REBUILD_LOCK,))
        if not (await cursor.fetchone() or [False])[0]:
            raise RebuildRunning("wait until it has ended, or stop it")
        try:
            yield guard
        finally:
            await guard.execute("SELECT pg_advisory_unlock(%s)", (_REBUILD_LOCK,))


class _Rebuild:
    """Writes into the shadow set on one connection; the guard's holds the serving set still."""

    def __init__(
        self, pool: AsyncConnectionPool[Any], guard: Connection, names: Sequence[str], progress: Progress
    ) -> None:
        self._pool = pool
        self._guard = guard
        self._names = list(names)
        self._progress = progress
        self._tables: list[Table] = [table for name in names for table in make(name).tables]
        self._folding = Folding(self._names, SHADOW)

    async def run(self, *, swap: bool, workers: int | None) -> RebuildReport:
        async with self._pool.connection() as connection:
            await create_shadow(connection, self._tables)
            await connection.execute("SET synchronous_commit = off")
            try:
                await self._fold(connection, workers)
                await index_shadow(connection, self._tables)
                comparisons = await self._compare(connection)
                if swap:
                    await self._swap(connection)
            finally:
                await connection.execute("RESET synchronous_commit")
        return RebuildReport(self._folding.position, comparisons, swap)

    async def _fold(self, connection: Connection, workers: int | None) -> None:
        """Fold up to where the serving set is by then, but for what came in during the last round."""
        goal = await self._serving_position(connection)
        count = workers or min(os.cpu_count() or 1, goal // EVENTS_PER_WORKER)
        if count > 1:
            url = str(self._pool.conninfo)
            await fold_in_shares(url, self._names, goal, count, lambda position: self._progress(position, goal))
            self._folding.position = goal
        while self._folding.position < (goal := await self._serving_position(connection)):
            await self._catch_up(connection, goal)

    async def _catch_up(self, connection: Connection, goal: int) -> None:
        await self._folding.up_to(connection, goal, lambda position: self._progress(position, goal))

    async def _compare(self, connection: Connection) -> tuple[Comparison, ...]:
        """Bring both sets to one position, take a snapshot there, and let the serving set go on while it is read."""
        async with self._pool.connection() as snapshot:
            async with self._guard.transaction():
                await self._catch_up(connection, await self._hold_serving_set(self._guard))
                await snapshot.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                await snapshot.execute("SELECT 1")
            try:
                return await compare(snapshot, self._tables)
            finally:
                await snapshot.execute("ROLLBACK")

    async def _swap(self, connection: Connection) -> None:
        """Hold the serving set, fold what came in since, and change places."""
        async with connection.transaction():
            position = await self._hold_serving_set(connection)
            await self._catch_up(connection, position)
            await swap_in(connection, self._names, position)

    async def _hold_serving_set(self, connection: Connection) -> int:
        """Keep the serving set where it is until the transaction ends; the position of its most advanced."""
        cursor = await connection.execute(
            "SELECT position FROM checkpoints WHERE name = ANY(%s) ORDER BY name FOR UPDATE", (self._names,)
        )
        return max((row[0] for row in await cursor.fetchall()), default=0)

    async def _serving_position(self, connection: Connection) -> int:
        """The position up to which all of the serving ones are."""
        cursor = await connection.execute(
            "SELECT coalesce(min(position), 0) FROM checkpoints WHERE name = ANY(%s)", (self._names,)
        )
        return int((await cursor.fetchone() or [0])[0])
