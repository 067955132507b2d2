"""Partitions of the log: which there are, and making the next ones before the log's head gets there.

A partition is made as a table of its own and then attached. That holds up no reader and no writer, while
`CREATE TABLE ... PARTITION OF` locks out both (https://www.postgresql.org/docs/current/sql-altertable.html, "ATTACH
PARTITION takes SHARE UPDATE EXCLUSIVE"). Nothing is scanned, since the table is new and empty.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import sql

from supportix.store.schema import PARTITION_POSITIONS

AHEAD = 2
"""How many empty partitions lie beyond the log's head, where nobody says otherwise."""
TRIES = 20
PAUSE_SECONDS = 0.5
_LOCK_MILLISECONDS = 200
_PARTITIONS_LOCK = 7_305_113_027_005

_PRESENT = r"""
WITH bounds AS (
    SELECT c.relname AS name, regexp_match(
        pg_get_expr(c.relpartbound, c.oid), 'FROM \(''?(\d+)''?\) TO \(''?(\d+)''?\)'
    )::bigint[] AS span
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'events'::regclass
), head AS (
    SELECT coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0) AS position
)
SELECT name, span[1], span[2], head.position > 0 AND span[1] <= head.position FROM bounds, head ORDER BY span[1]
"""

_log = structlog.get_logger(__name__)


class Partition(msgspec.Struct, frozen=True):
    """A table that holds the positions from `first` up to, not including, `beyond`."""

    name: str
    first: int
    beyond: int
    holds_events: bool


async def present(connection: psycopg.AsyncConnection[Any]) -> list[Partition]:
    """The partitions that are attached, in the order of the log."""
    cursor = await connection.execute(_PRESENT)
    return [Partition(*row) for row in await cursor.fetchall()]


async def ensure_ahead(
    connection: psycopg.AsyncConnection[Any], ahead: int = AHEAD, size: int = PARTITION_POSITIONS
) -> list[Partition]:
    """Make partitions until at least `ahead` lie empty beyond the log's head. Returns those that it made.

    The connection is one that commits each statement. Several at once make none twice. Raises
    psycopg.errors.LockNotAvailable after TRIES waits for whoever changes the table meanwhile.
    """
    made: list[Partition] = []
    tries = 0
    while True:
        try:
            partition = await _make_next(connection, ahead, size)
        except psycopg.errors.LockNotAvailable:
            tries += 1
            if tries == TRIES:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if partition is None:
            return made
        _log.info("partition made", partition=partition.name, first=partition.first, beyond=partition.beyond)
        made.append(partition)


async def _make_next(connection: psycopg.AsyncConnection[Any], ahead: int, size: int) -> Partition | None:
    """Make one partition, unless enough are there."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_PARTITIONS_LOCK,))
        known = await present(connection)
        if _empty_ahead(known) >= ahead:
            return None
        partition = _next(known, size)
        name = sql.Identifier(partition.name)
        await connection.execute(sql.SQL("CREATE TABLE {} (LIKE events INCLUDING ALL)").format(name))
        attach = sql.SQL("ALTER TABLE events ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
        await connection.execute(attach.format(name, partition.first, partition.beyond))
    return partition


def _empty_ahead(known: Sequence[Partition]) -> int:
    """How many partitions lie beyond the one that the log has reached; an empty log has reached the first."""
    return len(known) - max(1, sum(partition.holds_events for partition in known))


def _next(known: Sequence[Partition], size: int) -> Partition:
    if not known:
        return Partition("events_p0000", 0, size, holds_events=False)
    number = int(known[-1].name.removeprefix("events_p")) + 1
    return Partition(f"events_p{number:04}", known[-1].beyond, known[-1].beyond + size, holds_events=False)
