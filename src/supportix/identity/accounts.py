"""The accounts: signing up, being made by an administrator, proving a password, changing it, and losing access."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from supportix.identity import names, throttle
from supportix.identity.errors import (
    AccountDisabled,
    AccountNotFound,
    EmailTaken,
    LastAdmin,
    UsernameTaken,
    WeakPassword,
    WrongCredentials,
)
from supportix.identity.passwords import Passwords, one_time_password, require_strong
from supportix.identity.revocations import revoke_account
from supportix.identity.roles import Role
from supportix.identity.rows import Pool, Values, every, one

MAX_PAGE = 200
FIRST_ADMIN = "admin"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account without its secret."""

    id: UUID
    username: str
    full_name: str
    email: str | None
    role: Role
    must_change_password: bool
    password_changed_at: datetime
    disabled_at: datetime | None
    created_at: datetime

    @property
    def display_name(self) -> str:
        return self.full_name or self.username


class PreparedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that meets every rule but uniqueness, its password hashed: ready for a short transaction."""

    account: Account
    password_hash: str


class AccountPage(msgspec.Struct, frozen=True):
    items: tuple[Account, ...]
    next_after: str | None
    """Give it as `after` to read on; None at the end."""


class Accounts:
    """Methods that take a `connection`, an open one, are then part of the caller's transaction; else they commit.

    In a caller's transaction `disable`, `set_role` and `reset_password` come after the events are appended: they
    hold a lock until the commit. `prepare` comes before it begins, since hashing takes a while.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._passwords = Passwords()

    async def sign_up(
        self,
        *,
        username: str,
        password: str,
        full_name: str = "",
        email: str | None = None,
        now: datetime,
        connection: AsyncConnection[Any] | None = None,
    ) -> Account:
        """A new customer, never anything else. Raises what `prepare` and `create` do."""
        names.require_unreserved(username)
        prepared = await self.prepare(
            username=username, password=password, role=Role.CUSTOMER, full_name=full_name, email=email, now=now
        )
        return await self.create(prepared, connection=connection)

    async def prepare(
        self,
        *,
        username: str,
        password: str,
        role: Role,
        full_name: str = "",
        email: str | None = None,
        must_change_password: bool = False,
        account_id: UUID | None = None,
        now: datetime,
    ) -> PreparedAccount:
        """Checks the rules and hashes the password, before and outside of any transaction.

        Raises UsernameInvalid, FullNameInvalid, EmailInvalid or WeakPassword.
        """
        account = Account(
            id=account_id or uuid4(),
            username=names.require_username(username),
            full_name=names.require_full_name(full_name),
            email=names.require_email(email) if email else None,
            role=role,
            must_change_password=must_change_password,
            password_changed_at=now,
            disabled_at=None,
            created_at=now,
        )
        require_strong(password, username=account.username, email=account.email)
        return PreparedAccount(account=account, password_hash=await self._passwords.hash(password))

    async def create(self, prepared: PreparedAccount, *, connection: AsyncConnection[Any] | None = None) -> Account:
        """Raises UsernameTaken or EmailTaken, and leaves a caller's transaction usable."""
        account = prepared.account
        async with self._transaction(connection) as transaction:
            created = await one(
                transaction,
                "insert into accounts (id, username, username_key, email, email_key, full_name, role, password_hash,"
                " password_changed_at, must_change_password, disabled_at, created_at)"
                " values (%(id)s, %(username)s, %(username_key)s, %(email)s, %(email_key)s, %(full_name)s, %(role)s,"
                " %(password_hash)s, %(password_changed_at)s, %(must_change_password)s, null, %(created_at)s)"
                " on conflict do nothing returning id",
                {
                    **msgspec.structs.asdict(account),
                    "role": account.role.value,
                    "username_key": names.folded(account.username),
                    "email_key": account.email and names.folded(account.email),
                    "password_hash": prepared.password_hash,
                },
            )
            if created is None:
                raise await _conflict(transaction, account)
        return account

    async def ensure_admin(self, now: datetime) -> str | None:
        """Makes the account `admin` if there is no administrator, and returns its one-time password.

        Of several processes that start at once exactly one gets it, the others None. Raises UsernameTaken if somebody
        who isn't an administrator has the name.
        """
        if await self._exists_admin():
            return None
        password = one_time_password()
        prepared = await self.prepare(
            username=FIRST_ADMIN, password=password, role=Role.ADMIN, must_change_password=True, now=now
        )
        try:
            await self.create(prepared)
        except UsernameTaken:
            if await self._exists_admin():
                return None
            raise
        return password

    async def authenticate(self, username: str, password: str, ip: str, now: datetime) -> Account:
        """The account whose password this is. Takes equally long whether the user name exists or not.

        Raises TooManyAttempts before any work is done, WrongCredentials, or, only to who knows the password,
        AccountDisabled.
        """
        attempt = throttle.attempt_of(username, ip)
        await self._admit(attempt, now)
        row = None
        if names.is_possible_username(username):
            row = await self._row("select * from accounts where username_key = %s", (attempt.username_key,))
        account = await self._proved(row, password, attempt)
        if account.disabled_at is not None:
            raise AccountDisabled
        return account

    async def change_password(
        self,
        account_id: UUID,
        *,
        current_password: str,
        new_password: str,
        ip: str,
        now: datetime,
        keep_session: UUID | None = None,
    ) -> None:
        """Replaces the password and ends all sessions but `keep_session`.

        Access tokens of a kept session go on saying `must_change_password` until it is refreshed.
        Raises TooManyAttempts, WrongCredentials, WeakPassword, AccountNotFound or AccountDisabled.
        """
        row = await self._row("select * from accounts where id = %s", (account_id,))
        if row is None:
            raise AccountNotFound
        attempt = throttle.attempt_of(row["username"], ip)
        await self._admit(attempt, now)
        account = await self._proved(row, current_password, attempt)
        if account.disabled_at is not None:
            raise AccountDisabled
        if new_password == current_password:
            raise WeakPassword("The new password must differ from the current one")
        require_strong(new_password, username=account.username, email=account.email)
        new_hash = await self._passwords.hash(new_password)
        async with self._transaction(None) as transaction:
            changed = await one(
                transaction,
                "update accounts set password_hash = %s, password_changed_at = %s, must_change_password = false"
                " where id = %s and password_changed_at = %s and disabled_at is null returning id",
                (new_hash, now, account_id, account.password_changed_at),
            )
            if changed is None:  # Somebody else changed it while this one was being hashed.
                raise WrongCredentials
            await revoke_account(transaction, account_id, now, keep=keep_session)

    async def reset_password(
        self, account_id: UUID, *, now: datetime, connection: AsyncConnection[Any] | None = None
    ) -> str:
        """Ends all sessions and returns a one-time password that replaces the old one. Raises AccountNotFound."""
        password = one_time_password()
        password_hash = await self._passwords.hash(password)
        async with self._transaction(connection) as transaction:
            await _updated(
                transaction,
                "update accounts set password_hash = %s, password_changed_at = %s, must_change_password = true"
                " where id = %s returning *",
                (password_hash, now, account_id),
            )
            await revoke_account(transaction, account_id, now)
        return password

    async def disable(
        self, account_id: UUID, *, now: datetime, connection: AsyncConnection[Any] | None = None
    ) -> Account:
        """Ends all sessions and lets no new one begin. Raises AccountNotFound or LastAdmin."""
        async with self._transaction(connection) as transaction:
            await _require_other_admin(transaction, account_id)
            account = await _updated(
                transaction,
                "update accounts set disabled_at = coalesce(disabled_at, %s) where id = %s returning *",
                (now, account_id),
            )
            await revoke_account(transaction, account_id, now)
        return account

    async def enable(self, account_id: UUID, *, connection: AsyncConnection[Any] | None = None) -> Account:
        """Raises AccountNotFound."""
        async with self._transaction(connection) as transaction:
            return await _updated(
                transaction, "update accounts set disabled_at = null where id = %s returning *", (account_id,)
            )

    async def set_role(
        self, account_id: UUID, role: Role, *, now: datetime, connection: AsyncConnection[Any] | None = None
    ) -> Account:
        """Ends all sessions, whose tokens carry the old role. Raises AccountNotFound or LastAdmin."""
        async with self._transaction(connection) as transaction:
            if role is not Role.ADMIN:
                await _require_other_admin(transaction, account_id)
            account = await _updated(
                transaction, "update accounts set role = %s where id = %s returning *", (role.value, account_id)
            )
            await revoke_account(transaction, account_id, now)
        return account

    async def get(self, account_id: UUID) -> Account:
        """Raises AccountNotFound."""
        row = await self._row("select * from accounts where id = %s", (account_id,))
        if row is None:
            raise AccountNotFound
        return _account(row)

    async def by_ids(self, account_ids: Iterable[UUID]) -> dict[UUID, Account]:
        """Those that exist."""
        rows = await self._rows("select * from accounts where id = any(%s)", ([*account_ids],))
        return {row["id"]: _account(row) for row in rows}

    async def list(self, *, role: Role | None = None, after: str | None = None, limit: int = 50) -> AccountPage:
        """By folded user name, at most MAX_PAGE at once, disabled ones included."""
        limit = max(1, min(limit, MAX_PAGE))
        rows = await self._rows(
            "select * from accounts where (%(role)s::text is null or role = %(role)s)"
            " and (%(after)s::text is null or username_key > %(after)s)"
            " order by username_key limit %(limit)s",
            {"role": role and role.value, "after": after, "limit": limit + 1},
        )
        next_after = rows[limit - 1]["username_key"] if len(rows) > limit else None
        return AccountPage(items=tuple(_account(row) for row in rows[:limit]), next_after=next_after)

    async def _admit(self, attempt: throttle.Attempt, now: datetime) -> None:
        async with self._transaction(None) as transaction:
            await throttle.admit(transaction, attempt, now)

    async def _proved(self, row: DictRow | None, password: str, attempt: throttle.Attempt) -> Account:
        password_hash = None if row is None else row["password_hash"]
        if not await self._passwords.verify(password_hash, password) or row is None:
            raise WrongCredentials
        renewed = await self._passwords.hash(password) if self._passwords.needs_rehash(row["password_hash"]) else None
        async with self._transaction(None) as transaction:
            await throttle.forgive(transaction, attempt)
            if renewed is not None:
                await transaction.execute(
                    "update accounts set password_hash = %s where id = %s and password_hash = %s",
                    (renewed, row["id"], row["password_hash"]),
                )
        return _account(row)

    async def _exists_admin(self) -> bool:
        return await self._row("select id from accounts where role = 'admin' limit 1", ()) is not None

    async def _row(self, query: str, values: Values) -> DictRow | None:
        async with self._pool.connection() as connection:
            return await one(connection, query, values)

    async def _rows(self, query: str, values: Values) -> Sequence[DictRow]:
        async with self._pool.connection() as connection:
            return await every(connection, query, values)

    @asynccontextmanager
    async def _transaction(self, connection: AsyncConnection[Any] | None) -> AsyncIterator[AsyncConnection[Any]]:
        if connection is not None:
            yield connection
            return
        async with self._pool.connection() as own, own.transaction():
            yield own


def _account(row: DictRow) -> Account:
    fields = {name: row[name] for name in Account.__struct_fields__}
    return Account(**{**fields, "role": Role(row["role"])})


async def _updated(connection: AsyncConnection[Any], query: str, values: Values) -> Account:
    row = await one(connection, query, values)
    if row is None:
        raise AccountNotFound
    return _account(row)


async def _conflict(connection: AsyncConnection[Any], account: Account) -> UsernameTaken | EmailTaken:
    same_name = await one(
        connection, "select id from accounts where username_key = %s", (names.folded(account.username),)
    )
    return UsernameTaken(account.username) if same_name else EmailTaken(account.email)


async def _require_other_admin(connection: AsyncConnection[Any], account_id: UUID) -> None:
    """Locks the active administrators in one order, so that two of them can't disable each other at the same time."""
    admins = await every(
        connection, "select id from accounts where role = 'admin' and disabled_at is null order by id for no key update"
    )
    if [row["id"] for row in admins] == [account_id]:
        raise LastAdmin
