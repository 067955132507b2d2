"""Reading rows by column name, whatever row factory the caller's pool is set to."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[Any]]
Values: TypeAlias = Sequence[object] | Mapping[str, object]


async def one(connection: AsyncConnection[Any], query: str, values: Values = ()) -> DictRow | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()


async def every(connection: AsyncConnection[Any], query: str, values: Values = ()) -> list[DictRow]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
