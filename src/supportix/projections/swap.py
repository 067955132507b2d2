"""Changing places: a rebuilt set begins to serve, or the former one serves again. In one transaction, so no read fails.

Every change of places raises the epoch of the checkpoints, which fences out the owner that still holds the other
set's rows in memory.
"""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import TupleRow

from supportix.domain.errors import Conflict
from supportix.projections.catalogue import PROJECTIONS, definition, make
from supportix.projections.rows import LIVE, Connection
from supportix.projections.runner import LEASE
from supportix.projections.shadow import FORMER, SHADOW
from supportix.store.leases import revoke

_ASIDE = "read_model_aside"


class NothingToRollBack(Conflict):
    """No former set is kept that this release could serve."""


async def swap_in(connection: Connection, names: Sequence[str], position: int) -> None:
    """Serve the shadow set of these read models, which is at this position, and keep what served until now."""
    await connection.execute(f"DROP SCHEMA IF EXISTS {FORMER} CASCADE")
    await connection.execute(f"CREATE SCHEMA {FORMER}")
    await _remember(connection, names)
    await _move(connection, names, LIVE, FORMER)
    await _move(connection, names, SHADOW, LIVE)
    for name in names:
        await _enter(connection, name, position, definition(name))
    await connection.execute("DELETE FROM parked_streams WHERE projection = ANY(%s)", (list(names),))
    await connection.execute(f"DROP SCHEMA {SHADOW}")


async def swap_back(connection: Connection) -> Sequence[str]:
    """Let the former set and the serving one change places: the names. Refused: NothingToRollBack."""
    former = await _remembered(connection)
    names = [row[0] for row in former]
    await connection.execute("SELECT 1 FROM checkpoints WHERE name = ANY(%s) ORDER BY name FOR UPDATE", (names,))
    await connection.execute(f"DROP TABLE {FORMER}.checkpoints")
    await _remember(connection, names)
    await connection.execute(f"CREATE SCHEMA {_ASIDE}")
    await _move(connection, names, LIVE, _ASIDE)
    await _move(connection, names, FORMER, LIVE)
    await _move(connection, names, _ASIDE, FORMER)
    await connection.execute(f"DROP SCHEMA {_ASIDE}")
    for name, position, made_by in former:
        await _enter(connection, name, position, made_by)
    await connection.execute("DELETE FROM parked_streams WHERE projection = ANY(%s)", (names,))
    await revoke(connection, LEASE)  # The owner thinks that it has caught up, and would wait for the next event.
    return names


async def _remember(connection: Connection, names: Sequence[str]) -> None:
    """Keep with the former set how far it is, and which code made it."""
    await connection.execute(
        f"CREATE TABLE {FORMER}.checkpoints (name text, position bigint, definition text)",
    )
    await connection.execute(
        f"INSERT INTO {FORMER}.checkpoints SELECT name, position, definition FROM checkpoints "  # noqa: S608
        "WHERE name = ANY(%s)",
        (list(names),),
    )


async def _remembered(connection: Connection) -> list[TupleRow]:
    cursor = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{FORMER}.checkpoints",))
    if not (await cursor.fetchone() or [False])[0]:
        raise NothingToRollBack("no rebuild has been swapped in whose former set is still kept")
    cursor = await connection.execute(f"SELECT name, position, definition FROM {FORMER}.checkpoints ORDER BY name")  # noqa: S608
    former: list[Any] = await cursor.fetchall()
    foreign = [name for name, _, made_by in former if name not in PROJECTIONS or definition(name) != made_by]
    if foreign:
        raise NothingToRollBack(f"the former set of {', '.join(foreign)} was made by another release's code")
    return former


async def _move(connection: Connection, names: Sequence[str], origin: str, target: str) -> None:
    for name in names:
        for table in make(name).tables:
            await connection.execute(f"ALTER TABLE {origin}.{table.name} SET SCHEMA {target}")


async def _enter(connection: Connection, name: str, position: int, made_by: str) -> None:
    await connection.execute(
        "UPDATE checkpoints SET position = %s, definition = %s, epoch = epoch + 1 WHERE name = %s",
        (position, made_by, name),
    )
