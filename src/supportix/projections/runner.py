"""Keeps all read models up with the log: one reading for all, rows and checkpoints in one transaction per batch."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import structlog
from psycopg_pool import AsyncConnectionPool

from supportix.projections.catalogue import PROJECTIONS, definition, make
from supportix.projections.rows import Connection, Projection
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.feed import LogFeed
from supportix.store.log import LogEntry

LEASE = "projections"
BATCH_EVENTS = 5_000
PACE_SECONDS = 0.01
"""Batches start at least this far apart: under load a batch then holds what came in meanwhile."""

_log = structlog.get_logger(__name__)


class ProjectionRunner:
    """The one writer of the serving read models, as long as it holds the lease."""

    def __init__(self, pool: AsyncConnectionPool[Any], feed: LogFeed, fence: Fence) -> None:
        self._pool = pool
        self._feed = feed
        self._fence = fence
        self._projections: dict[str, Projection] = {}
        self._positions: dict[str, int] = {}
        self._parked: set[tuple[str, object]] = set()

    async def run(self) -> None:
        """Follow the log until cancelled. Raises LeaseLost when another owner has taken over."""
        await self.take_over()
        while True:
            started = time.monotonic()
            if await self.step():
                await asyncio.sleep(max(0.0, PACE_SECONDS - (time.monotonic() - started)))
            else:
                await self._feed.wait(min(self._positions.values()))

    async def take_over(self) -> None:
        """Enter the checkpoints under this owner's epoch, which fences the former owner out."""
        async with self._pool.connection() as connection, connection.transaction():
            for name in PROJECTIONS:
                await connection.execute(
                    "INSERT INTO checkpoints (name, position, epoch, definition) VALUES (%s, 0, %s, %s) "
                    "ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch WHERE checkpoints.epoch < excluded.epoch",
                    (name, self._fence.epoch, definition(name)),
                )
            cursor = await connection.execute(
                "SELECT name, position FROM checkpoints WHERE name = ANY(%s)", (list(PROJECTIONS),)
            )
            self._positions = dict(await cursor.fetchall())
            cursor = await connection.execute("SELECT projection, stream_id FROM parked_streams")
            self._parked = set(await cursor.fetchall())
        self._projections = {name: make(name) for name in PROJECTIONS}

    async def step(self) -> bool:
        """Bring those read models that are furthest behind one batch further. False where there is nothing to do."""
        position = min(self._positions.values())
        behind = [name for name, at in self._positions.items() if at == position]
        ahead = [at for at in self._positions.values() if at > position]
        entries = await self._feed.after(position, BATCH_EVENTS)
        if ahead:
            entries = [entry for entry in entries if entry.position <= min(ahead)]
        if not entries:
            return False
        parked = set(self._parked)
        try:
            async with self._pool.connection() as connection, connection.transaction():
                # The checkpoints first: a rebuild that wants to swap holds them before it wants the tables.
                await self._advance(connection, behind, position, entries[-1].position)
                for name in behind:
                    await self._project(connection, self._projections[name], entries)
        except BaseException:
            self._projections = {name: make(name) for name in PROJECTIONS}  # What they hold in memory wasn't written,
            self._parked = parked  # and neither was what was parked.
            raise
        self._positions.update(dict.fromkeys(behind, entries[-1].position))
        return True

    async def _project(self, connection: Connection, projection: Projection, entries: Sequence[LogEntry]) -> None:
        relevant = [entry for entry in entries if entry.fact.AGGREGATE in projection.subjects]
        if not relevant:
            return
        await projection.prepare(connection, relevant)
        for entry in relevant:
            if self._parked and (projection.name, entry.stream_id) in self._parked:
                continue
            try:
                projection.fold(entry)
            except (LookupError, ValueError, TypeError, NotImplementedError) as error:
                await self._park(connection, projection.name, entry, error)
        await projection.write(connection)

    async def _park(self, connection: Connection, name: str, entry: LogEntry, error: Exception) -> None:
        """Leave this stream out of this read model from here on; the others go on."""
        _log.error(
            "stream parked", projection=name, stream=str(entry.stream_id), position=entry.position, why=repr(error)
        )
        self._parked.add((name, entry.stream_id))
        await connection.execute(
            "INSERT INTO parked_streams (projection, stream_id, position, reason) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (name, entry.stream_id, entry.position, repr(error)),
        )

    async def _advance(self, connection: Connection, names: Sequence[str], old: int, new: int) -> None:
        cursor = await connection.execute(
            "UPDATE checkpoints SET position = %s, updated_at = clock_timestamp() "
            "WHERE name = ANY(%s) AND position = %s AND epoch = %s",
            (new, list(names), old, self._fence.epoch),
            prepare=True,
        )
        if cursor.rowcount != len(names):
            raise LeaseLost(f"the checkpoints of {', '.join(names)} have moved on under another owner")
