"""The rows that a batch of events touches: read once, changed in memory, written back as a set."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy import Table

from supportix.domain.aggregate import Aggregate
from supportix.store.log import LogEntry

LIVE = "read_model"
"""The database schema that holds the serving set of read models."""

KEPT_ROWS = 50_000

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")

Connection = psycopg.AsyncConnection[Any]
Key = tuple[Any, ...]
RowT = TypeVar("RowT", bound=msgspec.Struct)


class Projection(Protocol):
    """A read model: tables, and how events become their rows."""

    @property
    def name(self) -> str: ...

    @property
    def tables(self) -> tuple[Table, ...]: ...

    @property
    def subjects(self) -> tuple[type[Aggregate], ...]:
        """Whose events it consumes."""

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        """Read the rows that these events may change."""

    def fold(self, entry: LogEntry) -> None:
        """Change rows in memory. Raises what it can't make sense of."""

    async def write(self, connection: Connection) -> None:
        """Write the changed rows."""


class Rows(Generic[RowT]):
    """Rows of one table, by primary key. What is read stays in memory while this is the table's only writer."""

    def __init__(self, table: Table, row_type: type[RowT], schema: str) -> None:
        self._row_type = row_type
        self._columns = [column.name for column in table.columns]
        if tuple(self._columns) != row_type.__struct_fields__:
            raise TypeError(f"{row_type.__name__} has other fields than table {table.name} has columns")
        self._key_columns = [column.name for column in table.primary_key.columns]
        self._key: Callable[[RowT], Key] = lambda row: tuple(getattr(row, name) for name in self._key_columns)
        self._name = f"{schema}.{table.name}"
        self._kept: OrderedDict[Key, RowT | None] = OrderedDict()
        self._changed: dict[Key, RowT] = {}
        self._gone: set[Key] = set()

    def get(self, *key: Any) -> RowT | None:
        """A row that was fetched or put before."""
        return self._kept.get(key)

    def knows(self, *key: Any) -> bool:
        return key in self._kept

    def put(self, row: RowT) -> None:
        key = self._key(row)
        self._kept[key] = row
        self._changed[key] = row
        self._gone.discard(key)

    def drop(self, *key: Any) -> None:
        self._kept[key] = None
        self._changed.pop(key, None)
        self._gone.add(key)

    async def fetch(self, connection: Connection, keys: Iterable[Any]) -> None:
        """Read the rows with these values of the key's first column, unless they are known."""
        missing = [key for key in keys if (key,) not in self._kept]
        if not missing:
            return
        cursor = connection.cursor(binary=True)
        await cursor.execute(
            f"SELECT {', '.join(self._columns)} FROM {self._name} WHERE {self._key_columns[0]} = ANY(%s)",  # noqa: S608
            (missing,),
        )
        for values in await cursor.fetchall():
            row = self._row_type(*values)
            self._kept[self._key(row)] = row
        for key in missing:
            self._kept.setdefault((key,), None)

    async def write(self, connection: Connection) -> None:
        """Upsert what changed and delete what is gone, each in one statement."""
        if self._gone:
            await connection.execute(
                f"DELETE FROM {self._name} AS t USING json_populate_recordset(NULL::{self._name}, %s) AS g "  # noqa: S608
                f"WHERE {' AND '.join(f't.{name} = g.{name}' for name in self._key_columns)}",
                (_json([dict(zip(self._key_columns, key, strict=True)) for key in self._gone]),),
                prepare=True,
            )
        if self._changed:
            others = [name for name in self._columns if name not in self._key_columns]
            await connection.execute(
                f"INSERT INTO {self._name} SELECT * FROM json_populate_recordset(NULL::{self._name}, %s) "  # noqa: S608
                f"ON CONFLICT ({', '.join(self._key_columns)}) DO UPDATE "
                f"SET {', '.join(f'{name} = excluded.{name}' for name in others)}",
                (_json(list(self._changed.values())),),
                prepare=True,
            )
        self._changed.clear()
        self._gone.clear()
        while len(self._kept) > KEPT_ROWS:
            self._kept.popitem(last=False)


class Counts:
    """Rows that only ever grow by counts: written as additions, never read."""

    def __init__(self, table: Table, schema: str) -> None:
        self._key_columns = [column.name for column in table.primary_key.columns]
        self._counters = [column.name for column in table.columns if not column.primary_key]
        self._name = f"{schema}.{table.name}"
        self._added: dict[Key, dict[str, int]] = {}

    def add(self, key: Key, counter: str) -> None:
        row = self._added.setdefault(key, dict.fromkeys(self._counters, 0))
        row[counter] += 1

    async def write(self, connection: Connection) -> None:
        if not self._added:
            return
        rows = [dict(zip(self._key_columns, key, strict=True)) | counts for key, counts in self._added.items()]
        await connection.execute(
            f"INSERT INTO {self._name} AS t SELECT * FROM json_populate_recordset(NULL::{self._name}, %s) "  # noqa: S608
            f"ON CONFLICT ({', '.join(self._key_columns)}) DO UPDATE "
            f"SET {', '.join(f'{name} = t.{name} + excluded.{name}' for name in self._counters)}",
            (_json(rows),),
            prepare=True,
        )
        self._added.clear()


def stream_ids(entries: Iterable[LogEntry], kind: type[Aggregate]) -> set[UUID]:
    """The streams of a kind among these entries that had begun before them."""
    seen_first: set[UUID] = set()
    found: set[UUID] = set()
    for entry in entries:
        if entry.fact.AGGREGATE is kind:
            if entry.version == 1:
                seen_first.add(entry.stream_id)
            elif entry.stream_id not in seen_first:
                found.add(entry.stream_id)
    return found


def _json(rows: Any) -> str:
    """The rows as JSON that PostgreSQL takes: its text can't hold NUL, which becomes U+FFFD."""
    encoded = msgspec.json.encode(rows)
    return (_NUL.sub(rb"\1\\ufffd", encoded) if b"\\u0000" in encoded else encoded).decode()
