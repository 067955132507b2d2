"""Rebuilds read models from the log beside the serving ones, compares both, and swaps them in one transaction.

The shadow set lives in a schema of its own until the swap, and the former serving set is kept in another, to go back
to. Until the swap nothing that serves is touched, so an interrupted rebuild leaves no trace but its shadow schema,
which the next one drops.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from supportix.domain.errors import Conflict, InvalidInput
from supportix.projections.catalogue import PROJECTIONS, definition, make
from supportix.projections.rows import LIVE, Connection, Projection
from supportix.store.log import EventLog

SHADOW = "read_model_next"
FORMER = "read_model_former"
PAGE = 5_000
_REBUILD_LOCK = 7_305_113_027_003

Progress = Callable[[int, int], None]


class UnknownReadModel(InvalidInput):
    """There is no such read model."""


class RebuildRunning(Conflict):
    """Another rebuild is under way."""


class Comparison(msgspec.Struct, frozen=True):
    """A serving table and its rebuilt twin, at the same position. A digest is over all rows, whatever their order."""

    table: str
    serving_rows: int
    rebuilt_rows: int
    equal: bool


class RebuildReport(msgspec.Struct, frozen=True):
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
    progress: Progress = lambda _done, _total: None,
) -> RebuildReport:
    """Rebuild these read models; with `swap`, serve the rebuilt ones. `progress` is told events done and in total.

    Refused: UnknownReadModel, RebuildRunning. What a read model can't make sense of ends the rebuild.
    """
    for name in names:
        if name not in PROJECTIONS:
            raise UnknownReadModel(f"{name!r} was given; one of these was expected: {', '.join(PROJECTIONS)}")
    async with pool.connection() as guard:
        cursor = await guard.execute("SELECT pg_try_advisory_lock(%s)", (_REBUILD_LOCK,))
        if not (await cursor.fetchone() or [False])[0]:
            raise RebuildRunning("wait until it has ended, or stop it")
        try:
            return await _Rebuild(pool, names, progress).run(swap=swap)
        finally:
            await guard.execute("SELECT pg_advisory_unlock(%s)", (_REBUILD_LOCK,))


class _Rebuild:
    def __init__(self, pool: AsyncConnectionPool[Any], names: Sequence[str], progress: Progress) -> None:
        self._pool = pool
        self._names = list(names)
        self._progress = progress
        self._log = EventLog(pool)
        self._projections: list[Projection] = [make(name, SHADOW) for name in names]
        self._tables = [table for projection in self._projections for table in projection.tables]
        self._position = 0

    async def run(self, *, swap: bool) -> RebuildReport:
        async with self._pool.connection() as connection:
            await self._create_shadow(connection)
            await connection.execute("SET synchronous_commit = off")
            try:
                while self._position < (goal := await self._serving_position(connection)):
                    await self._fold_up_to(connection, goal)
                async with connection.transaction():
                    return await self._finish(connection, swap=swap)
            finally:
                await connection.execute("RESET synchronous_commit")

    async def _create_shadow(self, connection: Connection) -> None:
        await connection.execute(f"DROP SCHEMA IF EXISTS {SHADOW} CASCADE")
        await connection.execute(f"CREATE SCHEMA {SHADOW}")
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        for table in self._tables:
            shadow = table.to_metadata(MetaData(naming_convention=table.metadata.naming_convention), schema=SHADOW)
            await connection.execute(str(CreateTable(shadow).compile(dialect=dialect)).encode())
            for index in shadow.indexes:
                await connection.execute(str(CreateIndex(index).compile(dialect=dialect)).encode())

    async def _serving_position(self, connection: Connection) -> int:
        """The position up to which all of the serving ones are."""
        cursor = await connection.execute(
            "SELECT coalesce(min(position), 0) FROM checkpoints WHERE name = ANY(%s)", (self._names,)
        )
        return int((await cursor.fetchone() or [0])[0])

    async def _fold_up_to(self, connection: Connection, goal: int) -> None:
        while self._position < goal:
            entries = await self._log.after(self._position, min(PAGE, goal - self._position))
            async with connection.transaction():
                for projection in self._projections:
                    relevant = [entry for entry in entries if entry.fact.AGGREGATE in projection.subjects]
                    await projection.prepare(connection, relevant)
                    for entry in relevant:
                        projection.fold(entry)
                    await projection.write(connection)
            self._position = entries[-1].position
            self._progress(self._position, goal)

    async def _finish(self, connection: Connection, *, swap: bool) -> RebuildReport:
        """Hold the serving set where it is, catch up with it, compare, and swap."""
        await connection.execute("SELECT 1 FROM checkpoints WHERE name = ANY(%s) FOR UPDATE", (self._names,))
        cursor = await connection.execute(
            "SELECT DISTINCT position FROM checkpoints WHERE name = ANY(%s)", (self._names,)
        )
        positions = [row[0] for row in await cursor.fetchall()]
        for position in sorted(positions)[-1:]:
            await self._fold_up_to(connection, position)
        comparisons = tuple([await self._compare(connection, table) for table in self._tables])
        if swap:
            await self._swap(connection)
        return RebuildReport(self._position, comparisons, swap)

    async def _compare(self, connection: Connection, table: Table) -> Comparison:
        serving = await _digest(connection, f"{LIVE}.{table.name}")
        rebuilt = await _digest(connection, f"{SHADOW}.{table.name}")
        return Comparison(table.name, serving[0], rebuilt[0], serving == rebuilt)

    async def _swap(self, connection: Connection) -> None:
        await connection.execute(f"DROP SCHEMA IF EXISTS {FORMER} CASCADE")
        await connection.execute(f"CREATE SCHEMA {FORMER}")
        for table in self._tables:
            await connection.execute(f"ALTER TABLE {LIVE}.{table.name} SET SCHEMA {FORMER}")
            await connection.execute(f"ALTER TABLE {SHADOW}.{table.name} SET SCHEMA {LIVE}")
        for name in self._names:
            # The new epoch fences out the owner that still holds the former rows in memory.
            await connection.execute(
                "UPDATE checkpoints SET position = %s, definition = %s, epoch = epoch + 1 WHERE name = %s",
                (self._position, definition(name), name),
            )
        await connection.execute("DELETE FROM parked_streams WHERE projection = ANY(%s)", (self._names,))
        await connection.execute(f"DROP SCHEMA {SHADOW}")


async def _digest(connection: Connection, table: str) -> tuple[int, int]:
    """Rows, and a sum of their hashes."""
    cursor = await connection.execute(
        f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {table} AS t"  # noqa: S608
    )
    row = await cursor.fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
