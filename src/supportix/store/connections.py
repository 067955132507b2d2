"""A pool whose connections are alive when they are handed out, as far as this machine knows.

A server that restarts ends its sessions, and their sockets then have something to read, which the socket of a
connection that waits in a pool never has. Looking costs no question to the server.
"""

import select
import sys
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

RECONNECT_SECONDS = 1.0
"""For how long a lost connection is replaced in the background. Later, it is whoever asks for one that tries."""


class LivePool(AsyncConnectionPool[psycopg.AsyncConnection[Any]]):
    """Connections that commit each statement. Those that the server has ended are replaced before anybody gets one."""

    def __init__(self, database_url: str, max_size: int) -> None:
        super().__init__(
            database_url,
            min_size=1,
            max_size=max_size,
            timeout=2.0,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            kwargs={"autocommit": True},
        )

    async def getconn(self, timeout: float | None = None) -> psycopg.AsyncConnection[Any]:  # noqa: ASYNC109 - psycopg's.
        while was_ended(connection := await super().getconn(timeout)):
            await connection.close()
            await self.putconn(connection)
        return connection


def was_ended(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server has ended a connection that nobody uses. On Windows, nobody looks."""
    if connection.closed:
        return True
    if sys.platform == "win32":
        return False
    unread = select.poll()
    unread.register(connection.fileno(), select.POLLIN)
    return bool(unread.poll(0))
