"""Accounts of people known from an imported history. They have no password, so nobody can log in as them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from supportix.identity.accounts import PreparedAccount
from supportix.identity.names import folded
from supportix.identity.roles import Role

NO_PASSWORD = "!"  # noqa: S105 - no hash looks like this, so no password matches it.


class ImportedPerson(msgspec.Struct, frozen=True):
    """Somebody named in a history. `username` must be unique, so it should carry a mark of the import."""

    id: UUID
    username: str
    full_name: str
    role: Role


async def add_imported(connection: AsyncConnection[Any], people: Sequence[ImportedPerson], now: datetime) -> None:
    """Add those that aren't there yet."""
    rows = [
        {
            "id": person.id,
            "username": person.username,
            "username_key": folded(person.username),
            "full_name": person.full_name,
            "role": person.role,
            "password_hash": NO_PASSWORD,
            "password_changed_at": now,
            "must_change_password": False,
            "created_at": now,
        }
        for person in people
    ]
    await connection.execute(
        "INSERT INTO accounts SELECT * FROM json_populate_recordset(NULL::accounts, %s) ON CONFLICT DO NOTHING",
        (msgspec.json.encode(rows).decode(),),
    )


async def rename_login(connection: AsyncConnection[Any], account_id: UUID, prepared: PreparedAccount) -> None:
    """Let an imported person log in, under the name and with the password of a prepared account."""
    await connection.execute(
        "UPDATE accounts SET username = %s, username_key = %s, password_hash = %s WHERE id = %s",
        (
            prepared.account.username,
            folded(prepared.account.username),
            prepared.password_hash,
            account_id,
        ),
    )
