"""Folds the log from its beginning into read models of a schema of their own: for rebuilds, and for looking back.

Rows are written only now and then, so that a row that changes often is written once. What is kept in memory is bounded,
however long the log is.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from supportix.projections.catalogue import make
from supportix.projections.rows import Connection, Projection
from supportix.store.log import EVENT_COLUMNS, LogEntry, entry

PAGE = 5_000
WRITE_EVENTS = 20_000
"""After so many events the changed rows are written."""

Told = Callable[[int], None]
"""Told the position that has been reached."""


class Share(msgspec.Struct, frozen=True):
    """Which streams one of several workers takes: those whose id's last byte, modulo `of`, is `number`."""

    number: int = 0
    of: int = 1


WHOLE = Share()

_PAGE_OF_ALL = f"SELECT {EVENT_COLUMNS} FROM events WHERE position > %s AND position <= %s ORDER BY position"  # noqa: S608
_PAGE_OF_SHARE = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE position > %s AND position <= %s "  # noqa: S608
    "AND get_byte(uuid_send(stream_id), 15) %% %s = %s ORDER BY position"
)


class Folding:
    """These read models in this schema, whose tables are empty at first, as of a position that only grows."""

    def __init__(self, names: Sequence[str], schema: str, share: Share = WHOLE) -> None:
        self.position = 0
        self._share = share
        self._projections: list[Projection] = [make(name, schema) for name in names]
        self._unwritten = 0

    async def up_to(self, connection: Connection, goal: int, told: Told = lambda _position: None) -> None:
        """Fold on to this position and write all rows. Raises what a read model can't make sense of."""
        while self.position < goal:
            page_end = min(self.position + PAGE, goal)
            await self._fold(connection, await self._page(connection, page_end))
            self.position = page_end
            if self._unwritten >= WRITE_EVENTS or self.position == goal:
                await self._write(connection)
            told(self.position)

    async def _page(self, connection: Connection, page_end: int) -> list[LogEntry]:
        cursor = connection.cursor(binary=True)
        if self._share.of == 1:
            await cursor.execute(_PAGE_OF_ALL, (self.position, page_end), prepare=True)
        else:
            parameters: tuple[Any, ...] = (self.position, page_end, self._share.of, self._share.number)
            await cursor.execute(_PAGE_OF_SHARE, parameters, prepare=True)
        return [entry(row) for row in await cursor.fetchall()]

    async def _fold(self, connection: Connection, entries: list[LogEntry]) -> None:
        for projection in self._projections:
            relevant = [each for each in entries if each.fact.AGGREGATE in projection.subjects]
            await projection.prepare(connection, relevant)
            for each in relevant:
                projection.fold(each)
        self._unwritten += len(entries)

    async def _write(self, connection: Connection) -> None:
        async with connection.transaction():
            for projection in self._projections:
                await projection.write(connection)
        self._unwritten = 0
