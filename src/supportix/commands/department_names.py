"""Names that belong to one department alone: its own, and those of its request types. Claimed as they are given."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool

from supportix.domain.department import DepartmentNameTaken
from supportix.domain.ids import DepartmentId
from supportix.domain.routing_rules import RequestTypeTaken, name_key

_NAMES = "department"
_REQUEST_TYPES = "request type"


def claim_name(holder_id: UUID, name: str) -> Callable[[psycopg.AsyncConnection[Any]], Any]:
    """Claims a department's name in the transaction that names it, and lets go of its former one."""
    key = name_key(name)

    async def claim(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute("DELETE FROM unique_names WHERE scope = %s AND holder_id = %s", (_NAMES, holder_id))
        cursor = await connection.execute(
            "INSERT INTO unique_names (scope, key, holder_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (_NAMES, key, holder_id),
        )
        if cursor.rowcount == 0:
            raise DepartmentNameTaken(f"a department is called {name!r} already; another name was expected")

    return claim


def claim_request_types(holder_id: UUID, names: Sequence[str]) -> Callable[[psycopg.AsyncConnection[Any]], Any]:
    """Claims request types in the transaction that gives them to a department, and lets go of its former ones."""

    async def claim(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(
            "DELETE FROM unique_names WHERE scope = %s AND holder_id = %s", (_REQUEST_TYPES, holder_id)
        )
        for name in sorted(names, key=name_key):  # In one order, so that two who claim don't wait in a circle.
            cursor = await connection.execute(
                "INSERT INTO unique_names (scope, key, holder_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (_REQUEST_TYPES, name_key(name), holder_id),
            )
            if cursor.rowcount == 0:
                raise RequestTypeTaken(f"request type {name!r} belongs to another department; take it away there first")

    return claim


async def departments_by_name(pool: AsyncConnectionPool[Any]) -> dict[str, DepartmentId]:
    """All departments, by the keys of their names (`name_key`)."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT key, holder_id FROM unique_names WHERE scope = %s", (_NAMES,))
        return {key: DepartmentId(holder_id) for key, holder_id in await cursor.fetchall()}
