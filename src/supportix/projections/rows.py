"""The rows that a batch of events touches: read once, changed in memory, written back as a set."""

import re
from collections import OrderedDict
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy import Table

from supportix.domain.aggregate import Aggregate
from supportix.store.log import LogEntry

LIVE = "read_model"
"""The database schema that holds the serving set of read models."""

KEPT_ROWS = 10_000
"""So many rows of a table stay in memory between batches, unless it says otherwise: those that changed last."""

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")

Connection = psycopg.AsyncConnection[Any]
Key = tuple[Any, ...]
RowT = TypeVar("RowT", bound=msgspec.Struct)


class Projection(Protocol):
    """A read model: tables, and how events become their rows.

    Streams are independent of each other: a row follows from one stream's events in their order, or is a count
    (`Counts`) or the greatest of something (`Latest`) over many streams. So several workers can rebuild it together.
    """

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
    """Rows of one table, each of them one stream's. What is read stays in memory while this is the only writer.

    A row that was put without having been fetched is new: its stream began in this batch.
    """

    def __init__(self, table: Table, row_type: type[RowT], schema: str, *, kept: int | None = None) -> None:
        """`kept`: how many rows stay in memory between batches; None: KEPT_ROWS."""
        self._most_kept = KEPT_ROWS if kept is None else kept
        self._row_type = row_type
        self._columns = [column.name for column in table.columns]
        if tuple(self._columns) != row_type.__struct_fields__:
            raise TypeError(f"{row_type.__name__} has other fields than table {table.name} has columns")
        (key,) = table.primary_key.columns
        self._key_column = key.name
        self._key = attrgetter(key.name)
        self._name = f"{schema}.{table.name}"
        # By the keys' numbers: a UUID computes its hash in Python, at every look-up.
        self._kept: OrderedDict[int, RowT | None] = OrderedDict()
        self._changed: dict[int, RowT] = {}
        self._stored: set[int] = set()
        self._gone: dict[int, UUID] = {}

    def get(self, key: UUID) -> RowT | None:
        """A row that was fetched or put before."""
        return self._kept.get(key.int)

    def put(self, row: RowT) -> None:
        number = self._key(row).int
        self._kept[number] = row
        self._kept.move_to_end(number)
        self._changed[number] = row

    def drop(self, key: UUID) -> None:
        number = key.int
        self._kept[number] = None
        self._changed.pop(number, None)
        if number in self._stored:
            self._stored.discard(number)
            self._gone[number] = key

    async def fetch(self, connection: Connection, keys: Iterable[UUID]) -> None:
        """Read the rows with these keys, unless they are known."""
        missing = [key for key in keys if key.int not in self._kept]
        if not missing:
            return
        cursor = connection.cursor(binary=True)
        await cursor.execute(
            f"SELECT {', '.join(self._columns)} FROM {self._name} WHERE {self._key_column} = ANY(%s)",  # noqa: S608
            (missing,),
        )
        for values in await cursor.fetchall():
            row = self._row_type(*values)
            self._kept[self._key(row).int] = row
            self._stored.add(self._key(row).int)
        for key in missing:
            self._kept.setdefault(key.int, None)

    async def write(self, connection: Connection) -> None:
        """Delete what is gone, update what is stored and insert what is new, each in one statement."""
        if self._gone:
            await connection.execute(
                f"DELETE FROM {self._name} WHERE {self._key_column} = ANY(%s)",  # noqa: S608
                (list(self._gone.values()),),
                prepare=True,
            )
        new = [row for number, row in self._changed.items() if number not in self._stored]
        if len(new) < len(self._changed):
            await self._update(connection, [row for number, row in self._changed.items() if number in self._stored])
        if new:
            await self._insert(connection, new)
        self._stored.update(self._changed)
        self._changed.clear()
        self._gone.clear()
        while len(self._kept) > self._most_kept:
            number, _ = self._kept.popitem(last=False)
            self._stored.discard(number)

    async def _update(self, connection: Connection, rows: list[RowT]) -> None:
        others = [name for name in self._columns if name != self._key_column]
        await connection.execute(
            f"UPDATE {self._name} AS t SET {', '.join(f'{name} = c.{name}' for name in others)} "  # noqa: S608
            f"FROM json_populate_recordset(NULL::{self._name}, %s) AS c "
            f"WHERE t.{self._key_column} = c.{self._key_column}",
            (_json(rows),),
            prepare=True,
        )

    async def _insert(self, connection: Connection, rows: list[RowT]) -> None:
        await connection.execute(
            f"INSERT INTO {self._name} SELECT * FROM json_populate_recordset(NULL::{self._name}, %s)",  # noqa: S608
            (_json(rows),),
            prepare=True,
        )


class Merged:
    """Rows that many streams add to, each column in the same way: written as additions, never read.

    Keys are written in their order, so that several writers don't wait for each other in a circle.
    """

    def __init__(self, table: Table, schema: str, *, merge: str) -> None:
        """`merge`: what becomes of a stored value `{old}` and an added one `{new}`, in SQL."""
        self._key_columns = [column.name for column in table.primary_key.columns]
        self._values = [column.name for column in table.columns if not column.primary_key]
        self._name = f"{schema}.{table.name}"
        self._merge = ", ".join(
            f"{name} = {merge.format(old=f't.{name}', new=f'excluded.{name}')}" for name in self._values
        )
        self._added: dict[Key, dict[str, int]] = {}

    async def write(self, connection: Connection) -> None:
        if not self._added:
            return
        rows = [dict(zip(self._key_columns, key, strict=True)) | self._added[key] for key in sorted(self._added)]
        await connection.execute(
            f"INSERT INTO {self._name} AS t SELECT * FROM json_populate_recordset(NULL::{self._name}, %s) "  # noqa: S608
            f"ON CONFLICT ({', '.join(self._key_columns)}) DO UPDATE SET {self._merge}",
            (_json(rows),),
            prepare=True,
        )
        self._added.clear()


class Counts(Merged):
    """Rows that only ever grow by counts."""

    def __init__(self, table: Table, schema: str) -> None:
        super().__init__(table, schema, merge="{old} + {new}")

    def add(self, key: Key, counter: str, amount: int = 1) -> None:
        self.added(key)[counter] += amount

    def added(self, key: Key) -> dict[str, int]:
        """What is added to this row, by column: to be added to in turn."""
        row = self._added.get(key)
        if row is None:
            row = self._added[key] = dict.fromkeys(self._values, 0)
        return row


class Latest(Merged):
    """Rows that hold the greatest value there was, such as the position of what happened last."""

    def __init__(self, table: Table, schema: str) -> None:
        super().__init__(table, schema, merge="greatest({old}, {new})")
        (self._value,) = self._values

    def put(self, key: Key, value: int) -> None:
        """Values of a key come in their order."""
        self._added[key] = {self._value: value}


def stream_ids(entries: Iterable[LogEntry], kind: type[Aggregate]) -> list[UUID]:
    """The streams of a kind among these entries that had begun before them."""
    first: dict[int, LogEntry] = {}
    for entry in entries:
        if entry.fact.AGGREGATE is kind:
            first.setdefault(entry.stream_id.int, entry)
    return [entry.stream_id for entry in first.values() if entry.version > 1]


def _json(rows: Any) -> str:
    """The rows as JSON that PostgreSQL takes: its text can't hold NUL, which becomes U+FFFD."""
    encoded = msgspec.json.encode(rows)
    return (_NUL.sub(rb"\1\\ufffd", encoded) if b"\\u0000" in encoded else encoded).decode()
