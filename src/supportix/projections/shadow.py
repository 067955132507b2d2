"""The sets of tables beside the serving one: making them empty, finishing them, holding them against each other."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from supportix.projections.rows import LIVE, Connection

SHADOW = "read_model_next"
"""The schema of the set that a rebuild makes."""

FORMER = "read_model_former"
"""The schema of the set that served before the last rebuild."""

SHARE_LOCK = 7_305_113_027_004
"""Held shared by everyone who writes into the shadow set, and exclusively by who makes it anew."""

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class Comparison(msgspec.Struct, frozen=True):
    """A serving table and its rebuilt twin, at the same position. A digest is over all rows, whatever their order."""

    table: str
    serving_rows: int
    rebuilt_rows: int
    equal: bool


async def create_shadow(connection: Connection, tables: Iterable[Table]) -> None:
    """An empty set of these tables, without their indexes; what an interrupted rebuild left is dropped."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (SHARE_LOCK,))
        await connection.execute(f"DROP SCHEMA IF EXISTS {SHADOW} CASCADE")
        await connection.execute(f"CREATE SCHEMA {SHADOW}")
        await create_tables(connection, tables, SHADOW)


async def create_tables(connection: Connection, tables: Iterable[Table], schema: str) -> None:
    for table in tables:
        statement = str(CreateTable(_in_schema(table, schema)).compile(dialect=_DIALECT))
        await connection.execute(statement.encode())


async def index_shadow(connection: Connection, tables: Iterable[Table]) -> None:
    """Give the filled tables their indexes and the planner its statistics."""
    for table in tables:
        for index in _in_schema(table, SHADOW).indexes:
            await connection.execute(str(CreateIndex(index).compile(dialect=_DIALECT)).encode())
        await connection.execute(f"ANALYZE {SHADOW}.{table.name}")


async def compare(connection: Connection, tables: Sequence[Table]) -> tuple[Comparison, ...]:
    """Hold the shadow set against the serving one, in the snapshot of the transaction that is open."""
    comparisons = []
    for table in tables:
        serving = await _digest(connection, table, LIVE)
        rebuilt = await _digest(connection, table, SHADOW)
        comparisons.append(Comparison(table.name, serving[0], rebuilt[0], serving == rebuilt))
    return tuple(comparisons)


def _in_schema(table: Table, schema: str) -> Table:
    return table.to_metadata(MetaData(naming_convention=table.metadata.naming_convention), schema=schema)


async def _digest(connection: Connection, table: Table, schema: str) -> tuple[int, int]:
    """Rows, and a sum of their hashes. A column that a migration added stands elsewhere in the serving table."""
    columns = ", ".join(f"t.{column.name}" for column in table.columns)
    cursor = await connection.execute(
        f"SELECT count(*), coalesce(sum(hash_record_extended(ROW({columns}), 0)::numeric), 0) "  # noqa: S608
        f"FROM {schema}.{table.name} AS t"
    )
    row = await cursor.fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
