"""Deletes what time has made meaningless, so that the tables of identity don't grow with every log-in."""

from datetime import datetime, timedelta

from supportix.identity.rows import Pool

_FORGOTTEN_ATTEMPTS = timedelta(days=1)  # By then every count of `throttle` has decayed or its wait is over.


async def delete_expired(pool: Pool, now: datetime) -> None:
    """Safe to run at any time and in several processes at once; once an hour is enough."""
    async with pool.connection() as connection, connection.transaction():
        # Refresh tokens go with their session and not before: an old one that comes again has to be recognised.
        await connection.execute("delete from sessions where expires_at <= %s", (now,))
        await connection.execute("delete from revocations where forget_after <= %s", (now,))
        await connection.execute("delete from login_attempts where counted_at <= %s", (now - _FORGOTTEN_ATTEMPTS,))
