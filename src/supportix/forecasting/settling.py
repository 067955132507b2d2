"""Waiting until read models hold what stands in the log."""

import asyncio
from collections.abc import Collection

from supportix.commands.desk import SupportDesk

LOOK_SECONDS = 0.05
_REACHED = "SELECT coalesce(min(position), 0), count(*) FROM checkpoints WHERE name = ANY(%s)"


async def settled(desk: SupportDesk, names: Collection[str]) -> None:
    """Wait until these read models hold all that stands in the log now."""
    head = await desk.reading.head()
    while True:
        async with desk.pool.connection() as connection:
            row = await (await connection.execute(_REACHED, (list(names),))).fetchone()
        if row is not None and row[1] == len(names) and row[0] >= head:
            return
        await asyncio.sleep(LOOK_SECONDS)
