"""Keeps all read models up with the log: one reading for all, rows and checkpoints in one transaction per batch."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import product
from typing import Any
from uuid import UUID

import structlog
from psycopg_pool import AsyncConnectionPool

from supportix.projections.catalogue import PROJECTIONS, definition, make
from supportix.projections.parked import SENSELESS, UNFIT, park, told
from supportix.projections.rows import Connection, Projection
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.feed import LogFeed
from supportix.store.log import LogEntry, Unreadable

LEASE = "projections"
BATCH_EVENTS = 5_000
PACE_SECONDS = 0.01
"""Batches start at least this far apart: under load a batch then holds what came in meanwhile."""

Project = Callable[[Connection, Sequence[str], Sequence[LogEntry]], Awaitable[None]]

_log = structlog.get_logger(__name__)


class ProjectionRunner:
    """The one writer of the serving read models, as long as it holds the lease."""

    def __init__(self, pool: AsyncConnectionPool[Any], feed: LogFeed, fence: Fence) -> None:
        self._pool = pool
        self._feed = feed
        self._fence = fence
        self._projections: dict[str, Projection] = {}
        self._positions: dict[str, int] = {}
        self._parked: set[tuple[str, UUID]] = set()

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
        try:
            await self._take_in(behind, position, entries, self._project_all)
        except UNFIT:
            await self._take_in(behind, position, entries, self._project_singly)
        self._positions.update(dict.fromkeys(behind, entries[-1].position))
        return True

    async def _take_in(self, names: list[str], position: int, entries: Sequence[LogEntry], project: Project) -> None:
        """Bring these read models from the position to that of the last entry, all or nothing."""
        parked = set(self._parked)
        try:
            async with self._pool.connection() as connection, connection.transaction():
                # The checkpoints first: a rebuild that wants to swap holds them before it wants the tables.
                await self._advance(connection, names, position, entries[-1].position)
                if self._parked:
                    await self._notice_retries(connection, names)
                await project(connection, names, entries)
        except BaseException:
            self._projections = {name: make(name) for name in PROJECTIONS}  # What they hold in memory wasn't written,
            self._parked = parked  # and neither was what was parked.
            raise

    async def _project_all(self, connection: Connection, names: Sequence[str], entries: Sequence[LogEntry]) -> None:
        """Fold one read model while the database still writes those before it."""
        async with connection.pipeline():
            for name in names:
                await self._project(connection, name, entries)

    async def _project(self, connection: Connection, name: str, entries: Sequence[LogEntry]) -> None:
        projection = self._projections[name]
        kinds = (*projection.subjects, Unreadable.AGGREGATE)
        relevant = [entry for entry in entries if entry.fact.AGGREGATE in kinds]
        if not relevant:
            return
        await projection.prepare(connection, relevant)
        for entry in relevant:
            if self._parked and (name, entry.stream_id) in self._parked:
                continue
            if isinstance(entry.fact, Unreadable):
                if entry.fact.may_concern(projection.subjects):
                    await self._park(connection, name, entry, entry.fact.reason)
                continue
            try:
                projection.fold(entry)
            except SENSELESS as error:
                await self._park(connection, name, entry, told(error))
        await projection.write(connection)

    async def _project_singly(self, connection: Connection, names: Sequence[str], entries: Sequence[LogEntry]) -> None:
        """The same, entry by entry, to find and park the streams whose rows the database doesn't take."""
        for name, entry in product(names, entries):
            try:
                async with connection.transaction():
                    await self._project(connection, name, [entry])
            except UNFIT as error:
                self._projections[name] = make(name)  # The former one still wants to write that row.
                await self._park(connection, name, entry, told(error))

    async def _park(self, connection: Connection, name: str, entry: LogEntry, reason: str) -> None:
        """Leave this stream out of this read model from here on; the others go on."""
        _log.error(
            "stream parked",
            projection=name,
            stream=str(entry.stream_id),
            version=entry.version,
            event_name=entry.name,
            position=entry.position,
            why=reason,
        )
        self._parked.add((name, entry.stream_id))
        await park(connection, name, entry, reason)

    async def _notice_retries(self, connection: Connection, names: list[str]) -> None:
        """Take up again what is parked no longer. Its rows have changed, and none of those in memory are sure."""
        cursor = await connection.execute(
            "SELECT projection, stream_id FROM parked_streams WHERE projection = ANY(%s)", (names,), prepare=True
        )
        still = set(await cursor.fetchall())
        retried = {name for name, _ in self._parked - still if name in names}
        self._projections.update({name: make(name) for name in retried})
        self._parked = {each for each in self._parked if each[0] not in names} | still

    async def _advance(self, connection: Connection, names: Sequence[str], old: int, new: int) -> None:
        cursor = await connection.execute(
            "UPDATE checkpoints SET position = %s, updated_at = clock_timestamp() "
            "WHERE name = ANY(%s) AND position = %s AND epoch = %s",
            (new, list(names), old, self._fence.epoch),
            prepare=True,
        )
        if cursor.rowcount != len(names):
            raise LeaseLost(f"the checkpoints of {', '.join(names)} have moved on under another owner")
