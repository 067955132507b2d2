"""Partitions are made ahead of need, beside readers and writers, and the log says so where one is missing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.store.streams import new_stream, whole_log
from tests.waiting import until

from supportix.bootstrap import Core, utc_now
from supportix.identity.throttle import admit, attempt_of
from supportix.migrating import differences
from supportix.running import _on_the_log
from supportix.settings import Settings
from supportix.store import partitions as partitioning
from supportix.store.committer import Appended, Command, Fence, append_on
from supportix.store.errors import StoreFull
from supportix.store.partitions import Partition, ensure_ahead, present
from supportix.store.schema import PARTITION_POSITIONS

SIZE = 10


@pytest.fixture
def _without_partitions(run: Any, core: Core) -> None:
    async def drop() -> None:
        async with core.pool.connection() as connection:
            for partition in await present(connection):
                await connection.execute(f"DROP TABLE {partition.name}")

    run(drop())


@pytest.fixture
def _small_partitions(run: Any, core: Core, _without_partitions: None) -> None:
    """The first partition of an empty log, and one more ahead."""
    run(made(core, ahead=1))


async def made(core: Core, ahead: int) -> list[tuple[str, int, int]]:
    async with core.pool.connection() as connection:
        return [(each.name, each.first, each.beyond) for each in await ensure_ahead(connection, ahead, SIZE)]


async def there(core: Core) -> list[Partition]:
    async with core.pool.connection() as connection:
        return await present(connection)


async def test_a_fresh_database_has_room_ahead(core):
    assert await there(core) == [
        Partition(f"events_p{n:04}", n * PARTITION_POSITIONS, (n + 1) * PARTITION_POSITIONS, holds_events=False)
        for n in range(4)
    ]
    async with core.pool.connection() as connection:
        assert await ensure_ahead(connection) == []
        assert await ensure_ahead(connection, 3) == []


async def test_partitions_made_later_are_like_the_first_ones(core, database_url):
    async with core.pool.connection() as connection:
        [made_later] = await ensure_ahead(connection, 4)
        assert made_later.name == "events_p0004"
        columns_and_indexes = [
            await (
                await connection.execute(
                    "SELECT replace(indexdef, %(name)s, '') FROM pg_indexes WHERE tablename = %(name)s "
                    "UNION ALL SELECT attname || atttypid::regtype || attnotnull || attnum FROM pg_attribute "
                    "WHERE attrelid = %(name)s::regclass AND attnum > 0 "
                    "UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint "
                    "WHERE conrelid = %(name)s::regclass AND contype <> 'p' ORDER BY 1",
                    {"name": name},
                )
            ).fetchall()
            for name in ("events_p0000", "events_p0004")
        ]
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent IN ('pk_events'::regclass, "
            "'ix_events_stream_id_version'::regclass)"
        )
        assert await cursor.fetchone() == (10,)
    assert columns_and_indexes[0] == columns_and_indexes[1]
    assert await asyncio.to_thread(differences, database_url) == []


@pytest.mark.usefixtures("_without_partitions")
async def test_the_log_never_outgrows_what_is_made_ahead(core):
    assert await made(core, ahead=2) == [("events_p0000", 0, 10), ("events_p0001", 10, 20), ("events_p0002", 20, 30)]
    for count, then_made in ((9, []), (1, [("events_p0003", 30, 40)]), (25, ["events_p0004", "events_p0005"])):
        await core.committer.append(new_stream(count), Command())
        new = await made(core, ahead=2)
        assert len(new) == len(then_made)
        assert await made(core, ahead=2) == []
    assert [entry.position for entry in await whole_log(core.desk.reading)] == list(range(1, 36))
    assert [each.holds_events for each in await there(core)] == [True] * 4 + [False] * 2


@pytest.mark.usefixtures("_small_partitions")
async def test_without_room_a_command_is_told_what_makes_it_and_nothing_is_written(core):
    await core.committer.append(new_stream(19), Command())
    waiting = Command(fingerprint=b"request")
    events = new_stream()
    with pytest.raises(StoreFull, match="`supportix partitions`"):
        await core.committer.append(events, waiting)
    async with core.pool.connection() as connection:
        with pytest.raises(StoreFull, match="`supportix partitions`"):
            await append_on(connection, new_stream(), Command())
    assert await core.desk.reading.head() == 19
    await made(core, ahead=1)
    assert await core.committer.append(events, waiting) == Appended(20, 20)


@pytest.mark.usefixtures("_small_partitions")
async def test_several_who_make_partitions_at_once_make_each_once(core, database_url, monkeypatch):
    monkeypatch.setattr(partitioning, "PAUSE_SECONDS", 0.01)
    connections = [await psycopg.AsyncConnection.connect(database_url, autocommit=True) for _ in range(4)]
    several = await asyncio.gather(*(ensure_ahead(connection, 8, SIZE) for connection in connections))
    for connection in connections:
        await connection.close()
    names = sorted(each.name for some in several for each in some)
    assert names == [f"events_p{n:04}" for n in range(2, 9)]
    assert [each.first for each in await there(core)] == list(range(0, 90, SIZE))


@asynccontextmanager
async def locked(database_url: str, mode: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """The table of the log under a lock that a transaction holds."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(f"LOCK TABLE events IN {mode} MODE")
        yield connection


@pytest.mark.usefixtures("_small_partitions")
async def test_partitions_are_made_while_others_read_and_write(core, database_url):
    """Each holds its lock until its transaction ends, and both are still open when the partition is there."""
    async with locked(database_url, "ACCESS SHARE"), locked(database_url, "ROW EXCLUSIVE"):
        assert await made(core, ahead=2) == [("events_p0002", 20, 30)]


@pytest.mark.usefixtures("_small_partitions")
async def test_others_write_while_a_partition_waits_to_be_made(core, database_url, monkeypatch):
    """VACUUM holds this lock. Whoever waits for it holds nobody up."""
    monkeypatch.setattr(partitioning, "PAUSE_SECONDS", 0.01)
    async with locked(database_url, "SHARE UPDATE EXCLUSIVE") as vacuuming:
        making = asyncio.ensure_future(made(core, ahead=2))

        async def waits() -> bool:
            cursor = await vacuuming.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return await cursor.fetchone() == (1,)

        await until(waits, "one who makes a partition")
        assert await asyncio.wait_for(core.committer.append(new_stream(), Command()), 5) == Appended(1, 1)
        assert len(await core.desk.reading.after(0, 5)) == 1
        assert not making.done()
    assert await making == [("events_p0002", 20, 30)]


@pytest.mark.usefixtures("_small_partitions")
async def test_who_waits_too_long_for_others_gives_up(core, database_url, monkeypatch):
    monkeypatch.setattr(partitioning, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(partitioning, "TRIES", 2)
    async with locked(database_url, "SHARE UPDATE EXCLUSIVE"):
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await made(core, ahead=2)
    assert len(await there(core)) == 2


@pytest.mark.usefixtures("_without_partitions")
async def test_a_worker_makes_room_by_itself(core):
    settings = Settings(database_url=str(core.pool.conninfo))
    keeping = asyncio.ensure_future(_on_the_log(core, settings)["housekeeping"](Fence("housekeeping", 1)))

    async def room() -> bool:
        return len(await there(core)) == 3

    await until(room, "the worker's partitions")
    keeping.cancel()
    assert (await there(core))[0].beyond == PARTITION_POSITIONS


async def test_a_worker_deletes_what_has_expired(core):
    settings = Settings(database_url=str(core.pool.conninfo))
    async with core.pool.connection() as connection:
        await admit(connection, attempt_of("alice", "192.0.2.1"), utc_now() - timedelta(days=2))
    keeping = asyncio.ensure_future(_on_the_log(core, settings)["housekeeping"](Fence("housekeeping", 1)))

    async def nothing_left() -> bool:
        async with core.pool.connection() as connection:
            row = await (await connection.execute("SELECT count(*) FROM login_attempts")).fetchone()
        return row == (0,)

    assert not await nothing_left()
    await until(nothing_left, "the end of what has expired")
    keeping.cancel()
