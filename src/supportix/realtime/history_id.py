"""Which history of the log this is. Positions mean nothing across two of them.

A restored backup, a failover, a recovery to an earlier moment and another database each make another history, in which
a position may hold another event than before.
"""

import hashlib
from typing import Any

from psycopg_pool import AsyncConnectionPool

_HISTORY = """
SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()),
       left(pg_walfile_name(pg_current_wal_lsn()), 8)
FROM pg_control_system()
"""
"""The cluster, the database in it, and the timeline, which PostgreSQL counts up when it ends a recovery."""


async def history_id(pool: AsyncConnectionPool[Any]) -> str:
    """A short text that stays the same as long as positions keep their meaning: the `epoch` of live frames."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_HISTORY)
        row = await cursor.fetchone()
    return hashlib.sha256(repr(row).encode()).hexdigest()[:12]
