"""Sessions that ended early, so that their access tokens stop at once: written here, polled by every API process."""

import heapq
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import tuple_row

from supportix.identity.rows import Pool
from supportix.identity.tokens import ACCESS_LIFETIME, Principal

# A token that was signed by a process whose clock runs fast outlives the one who revokes it by as much.
CLOCK_DISAGREEMENT = timedelta(minutes=15)
_LOCK = 0x5355_5056_4F4B_4544  # Any number that nobody else locks.


class Revocation(msgspec.Struct, frozen=True):
    session_id: UUID
    account_id: UUID


async def revoke_session(connection: AsyncConnection[Any], session_id: UUID, now: datetime) -> bool:
    """Ends one session in the caller's transaction. False when it was over already."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            "update sessions set revoked_at = %s where id = %s and revoked_at is null returning id, account_id",
            (now, session_id),
        )
        return await _announce(cursor, now) > 0


async def revoke_account(
    connection: AsyncConnection[Any], account_id: UUID, now: datetime, *, keep: UUID | None = None
) -> int:
    """Ends all sessions of an account but `keep` in the caller's transaction, and says how many."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            "update sessions set revoked_at = %s"
            " where account_id = %s and id is distinct from %s and revoked_at is null returning id, account_id",
            (now, account_id, keep),
        )
        return await _announce(cursor, now)


async def _announce(cursor: AsyncCursor[tuple[Any, ...]], now: datetime) -> int:
    """Writes a revocation for each (session, account) that the cursor has just ended."""
    ended = await cursor.fetchall()
    if ended:
        # Held until commit, so that numbers become visible in their order and no poll skips one.
        await cursor.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        await cursor.executemany(
            "insert into revocations (session_id, account_id, revoked_at, forget_after) values (%s, %s, %s, %s)",
            [(*session, now, now + ACCESS_LIFETIME + CLOCK_DISAGREEMENT) for session in ended],
        )
    return len(ended)


class Revocations:
    """One process's view. Poll it once before serving, then each second, and after a log-out served here."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._seen_seq = 0
        self._sessions: set[UUID] = set()
        self._by_end: list[tuple[datetime, UUID]] = []
        self.polled_at: datetime | None = None
        """The `now` of the last poll that reached the database; None before the first."""

    def is_revoked(self, principal: Principal) -> bool:
        return principal.session_id in self._sessions

    def __len__(self) -> int:
        return len(self._sessions)

    async def poll(self, now: datetime) -> tuple[Revocation, ...]:
        """Takes in what was revoked since the last poll and returns it, for example to close live connections."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(
                "select seq, session_id, account_id, forget_after from revocations where seq > %s order by seq",
                (self._seen_seq,),
            )
            rows = await cursor.fetchall()
        for seq, session_id, _, forget_after in rows:
            # Two polls at the same time may bring the same rows.
            self._seen_seq = max(self._seen_seq, seq)
            if session_id not in self._sessions:
                self._sessions.add(session_id)
                heapq.heappush(self._by_end, (forget_after, session_id))
        self._forget(now)
        self.polled_at = now
        return tuple(Revocation(session_id, account_id) for _, session_id, account_id, _ in rows)

    def _forget(self, now: datetime) -> None:
        while self._by_end and self._by_end[0][0] <= now:
            self._sessions.discard(heapq.heappop(self._by_end)[1])
