"""Reading the log: by position, by name, by stream, as of a version or a time, and its head."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from supportix.domain.aggregate import Aggregate, DomainEvent, Fact
from supportix.domain.history import FACTS
from supportix.store.errors import CorruptEvent
from supportix.store.mapper import decode_fact

_log = structlog.get_logger(__name__)


class Unreadable(Fact, frozen=True, kw_only=True, gc=False):
    """Stands for an event that this release can't read, perhaps a newer one's. It has a place, and no content."""

    AGGREGATE: ClassVar[type[Aggregate]] = Aggregate
    name: str
    reason: str

    def may_concern(self, kinds: Sequence[type[Aggregate]]) -> bool:
        """Whether its stream may be of one of these kinds; under a name that is unknown, it may be of any."""
        known = FACTS.get(self.name)
        return known is None or known.AGGREGATE in kinds


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """An event at its position in the log."""

    position: int
    stream_id: UUID
    version: int
    fact: Fact
    command_id: UUID
    recorded_at: datetime

    @property
    def name(self) -> str:
        """The stored name of its fact."""
        return self.fact.name if isinstance(self.fact, Unreadable) else self.fact.TOPIC

    @property
    def event(self) -> DomainEvent:
        return DomainEvent(self.stream_id, self.version, self.fact)


class Scan(msgspec.Struct, frozen=True):
    """What was found up to a position. Go on after `scanned`; that is all there is while it equals the head."""

    entries: list[LogEntry]
    scanned: int


SCANNED_POSITIONS = 50_000
"""How far one scan goes at most, so that a rare name costs no walk through the whole log."""

Row = tuple[int, UUID, int, str, bytes, UUID, datetime]

EVENT_COLUMNS = "position, stream_id, version, name, body, command_id, recorded_at"
"""What `entry` takes, in its order."""

_AFTER = f"SELECT {EVENT_COLUMNS} FROM events WHERE position > %s ORDER BY position LIMIT %s"  # noqa: S608
_BETWEEN = f"SELECT {EVENT_COLUMNS} FROM events WHERE position BETWEEN %s AND %s ORDER BY position"  # noqa: S608
_NAMED = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE position > %s AND position <= %s AND name = ANY(%s) "  # noqa: S608
    "ORDER BY position LIMIT %s"
)
# Without the bounds that `streams` has: with them PostgreSQL reads all positions between a stream's first and last.
_STREAM = f"SELECT {EVENT_COLUMNS} FROM events WHERE stream_id = %s AND version > %s ORDER BY version"  # noqa: S608
_STREAM_AS_OF = _STREAM.replace(" ORDER BY", " AND version <= %s AND position <= %s ORDER BY")
_STREAMS = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE stream_id = ANY(%s) AND position <= %s ORDER BY stream_id, version"  # noqa: S608
)
_PART_OF_STREAM = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE stream_id = %s "  # noqa: S608
    "AND position BETWEEN %s AND %s ORDER BY version"
)
_HEAD = "SELECT position FROM events ORDER BY position DESC LIMIT 1"
_NEWEST_VERSION = 2**31 - 1
_LAST_POSITION = 2**63 - 1

POSITION_AT = """
WITH RECURSIVE head AS (
    SELECT coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0) AS position
), search AS (
    SELECT 1::bigint << 61 AS step, 0::bigint AS found
    UNION ALL
    SELECT step >> 1, CASE WHEN found + step <= head.position AND coalesce(
        (SELECT e.recorded_at FROM events AS e WHERE e.position = found + step) <= %(moment)s, true
    ) THEN found + step ELSE found END
    FROM search, head WHERE step > 0
)
SELECT found FROM search WHERE step = 0
"""
"""Where the log stood at a moment, as `EventLog.position_at` says, in a few dozen reads of single positions.

Each step tries to go on by half of the last one. A position that isn't there was archived, and so is old.
"""


def entry(row: Sequence[Any]) -> LogEntry:
    """The entry that a row of events holds. Raises CorruptEvent."""
    position, stream_id, version, name, body, command_id, recorded_at = row
    return LogEntry(position, stream_id, version, decode_fact(name, body, stream_id, version), command_id, recorded_at)


async def part_of_stream(
    connection: psycopg.AsyncConnection[Any], stream_id: UUID, first: int, last: int
) -> list[LogEntry]:
    """A stream's entries between two positions, both included, as this transaction sees them. Raises CorruptEvent."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(_PART_OF_STREAM, (stream_id, first, last))
    return [entry(row) for row in await cursor.fetchall()]


class EventLog:
    """The log, read through a pool of connections."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def after(self, position: int, limit: int) -> list[LogEntry]:
        """Up to `limit` entries whose position is greater, in order. Positions have no gaps. Raises CorruptEvent."""
        return [entry(row) for row in await self.rows_after(position, limit)]

    async def readable_after(self, position: int, limit: int) -> list[LogEntry]:
        """The same for those who must go on, with Unreadable in the place of an event that can't be read."""
        rows = await self.rows_after(position, limit)
        try:
            return [entry(row) for row in rows]
        except CorruptEvent:
            return [_entry_or_mark(row) for row in rows]

    async def rows_after(self, position: int, limit: int) -> list[Row]:
        """The same, not decoded."""
        return await self._rows(_AFTER, (position, limit))

    async def between(self, first: int, last: int) -> list[LogEntry]:
        """The entries at these positions, both included."""
        return [entry(row) for row in await self._rows(_BETWEEN, (first, last))]

    async def named(self, names: Sequence[str], after: int, limit: int) -> Scan:
        """Up to `limit` entries of these stored names whose position is greater, within SCANNED_POSITIONS."""
        head = await self.head()  # First, since what is read afterwards holds at least all up to it.
        until = max(after, min(after + SCANNED_POSITIONS, head))
        entries = [entry(row) for row in await self._rows(_NAMED, (after, until, list(names), limit))]
        return Scan(entries, entries[-1].position if len(entries) == limit else until)

    async def stream(
        self, stream_id: UUID, after_version: int = 0, up_to_version: int | None = None, at: datetime | None = None
    ) -> list[LogEntry]:
        """The entries of one stream whose version is greater, in order: all, or as of a version, or of a time.

        As of a time are those up to `position_at` it, so that streams read as of the same time fit together.
        """
        if up_to_version is None and at is None:
            return [entry(row) for row in await self._rows(_STREAM, (stream_id, after_version))]
        version = _NEWEST_VERSION if up_to_version is None else up_to_version
        position = _LAST_POSITION if at is None else await self.position_at(at)
        return [entry(row) for row in await self._rows(_STREAM_AS_OF, (stream_id, after_version, version, position))]

    async def position_at(self, moment: datetime) -> int:
        """The last position recorded at or before a time; 0 where the log begins later.

        The store gives out times in the order of positions, as long as its server's clock isn't set back. Where it
        was, this is one of the positions recorded by then whose follower was recorded later.
        """
        async with self._pool.connection() as connection:
            row = await (await connection.execute(POSITION_AT, {"moment": moment})).fetchone()
            return int(row[0]) if row else 0

    async def streams(self, stream_ids: Sequence[UUID], up_to: int = _LAST_POSITION) -> Mapping[UUID, list[LogEntry]]:
        """All entries of many streams, up to a position."""
        found: dict[UUID, list[LogEntry]] = {}
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_STREAMS, (list(stream_ids), up_to))
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

    async def _rows(self, statement: str, parameters: tuple[object, ...]) -> list[Row]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(statement, parameters, prepare=True)
            rows: list[Row] = await cursor.fetchall()
            return rows


def _entry_or_mark(row: Row) -> LogEntry:
    try:
        return entry(row)
    except CorruptEvent as error:
        position, stream_id, version, name, _, command_id, recorded_at = row
        _log.error(
            "event can't be read",
            stream=str(stream_id),
            version=version,
            event_name=name,
            position=position,
            why=str(error),
        )
        mark = Unreadable(occurred_at=recorded_at, name=name, reason=str(error))
        return LogEntry(position, stream_id, version, mark, command_id, recorded_at)
