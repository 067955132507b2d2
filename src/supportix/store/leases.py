"""Leases: who owns a piece of work. A new owner gets a higher epoch, which fences the old one out."""

import asyncio
from collections.abc import Sequence
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
UPDATE leases AS l SET expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
FROM unnest(%(names)s::text[], %(epochs)s::bigint[]) AS kept(name, epoch)
WHERE l.name = kept.name AND l.epoch = kept.epoch AND l.owner = %(owner)s
RETURNING l.name, l.epoch
"""
_RELEASE = """
UPDATE leases SET expires_at = '-infinity' WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s
"""

_REVOKE = "UPDATE leases SET epoch = epoch + 1, expires_at = '-infinity' WHERE name = %s"

_log = structlog.get_logger(__name__)


class Leases:
    """The leases that one owner takes and keeps, all of them renewed together.

    The database's clock decides, so clocks may differ.
    """

    def __init__(self, pool: AsyncConnectionPool[Any], owner: str) -> None:
        self._pool = pool
        self._owner = owner
        self._kept: dict[Fence, asyncio.Future[None]] = {}
        self._renewing: asyncio.Task[None] | None = None

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
        """Renew until cancelled. Raises LeaseLost, and whatever keeps the database from renewing it."""
        ended = self._kept[fence] = asyncio.get_running_loop().create_future()
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_all(), name="leases")
        try:
            await ended
        finally:
            del self._kept[fence]

    async def release(self, fence: Fence) -> None:
        """Let the next owner in at once."""
        async with self._pool.connection() as connection:
            await connection.execute(_RELEASE, {"name": fence.lease, "owner": self._owner, "epoch": fence.epoch})

    async def _renew_all(self) -> None:
        """Renew all leases that are kept, and end the keeping of those that aren't held any more."""
        while self._kept:
            await asyncio.sleep(RENEW_SECONDS)
            kept = dict(self._kept)
            try:
                held = await self._renew(list(kept))
            except Exception as error:  # noqa: BLE001 - those who keep a lease get it, whatever it is.
                for ended in kept.values():
                    _end(ended, error)
                continue
            for fence, ended in kept.items():
                if fence not in held:
                    _end(ended, LeaseLost(f"lease {fence.lease!r} has another owner"))

    async def _renew(self, fences: Sequence[Fence]) -> set[Fence]:
        """The leases among these that are still held."""
        parameters = {
            "names": [fence.lease for fence in fences],
            "epochs": [fence.epoch for fence in fences],
            "owner": self._owner,
            "seconds": LEASE_SECONDS,
        }
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_RENEW, parameters)
            return {Fence(name, epoch) for name, epoch in await cursor.fetchall()}


def _end(keeping: "asyncio.Future[None]", error: Exception) -> None:
    if not keeping.done():
        keeping.set_exception(error)


async def revoke(connection: psycopg.AsyncConnection[Any], name: str) -> None:
    """Take a lease from its owner, who notices within RENEW_SECONDS. The next owner gets a higher epoch."""
    await connection.execute(_REVOKE, (name,))
