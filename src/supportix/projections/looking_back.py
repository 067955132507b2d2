"""A read model as it was: folded from the log up to a position, into tables that only one connection sees and that go
away with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from supportix.domain.errors import InvalidInput
from supportix.projections.catalogue import make
from supportix.projections.folding import Folding, Told
from supportix.projections.rebuild import must_be_read_models
from supportix.projections.rows import Connection
from supportix.projections.shadow import create_tables

_OWN = "pg_temp"
_HEAD = "SELECT coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0)"


class PositionAhead(InvalidInput):
    """The log doesn't reach that far."""


class TableState(msgspec.Struct, frozen=True):
    """A table as it was: how many rows it had, and the first of them in the order of its key."""

    table: str
    total: int
    rows: list[dict[str, Any]]


async def state_as_of(
    pool: AsyncConnectionPool[Any],
    name: str,
    position: int,
    *,
    limit: int | None = None,
    told: Told = lambda _position: None,
) -> list[TableState]:
    """The tables of a read model as of a position. Refused: UnknownReadModel, PositionAhead.

    `limit`: at most so many rows of each table. What the read model can't make sense of is raised.
    """
    must_be_read_models([name])
    async with _connection_of_its_own(pool) as connection:
        head = int((await (await connection.execute(_HEAD)).fetchone() or [0])[0])
        if position > head:
            raise PositionAhead(f"position {position:,} was given; the log stands at {head:,}")
        tables = make(name).tables
        await create_tables(connection, tables, _OWN)
        await Folding([name], _OWN).up_to(connection, position, told)
        return [await _state(connection, table.name, [c.name for c in table.primary_key], limit) for table in tables]


@asynccontextmanager
async def _connection_of_its_own(pool: AsyncConnectionPool[Any]) -> AsyncIterator[Connection]:
    """One whose temporary tables nobody meets afterwards."""
    async with pool.connection() as connection:
        try:
            yield connection
        finally:
            await connection.execute("DISCARD TEMP")


async def _state(connection: Connection, table: str, key: list[str], limit: int | None) -> TableState:
    total = await (await connection.execute(f"SELECT count(*) FROM {_OWN}.{table}")).fetchone()  # noqa: S608
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(f"SELECT * FROM {_OWN}.{table} ORDER BY {', '.join(key)} LIMIT %s", (limit,))  # noqa: S608
    return TableState(table, int(total[0]) if total else 0, await cursor.fetchall())
