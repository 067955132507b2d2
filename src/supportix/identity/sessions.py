"""Sessions: begun by a proved password, carried on by refresh tokens of which each works once, ended by a log-out.

A refresh token that comes a second time means that two parties hold it, so the whole session ends (RFC 9700, 4.14.2).
There is no period of grace for an answer that got lost (OWASP ASVS 5.0, 10.4.5): the person logs in again.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from supportix.identity.accounts import Account
from supportix.identity.errors import AccountDisabled, SessionRevoked, TokenExpired, WrongCredentials
from supportix.identity.revocations import revoke_session
from supportix.identity.roles import Role
from supportix.identity.rows import Pool, one
from supportix.identity.tokens import ACCESS_LIFETIME, REFRESH_LIFETIME, Principal, TokenSigner

SESSION_LIFETIME = timedelta(days=30)


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime
    account_id: UUID
    session_id: UUID
    role: Role
    must_change_password: bool


class Sessions:
    def __init__(self, pool: Pool, signer: TokenSigner) -> None:
        self._pool = pool
        self._signer = signer

    async def log_in(self, account: Account, *, now: datetime) -> TokenPair:
        """Begins a session for the account that `Accounts.authenticate` just returned.

        Raises AccountDisabled, or WrongCredentials if the password was changed since it was proved.
        """
        session_id = uuid4()
        ends_at = now + SESSION_LIFETIME
        async with self._pool.connection() as connection, connection.transaction():
            # The lock makes a simultaneous change of role, password or access wait, and then see this session.
            current = await one(connection, "select * from accounts where id = %s for share", (account.id,))
            if current is None or current["password_changed_at"] != account.password_changed_at:
                raise WrongCredentials
            if current["disabled_at"] is not None:
                raise AccountDisabled
            await connection.execute(
                "insert into sessions (id, account_id, created_at, expires_at) values (%s, %s, %s, %s)",
                (session_id, account.id, now, ends_at),
            )
            return await self._issue(connection, current, session_id, ends_at, now)

    async def refresh(self, token: str, now: datetime) -> TokenPair:
        """Trades a refresh token for a new pair. Of simultaneous trades of one token exactly one wins.

        Raises TokenInvalid, TokenExpired, AccountDisabled, or SessionRevoked: also to the one who replays a token,
        and from then on to everyone in its session.
        """
        presented = self._signer.verify_refresh(token, now)
        async with self._pool.connection() as connection, connection.transaction():
            session = await one(
                connection, "select * from sessions where id = %s for no key update", (presented.session_id,)
            )
            if session is None or session["revoked_at"] is not None:
                raise SessionRevoked
            if now >= session["expires_at"]:
                raise TokenExpired(session["expires_at"].isoformat())
            first_use = await one(
                connection,
                "update refresh_tokens set used_at = %s where id = %s and session_id = %s and used_at is null"
                " returning id",
                (now, presented.id, presented.session_id),
            )
            if first_use is not None:
                # Read after the session was locked: who changes the account has to revoke this session afterwards.
                account = await one(connection, "select * from accounts where id = %s", (session["account_id"],))
                if account is None or account["disabled_at"] is not None:
                    raise AccountDisabled
                return await self._issue(connection, account, session["id"], session["expires_at"], now)
            await revoke_session(connection, presented.session_id, now)
        # Outside of the transaction, which has to commit the revocation.
        raise SessionRevoked("The refresh token was used before, so the session was ended.")

    async def log_out(self, who: Principal | str, now: datetime) -> None:
        """Ends the session of a principal or of a refresh token; again is no error. Raises TokenInvalid, TokenExpired.

        Access tokens stop with the next `Revocations.poll` of each process.
        """
        session_id = self._signer.verify_refresh(who, now).session_id if isinstance(who, str) else who.session_id
        async with self._pool.connection() as connection, connection.transaction():
            await revoke_session(connection, session_id, now)

    async def _issue(
        self, connection: AsyncConnection[Any], account: DictRow, session_id: UUID, ends_at: datetime, now: datetime
    ) -> TokenPair:
        role = Role(account["role"])
        refresh_id = uuid4()
        access_expires_at = min(now + ACCESS_LIFETIME, ends_at)
        refresh_expires_at = min(now + REFRESH_LIFETIME, ends_at)
        await connection.execute(
            "insert into refresh_tokens (id, session_id, account_id, issued_at, expires_at)"
            " values (%s, %s, %s, %s, %s)",
            (refresh_id, session_id, account["id"], now, refresh_expires_at),
        )
        return TokenPair(
            access_token=self._signer.access(
                token_id=uuid4(),
                account_id=account["id"],
                role=role,
                name=account["full_name"] or account["username"],
                session_id=session_id,
                now=now,
                expires_at=access_expires_at,
                must_change_password=account["must_change_password"],
            ),
            access_expires_at=access_expires_at,
            refresh_token=self._signer.refresh(
                token_id=refresh_id,
                account_id=account["id"],
                session_id=session_id,
                now=now,
                expires_at=refresh_expires_at,
            ),
            refresh_expires_at=refresh_expires_at,
            account_id=account["id"],
            session_id=session_id,
            role=role,
            must_change_password=account["must_change_password"],
        )
