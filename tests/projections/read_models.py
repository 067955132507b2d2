"""Read models in tests: bring them up to date in any steps, and see all of their rows."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from supportix.bootstrap import Core
from supportix.commands.desk import stored
from supportix.domain.aggregate import DomainEvent
from supportix.projections.rows import LIVE
from supportix.projections.runner import ProjectionRunner
from supportix.projections.schema import TABLES
from supportix.store.committer import Command, Fence
from supportix.store.feed import PAGE, LogFeed
from supportix.store.log import LogEntry

LEASE = "projections"
Rows = dict[str, list[tuple[Any, ...]]]


class InBatchesOf(LogFeed):
    """A feed whose pages are as long as it is told, in turn, and end where it is told."""

    def __init__(self, core: Core, sizes: Sequence[int], end: int | None = None) -> None:
        super().__init__(core.desk.reading, core.wakeups)
        self._sizes = cycle(sizes)
        self._end = end

    async def after(self, position: int, limit: int = PAGE) -> Sequence[LogEntry]:
        size = min(next(self._sizes), limit)
        if self._end is not None:
            size = min(size, self._end - position)
        return await super().after(position, size) if size > 0 else ()


async def append_all(core: Core, events: Sequence[DomainEvent]) -> None:
    """Write a whole history as it is."""
    if events:
        await core.committer.append([stored(event) for event in events], Command())


async def a_runner(core: Core, epoch: int = 1, feed: LogFeed | None = None) -> ProjectionRunner:
    runner = ProjectionRunner(core.pool, feed or core.feed, Fence(LEASE, epoch))
    await runner.take_over()
    return runner


async def catch_up(runner: ProjectionRunner) -> int:
    """Step until there is nothing more to do; returns how many steps that took."""
    steps = 0
    while await runner.step():
        steps += 1
    return steps


async def all_rows(core: Core) -> Rows:
    """Every row of every read model, in the order of the primary keys; its values in the order of the model's columns,
    which in a migrated table may be another.
    """
    rows: Rows = {}
    async with core.pool.connection() as connection:
        for table in TABLES:
            keys = ", ".join(column.name for column in table.primary_key.columns)
            names = ", ".join(column.name for column in table.columns)
            cursor = await connection.execute(f"SELECT {names} FROM {LIVE}.{table.name} ORDER BY {keys}")  # noqa: S608
            rows[table.name] = await cursor.fetchall()
    return rows


async def checkpoints(core: Core) -> dict[str, int]:
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT name, position FROM checkpoints")
        return dict(await cursor.fetchall())


async def throw_away(core: Core) -> None:
    """Forget all read models."""
    async with core.pool.connection() as connection:
        tables = ", ".join(f"{LIVE}.{table.name}" for table in TABLES)
        await connection.execute(f"TRUNCATE {tables}, checkpoints, parked_streams")


async def rebuilt_rows(core: Core) -> Rows:
    """All rows as one pass from the first event makes them. What stood there before is gone."""
    await throw_away(core)
    await catch_up(await a_runner(core, feed=InBatchesOf(core, [PAGE])))
    return await all_rows(core)
