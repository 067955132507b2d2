"""How far the read models are, and reading them together with the position that they are true for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import ColumnElement, Select, func, literal, make_url, select, true, tuple_

from supportix.projections.catalogue import PROJECTIONS
from supportix.settings import Settings
from supportix.store.connections import was_ended
from supportix.store.schema import checkpoints

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry

ValueT = TypeVar("ValueT")
RowT = TypeVar("RowT", bound=msgspec.Struct)

LONGEST_QUERY_SECONDS = 15

_REACHED = (
    "SELECT CASE WHEN count(*) = %s THEN min(position) ELSE 0 END, min(updated_at) "
    "FROM checkpoints WHERE name = ANY(%s)"
)
_READ_MODELS = """
SELECT m.name, coalesce(c.position, 0) AS position, greatest(0, head.position - coalesce(c.position, 0)) AS lag_events,
    coalesce(round((
        SELECT extract(epoch FROM clock_timestamp() - recorded_at)
        FROM events WHERE position = coalesce(c.position, 0) + 1
    )::numeric, 3)::float, 0) AS lag_seconds,
    (SELECT count(*) FROM parked_streams AS p WHERE p.projection = m.name AND p.dropped_at IS NULL) AS parked
FROM unnest(%s::text[]) AS m (name)
CROSS JOIN (SELECT coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0) AS position) AS head
LEFT JOIN checkpoints AS c ON c.name = m.name
ORDER BY m.name
"""
_HEAD = "SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1"


class AsOf(msgspec.Struct, Generic[ValueT], frozen=True):
    """What was read, and the position of the log that it is true for."""

    position: int
    value: ValueT


class Progress(msgspec.Struct, frozen=True):
    """The last position of the log, and the one that all read models have reached."""

    head: int
    reached: int
    reached_at: datetime | None

    @property
    def lag(self) -> int:
        """How many events the slowest read model is behind."""
        return max(0, self.head - self.reached)


class ReadModelProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a read model is. `lag_seconds` is the age of the oldest event that it doesn't hold yet.

    `parked` counts the streams that it leaves out since they made no sense to it; not those dropped on purpose.
    """

    name: str
    position: int
    lag_events: int
    lag_seconds: float
    parked: int


class ReadDatabase:
    """Runs queries, each statement by itself, and none for longer than LONGEST_QUERY_SECONDS."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: AsyncEngine | None = None
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        engine = self._engine or await self.warm_up()
        async with engine.connect() as connection:
            yield connection

    async def warm_up(self) -> AsyncEngine:
        """Make the engine. Done beside the first requests, since importing its parts takes half a second."""
        async with self._making:
            if self._engine is None:
                self._engine = await asyncio.to_thread(_engine, self._settings)
            return self._engine

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()


def _engine(settings: Settings) -> AsyncEngine:
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        make_url(settings.required_database_url()).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=5.0,
        connect_args={"options": f"-c statement_timeout={LONGEST_QUERY_SECONDS * 1000}", "connect_timeout": 5},
    )
    event.listen(engine.sync_engine, "checkout", _must_be_alive)
    return engine


def _must_be_alive(_: object, record: ConnectionPoolEntry, __: object) -> None:
    """Have the engine replace a connection that the server has ended, without a question to the server."""
    from sqlalchemy.exc import DisconnectionError

    connection = record.driver_connection
    if connection is None or was_ended(connection):
        raise DisconnectionError


async def reached_position(pool: AsyncConnectionPool[Any]) -> int:
    """The position up to which every read model holds the log; 0 before the first was begun."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_REACHED, (len(PROJECTIONS), list(PROJECTIONS)), prepare=True)
        row = await cursor.fetchone()
    return int(row[0] or 0) if row else 0


async def progress(pool: AsyncConnectionPool[Any]) -> Progress:
    async with pool.connection() as connection:
        reached = await (
            await connection.execute(_REACHED, (len(PROJECTIONS), list(PROJECTIONS)), prepare=True)
        ).fetchone()
        head = await (await connection.execute(_HEAD, prepare=True)).fetchone()
    position, reached_at = reached or (0, None)
    return Progress(int(head[0]) if head else 0, int(position or 0), reached_at)


async def read_model_progress(pool: AsyncConnectionPool[Any]) -> tuple[ReadModelProgress, ...]:
    """How far each read model of this release is, by name."""
    async with pool.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(ReadModelProgress))
        await cursor.execute(_READ_MODELS, (list(PROJECTIONS),), prepare=True)
        return tuple(await cursor.fetchall())


def bound(columns: Sequence[ColumnElement[Any]], *values: Any) -> ColumnElement[Any]:
    """The values as a row, to hold the row of these columns against: what a page goes on behind."""
    return tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))


async def fetch(
    database: ReadDatabase,
    query: Select[Any],
    row_type: type[RowT],
    *,
    of: Sequence[str],
    order: Sequence[ColumnElement[Any]] = (),
    limit: int | None = None,
) -> AsOf[list[RowT]]:
    """Rows in order, read in one statement with the position of these read models, so that both are of one snapshot."""
    numbered = query.add_columns(func.row_number().over(order_by=order or None).label("ordinal"))
    found = numbered.order_by(*order).limit(limit).subquery("found")
    at = select(func.coalesce(func.min(checkpoints.c.position), 0).label("as_of")).where(checkpoints.c.name.in_(of))
    position = at.cte("at")
    columns = [column for column in found.c if column.name != "ordinal"]
    statement = (
        select(position.c.as_of, found.c.ordinal, *columns)
        .select_from(position.outerjoin(found, true()))
        .order_by(found.c.ordinal)
    )
    async with database.connect() as connection:
        rows = (await connection.execute(statement)).all()
    names = [str(column.name) for column in columns]
    values = [msgspec.convert(dict(zip(names, row[2:], strict=True)), row_type) for row in rows if row[1] is not None]
    return AsOf(int(rows[0][0]), values)


async def fetch_one(
    database: ReadDatabase, query: Select[Any], row_type: type[RowT], *, of: Sequence[str]
) -> AsOf[RowT | None]:
    """The first row, if there is one."""
    found = await fetch(database, query, row_type, of=of, limit=1)
    return AsOf(found.position, found.value[0] if found.value else None)
