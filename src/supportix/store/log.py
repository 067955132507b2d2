"""Reading the log: by position, by stream, and its head."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.aggregate import DomainEvent, Fact
from supportix.store.mapper import decode_fact


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """An event at its position in the log."""

    position: int
    stream_id: UUID
    version: int
    fact: Fact
    command_id: UUID
    recorded_at: datetime

    @property
    def event(self) -> DomainEvent:
        return DomainEvent(self.stream_id, self.version, self.fact)


Row = tuple[int, UUID, int, str, bytes, UUID, datetime]

_COLUMNS = "position, stream_id, version, name, body, command_id, recorded_at"
_AFTER = f"SELECT {_COLUMNS} FROM events WHERE position > %s ORDER BY position LIMIT %s"  # noqa: S608
# Without the bounds that `streams` has: with them PostgreSQL reads all positions between a stream's first and last.
_STREAM = f"SELECT {_COLUMNS} FROM events WHERE stream_id = %s AND version > %s ORDER BY version"  # noqa: S608
_STREAMS = f"SELECT {_COLUMNS} FROM events WHERE stream_id = ANY(%s) ORDER BY stream_id, version"  # noqa: S608
_HEAD = "SELECT position FROM events ORDER BY position DESC LIMIT 1"


def entry(row: Sequence[Any]) -> LogEntry:
    """The entry that a row of events holds. Raises CorruptEvent."""
    position, stream_id, version, name, body, command_id, recorded_at = row
    return LogEntry(position, stream_id, version, decode_fact(name, body, stream_id, version), command_id, recorded_at)


class EventLog:
    """The log, read through a pool of connections."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def after(self, position: int, limit: int) -> list[LogEntry]:
        """Up to `limit` entries whose position is greater, in order. Positions have no gaps."""
        return [entry(row) for row in await self.rows_after(position, limit)]

    async def rows_after(self, position: int, limit: int) -> list[Row]:
        """The same, not decoded."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_AFTER, (position, limit), prepare=True)
            rows: list[Row] = await cursor.fetchall()
            return rows

    async def stream(self, stream_id: UUID, after_version: int = 0) -> list[LogEntry]:
        """The entries of one stream whose version is greater, in order."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_STREAM, (stream_id, after_version), prepare=True)
            return [entry(row) for row in await cursor.fetchall()]

    async def streams(self, stream_ids: Sequence[UUID]) -> Mapping[UUID, list[LogEntry]]:
        """All entries of many streams."""
        found: dict[UUID, list[LogEntry]] = {}
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_STREAMS, (list(stream_ids),))
            async for row in cursor:
                found.setdefault(row[1], []).append(entry(row))
        return found

    async def head(self) -> int:
        """The last position; 0 while nothing is recorded."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_HEAD, prepare=True)
            row = await cursor.fetchone()
            return int(row[0]) if row else 0
