"""Parked streams: what a read model leaves out, since it made no sense to it; to be seen, retried and dropped.

A retry folds what was left out, up to the read model's checkpoint, whose row it holds meanwhile. So the runner waits,
then goes on from there, and forgets the rows that it had in memory.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from supportix.domain.errors import Conflict, NotFound
from supportix.projections.catalogue import PROJECTIONS, make
from supportix.projections.rows import Connection
from supportix.store.errors import CorruptEvent
from supportix.store.log import LogEntry, part_of_stream

SENSELESS = (LookupError, ValueError, TypeError, NotImplementedError)
"""What a read model raises of an event that it can't make sense of."""
UNFIT = (psycopg.DataError, psycopg.IntegrityError)
"""What the database raises of rows that it can't take, whoever writes them, and whenever."""

_COLUMNS = "projection, stream_id, position, reason, parked_at, dropped_at"
_PARKED = (
    f"SELECT {_COLUMNS} FROM parked_streams WHERE (projection, stream_id) > (%s, %s) "  # noqa: S608
    "ORDER BY projection, stream_id LIMIT %s"
)
_FIRST = ("", UUID(int=0))


class ParkedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a read model leaves out from a position on. With `dropped_at`, somebody wants it so."""

    projection: str
    stream_id: UUID
    position: int
    reason: str
    parked_at: datetime
    dropped_at: datetime | None


class NotParked(NotFound):
    """That stream is not parked for that read model."""


class StaysParked(Conflict):
    """The read model still can't make sense of the stream."""


def told(error: Exception) -> str:
    """The error in one line. A database's tells no values of the row: these may be what people wrote."""
    if isinstance(error, psycopg.Error):
        return f"{type(error).__name__}: {error.diag.constraint_name or error.sqlstate}"
    return str(error) if isinstance(error, CorruptEvent) else repr(error)


async def parked_streams(
    pool: AsyncConnectionPool[Any], *, behind: tuple[str, UUID] | None = None, limit: int | None = None
) -> Sequence[ParkedStream]:
    """Those parked, dropped ones too, by read model and id of the stream."""
    async with pool.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(ParkedStream))
        await cursor.execute(_PARKED, (*(behind or _FIRST), limit))
        found: list[ParkedStream] = await cursor.fetchall()
        return found


async def park(connection: Connection, name: str, entry: LogEntry, reason: str) -> None:
    """Leave the entry's stream out of this read model from this entry on."""
    await connection.execute(
        "INSERT INTO parked_streams (projection, stream_id, position, reason) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (name, entry.stream_id, entry.position, reason),
    )


async def retry(pool: AsyncConnectionPool[Any], name: str, stream_id: UUID) -> None:
    """Take a parked stream up again, with all that was left out of it.

    Refused: NotParked; StaysParked with the new reason, where it makes no sense still.
    """
    async with pool.connection() as connection, connection.transaction():
        reached = await _hold(connection, name, stream_id)
        parked = await _find(connection, name, stream_id)
        try:
            async with connection.transaction():
                await _fold(connection, parked, reached)
        except (*SENSELESS, *UNFIT, CorruptEvent) as error:
            reason = told(error)
            await _note(connection, parked, reason)
        else:
            await _forget(connection, parked)
            return
    raise StaysParked(reason)


async def drop(pool: AsyncConnectionPool[Any], name: str, stream_id: UUID) -> ParkedStream:
    """Leave a parked stream out until the read model is rebuilt; it is no trouble any more. Refused: NotParked."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            "UPDATE parked_streams SET dropped_at = coalesce(dropped_at, clock_timestamp()) "
            "WHERE projection = %s AND stream_id = %s",
            (name, stream_id),
        )
        return await _find(connection, name, stream_id)


async def _hold(connection: Connection, name: str, stream_id: UUID) -> int:
    """Keep the read model where it is, and tell where that is."""
    cursor = await connection.execute("SELECT position FROM checkpoints WHERE name = %s FOR UPDATE", (name,))
    row = await cursor.fetchone()
    if row is None or name not in PROJECTIONS:
        raise _not_parked(name, stream_id)
    return int(row[0])


async def _find(connection: Connection, name: str, stream_id: UUID) -> ParkedStream:
    cursor = connection.cursor(row_factory=class_row(ParkedStream))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM parked_streams WHERE projection = %s AND stream_id = %s",  # noqa: S608
        (name, stream_id),
    )
    parked = await cursor.fetchone()
    if parked is None:
        raise _not_parked(name, stream_id)
    return parked


def _not_parked(name: str, stream_id: UUID) -> NotParked:
    return NotParked(
        f"read model {name!r} has no parked stream {stream_id}; one of those that are listed as parked was expected"
    )


async def _fold(connection: Connection, parked: ParkedStream, reached: int) -> None:
    """Write what was left out."""
    projection = make(parked.projection)
    entries = await part_of_stream(connection, parked.stream_id, parked.position, reached)
    relevant = [entry for entry in entries if entry.fact.AGGREGATE in projection.subjects]
    await projection.prepare(connection, relevant)
    for entry in relevant:
        projection.fold(entry)
    await projection.write(connection)


async def _note(connection: Connection, parked: ParkedStream, reason: str) -> None:
    await connection.execute(
        "UPDATE parked_streams SET reason = %s WHERE projection = %s AND stream_id = %s",
        (reason, parked.projection, parked.stream_id),
    )


async def _forget(connection: Connection, parked: ParkedStream) -> None:
    await connection.execute(
        "DELETE FROM parked_streams WHERE projection = %s AND stream_id = %s", (parked.projection, parked.stream_id)
    )
