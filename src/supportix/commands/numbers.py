"""Ticket numbers for people: `SUP-2026-000123`, unique, rising, without a counter that every ticket waits for.

Each process takes blocks of numbers. A block is one number long at first and doubles while blocks are used up within a
second, so a quiet desk counts without gaps and a busy one takes a block every few hundred tickets. What a process
has not used when it stops stays unused.
"""

import asyncio
import time
from typing import Any

from psycopg_pool import AsyncConnectionPool

LARGEST_BLOCK = 256
PREFIX = "SUP"

_TAKE = """
INSERT INTO ticket_number_blocks AS b (year, next_number) VALUES (%(year)s, 1 + %(size)s)
ON CONFLICT (year) DO UPDATE SET next_number = b.next_number + %(size)s
RETURNING next_number - %(size)s
"""


class TicketNumbers:
    """Hands out numbers, block by block, for one process."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._blocks: dict[int, range] = {}
        self._size = 1
        self._taken_at = 0.0
        self._taking = asyncio.Lock()

    async def next(self, year: int) -> str:
        """The next number of that year."""
        while True:
            block = self._blocks.get(year)
            if block:
                self._blocks[year] = block[1:]
                return number(year, block[0])
            async with self._taking:
                if not self._blocks.get(year):
                    self._blocks[year] = await self._take(year)

    async def _take(self, year: int) -> range:
        now = time.monotonic()
        self._size = min(self._size * 2, LARGEST_BLOCK) if now - self._taken_at < 1.0 else max(1, self._size // 2)
        self._taken_at = now
        first = await reserve_numbers(self._pool, year, self._size)
        return range(first, first + self._size)


async def reserve_numbers(pool: AsyncConnectionPool[Any], year: int, size: int) -> int:
    """Take `size` numbers of a year at once; returns the first."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_TAKE, {"year": year, "size": size})
        row = await cursor.fetchone()
    if row is None:
        raise AssertionError("INSERT ... RETURNING returns a row")
    return int(row[0])


def number(year: int, ordinal: int) -> str:
    return f"{PREFIX}-{year}-{ordinal:06}"
