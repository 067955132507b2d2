"""PostgreSQL is killed in the middle of writes: nothing acknowledged is lost, nothing is there twice, writers go on."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from sqlalchemy import text
from tests.store.streams import event, new_stream, positions, whole_log
from tests.waiting import until

from supportix.bootstrap import Core, open_core
from supportix.embedded import EmbeddedPostgres
from supportix.migrating import upgrade
from supportix.projections.checkpoint_queries import ReadDatabase
from supportix.settings import Settings
from supportix.store import committer as committing
from supportix.store.committer import Appended, Command, NewEvent
from supportix.store.errors import StoreUnavailable


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        upgrade(server.url)
        yield server


def kill(server: EmbeddedPostgres) -> None:
    """Without any chance to finish what is under way."""
    lines = (server.data_directory / "cluster" / "postmaster.pid").read_text().splitlines()
    assert int(lines[0]) == server.pid
    os.kill(int(lines[0]), signal.SIGKILL)


async def start_again(server: EmbeddedPostgres) -> None:
    port = server.port

    async def ended() -> bool:
        return server.poll() is not None

    await until(ended, "the end of the server")
    await asyncio.to_thread(server.start)
    assert server.port == port


async def test_killed_in_the_middle_of_writes(server, monkeypatch):
    monkeypatch.setattr(committing, "GIVE_UP_AFTER_SECONDS", 60.0)
    async with open_core(Settings(database_url=server.url)) as core:
        acknowledged = await write_while_killed(core, server)
        log = await whole_log(core.desk.reading)
        assert [entry.position for entry in log] == list(range(1, len(log) + 1))
        assert positions(list(acknowledged.values())) == list(range(1, len(log) + 1))
        assert {entry.command_id for entry in log} == set(acknowledged)

        monkeypatch.setattr(committing, "GIVE_UP_AFTER_SECONDS", 0.5)
        await refused_while_down_and_healed(core, server, head=len(log))


async def write_while_killed(core: Core, server: EmbeddedPostgres) -> dict[UUID, Appended]:
    acknowledged: dict[UUID, Appended] = {}

    async def write() -> None:
        stream_id = uuid4()
        for version in range(1, 101):
            command = Command()
            acknowledged[command.id] = await core.committer.append([event(stream_id, version)], command)

    async def kill_and_start() -> None:
        async def under_way() -> bool:
            return len(acknowledged) > 100

        await until(under_way, "a hundred commands")
        kill(server)
        assert len(acknowledged) < 600
        await start_again(server)

    await asyncio.gather(kill_and_start(), *(write() for _ in range(8)))
    assert len(acknowledged) == 800
    return acknowledged


async def test_reads_go_on_after_a_restart(server):
    """Whatever the pool holds is dead by then, and no reader gets to know."""
    settings = Settings(database_url=server.url, pool_size=6)
    database = ReadDatabase(settings)
    async with open_core(settings) as core:
        await core.committer.append(new_stream(), Command())
        for _ in range(3):
            await asyncio.gather(*(busy_read(core, database) for _ in range(6)))
            assert core.pool.get_stats()["pool_size"] == 6
            kill(server)
            await start_again(server)
            assert await asyncio.wait_for(core.desk.reading.head(), 1) == 1
            async with database.connect() as connection:
                assert (await connection.execute(text("SELECT max(position) FROM events"))).scalar() == 1
            await asyncio.gather(*(busy_read(core, database) for _ in range(12)))
    await database.close()


async def busy_read(core: Core, database: ReadDatabase) -> None:
    """Takes long enough that others who read meanwhile need connections of their own."""
    async with core.pool.connection() as connection:
        await connection.execute("SELECT pg_sleep(0.1)")
    async with database.connect() as reading:
        await reading.execute(text("SELECT pg_sleep(0.1)"))


async def test_a_long_outage_is_over_when_the_server_is_back(server):
    """However often the pool has tried in vain by then, the next reader makes it try again."""
    async with open_core(Settings(database_url=server.url)) as core:
        await core.desk.reading.head()
        kill(server)
        failed = 0
        while failed < 4:  # A session of the killed server may go on for a moment.
            try:
                await core.desk.reading.head()
            except (PoolTimeout, psycopg.OperationalError):
                failed += 1
        await start_again(server)
        await asyncio.wait_for(core.desk.reading.head(), 2)


async def refused_while_down_and_healed(core: Core, server: EmbeddedPostgres, head: int) -> None:
    """After the deadline each command is refused; sent again once the store is back, it is there once.

    A session of the killed server may go on for a moment, so some of the first may still be written.
    """
    sent: dict[Command, list[NewEvent]] = {}
    acknowledged: dict[Command, Appended] = {}
    kill(server)
    while len(sent) - len(acknowledged) < 2:
        command = Command(fingerprint=b"request", answer=b"first")
        sent[command] = new_stream()
        started = time.monotonic()
        try:
            acknowledged[command] = await core.committer.append(sent[command], command)
        except StoreUnavailable:
            assert time.monotonic() - started < 5
    await start_again(server)
    again = {command: await core.committer.append(events, command) for command, events in sent.items()}
    assert positions(list(again.values())) == list(range(head + 1, head + 1 + len(sent)))
    for command, appended in acknowledged.items():
        assert again[command].repeated
        assert again[command].first_position == appended.first_position
    assert await core.desk.reading.head() == head + len(sent)
