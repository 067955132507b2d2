"""Events that can't be read, as a fault of the disk, a hasty hand or a newer release leaves them."""

from supportix.bootstrap import Core


async def spoil(core: Core, position: int, name: str | None = None) -> bytes:
    """Make the event at this position unreadable, by its name if one is given; returns the body that it had."""
    async with core.pool.connection() as connection, connection.transaction():
        cursor = await connection.execute("SELECT body FROM events WHERE position = %s", (position,))
        (body,) = await cursor.fetchone() or (b"",)
        await connection.execute(
            "UPDATE events SET body = %s, name = coalesce(%s, name) WHERE position = %s",
            (b"{}" if name is None else body, name, position),
        )
    return bytes(body)


async def mend(core: Core, position: int, body: bytes) -> None:
    """Give the event the body back that it had."""
    async with core.pool.connection() as connection:
        await connection.execute("UPDATE events SET body = %s WHERE position = %s", (body, position))
