"""Leases: who owns a piece of work. A new owner gets a higher epoch, which fences the old one out."""

import asyncio
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost

LEASE_SECONDS = 4.0
RENEW_SECONDS = 1.0

_ACQUIRE = """
INSERT INTO leases AS l (name, owner, epoch, expires_at)
VALUES (%(name)s, %(owner)s, 1, clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (name) DO UPDATE
SET owner = excluded.owner, epoch = l.epoch + 1, expires_at = excluded.expires_at
WHERE l.expires_at < clock_timestamp()
RETURNING epoch
"""
_RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s
"""
_RELEASE = """
UPDATE leases SET expires_at = '-infinity' WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s
"""

_REVOKE = "UPDATE leases SET epoch = epoch + 1, expires_at = '-infinity' WHERE name = %s"

_log = structlog.get_logger(__name__)


class Leases:
    """The leases that one owner takes and keeps. The database's clock decides, so clocks may differ."""

    def __init__(self, pool: AsyncConnectionPool[Any], owner: str) -> None:
        self._pool = pool
        self._owner = owner

    async def acquire(self, name: str) -> Fence:
        """Wait until the lease is free or its owner is silent for LEASE_SECONDS, and take it."""
        while True:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(
                    _ACQUIRE, {"name": name, "owner": self._owner, "seconds": LEASE_SECONDS}
                )
                row = await cursor.fetchone()
            if row is not None:
                _log.info("lease taken", lease=name, epoch=row[0])
                return Fence(name, row[0])
            await asyncio.sleep(0.5)

    async def keep(self, fence: Fence) -> None:
        """Renew until cancelled. Raises LeaseLost."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if not await self._update(_RENEW, fence):
                raise LeaseLost(f"lease {fence.lease!r} has another owner")

    async def release(self, fence: Fence) -> None:
        """Let the next owner in at once."""
        await self._update(_RELEASE, fence)

    async def _update(self, statement: str, fence: Fence) -> bool:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                statement,
                {"name": fence.lease, "owner": self._owner, "epoch": fence.epoch, "seconds": LEASE_SECONDS},
            )
            return bool(cursor.rowcount == 1)


async def revoke(connection: psycopg.AsyncConnection[Any], name: str) -> None:
    """Take a lease from its owner, who notices within RENEW_SECONDS. The next owner gets a higher epoch."""
    await connection.execute(_REVOKE, (name,))
