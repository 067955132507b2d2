"""Rebuilding read models beside the serving ones."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.generated_log import write_log

from supportix.bootstrap import Core
from supportix.importing.mapping import load_mapping
from supportix.importing.run import import_history
from supportix.processes.worker import work
from supportix.projections import folding
from supportix.projections.catalogue import PROJECTIONS
from supportix.projections.folding import Share
from supportix.projections.rebuild import RebuildRunning, UnknownReadModel, rebuild, roll_back, stale_read_models
from supportix.projections.rebuild_share import Order
from supportix.projections.runner import ProjectionRunner
from supportix.projections.shadow import FORMER, SHADOW, create_shadow
from supportix.projections.shares import ShareFailed
from supportix.projections.swap import NothingToRollBack
from supportix.store.committer import Fence
from supportix.store.leases import Leases

ALL = list(PROJECTIONS)


@asynccontextmanager
async def a_worker(core: Core) -> AsyncIterator[None]:
    """Read models that are kept up meanwhile."""

    async def keep(fence: Fence) -> None:
        await ProjectionRunner(core.pool, core.feed, fence).run()

    task = asyncio.create_task(work({"projections": keep}, Leases(core.pool, "test")))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def caught_up(core: Core) -> None:
    head = await core.desk.reading.head()
    while True:
        async with core.pool.connection() as connection:
            cursor = await connection.execute("SELECT count(*), min(position) FROM checkpoints")
            count, position = await cursor.fetchone() or (0, 0)
        if count == len(ALL) and position >= head:
            return
        await asyncio.sleep(0.01)


async def schemas(core: Core) -> set[str]:
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read_model%'")
        return {row[0] for row in await cursor.fetchall()}


@pytest.fixture
def a_history(run: Any, core: Core, tmp_path: Path) -> Core:
    path = tmp_path / "log.csv"
    write_log(path, tickets=80, seed=9)
    run(import_history(core, path, load_mapping("servicenow"), "recorded"))
    return core


async def test_rebuilt_equals_live_and_takes_its_place(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        report = await rebuild(a_history.pool, ALL)
        assert report.swapped
        assert report.equal, report.comparisons
        assert {each.table: each.serving_rows for each in report.comparisons}["tickets"] == 80
        assert await schemas(a_history) == {"read_model", FORMER}


async def test_the_serving_set_goes_on_after_a_swap(a_history: Core, tmp_path: Path) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        await rebuild(a_history.pool, ALL)
        more = tmp_path / "more.csv"
        write_log(more, tickets=30, seed=10)
        await import_history(a_history, more, load_mapping("servicenow"), "recorded")
        await caught_up(a_history)
        assert (await rebuild(a_history.pool, ALL)).equal


async def test_a_row_that_was_changed_by_hand_is_found_and_mended(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        async with a_history.pool.connection() as connection:
            await connection.execute("UPDATE read_model.tickets SET subject = 'forged' WHERE number LIKE '%000007'")
        compared = await rebuild(a_history.pool, ALL, swap=False)
        assert [each.table for each in compared.comparisons if not each.equal] == ["tickets"]
        assert await schemas(a_history) == {"read_model", SHADOW}
        await rebuild(a_history.pool, ["ticket_list"])
        assert (await rebuild(a_history.pool, ALL, swap=False)).equal


async def test_an_interrupted_rebuild_leaves_the_serving_set_alone(
    a_history: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "PAGE", 50)
    async with a_worker(a_history):
        await caught_up(a_history)
        begun = asyncio.Event()
        task = asyncio.create_task(rebuild(a_history.pool, ALL, progress=lambda _done, _total: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with a_history.pool.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM read_model.tickets")
            assert await cursor.fetchone() == (80,)
        assert (await rebuild(a_history.pool, ALL)).equal


async def test_one_rebuild_at_a_time(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        begun = asyncio.Event()
        first = asyncio.create_task(rebuild(a_history.pool, ALL, progress=lambda _done, _total: begun.set()))
        await begun.wait()
        with pytest.raises(RebuildRunning):
            await rebuild(a_history.pool, ALL)
        assert (await first).equal


async def test_an_unknown_read_model_is_refused(core: Core) -> None:
    with pytest.raises(UnknownReadModel, match="ticket_list"):
        await rebuild(core.pool, ["ticket_lists"])


async def test_other_code_makes_a_read_model_stale(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        assert await stale_read_models(a_history.pool) == []
        async with a_history.pool.connection() as connection:
            await connection.execute("UPDATE checkpoints SET definition = 'older' WHERE name = 'agent_load'")
        assert await stale_read_models(a_history.pool) == ["agent_load"]
        await rebuild(a_history.pool, ["agent_load"])
        assert await stale_read_models(a_history.pool) == []


async def test_several_workers_make_the_same_rows(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        told: list[tuple[int, int]] = []
        report = await rebuild(a_history.pool, ALL, workers=3, progress=lambda *done: told.append(done))
        assert report.equal, report.comparisons
        assert told[-1] == (report.position, report.position)
        assert (await rebuild(a_history.pool, ALL, workers=1)).equal


async def test_a_worker_process_that_fails_ends_the_rebuild_with_its_reason(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        serving = await rows_of(a_history, "tickets")
    async with a_history.pool.connection() as connection:
        await connection.execute("UPDATE events SET name = 'ticket.sung.v1' WHERE position = 300")
    with pytest.raises(ShareFailed, match=r"CorruptEvent: event 'ticket\.sung\.v1', version \d+ of stream"):
        await rebuild(a_history.pool, ALL, workers=2)
    assert await rows_of(a_history, "tickets") == serving


async def rows_of(core: Core, table: str) -> list[Any]:
    async with core.pool.connection() as connection:
        cursor = await connection.execute(f"SELECT to_jsonb(t) FROM read_model.{table} AS t ORDER BY 1")  # noqa: S608
        return await cursor.fetchall()


async def test_the_former_set_can_serve_again_and_catches_up(a_history: Core, tmp_path: Path) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        await rebuild(a_history.pool, ALL)
        more = tmp_path / "more.csv"
        write_log(more, tickets=30, seed=10)
        await import_history(a_history, more, load_mapping("servicenow"), "recorded")
        await caught_up(a_history)
        served = await rows_of(a_history, "tickets")
        assert set(await roll_back(a_history.pool)) == set(ALL)
        await caught_up(a_history)
        assert await rows_of(a_history, "tickets") == served
        assert (await rebuild(a_history.pool, ALL, swap=False)).equal


async def test_a_rollback_can_be_taken_back(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        async with a_history.pool.connection() as connection:
            await connection.execute("UPDATE read_model.tickets SET subject = 'forged' WHERE number LIKE '%000007'")
        forged = await rows_of(a_history, "tickets")
        await rebuild(a_history.pool, ["ticket_list"])
        mended = await rows_of(a_history, "tickets")
        assert await roll_back(a_history.pool) == ["ticket_list"]
        assert await rows_of(a_history, "tickets") == forged != mended
        await roll_back(a_history.pool)
        assert await rows_of(a_history, "tickets") == mended


async def test_without_a_former_set_there_is_nothing_to_go_back_to(a_history: Core) -> None:
    with pytest.raises(NothingToRollBack, match="no rebuild"):
        await roll_back(a_history.pool)


async def test_a_former_set_of_other_code_does_not_serve(a_history: Core) -> None:
    async with a_worker(a_history):
        await caught_up(a_history)
        async with a_history.pool.connection() as connection:
            await connection.execute("UPDATE checkpoints SET definition = 'older' WHERE name = 'ticket_list'")
        await rebuild(a_history.pool, ["ticket_list"])
        with pytest.raises(NothingToRollBack, match="another release"):
            await roll_back(a_history.pool)


async def test_a_rebuild_goes_on_while_its_history_grows(a_history: Core, tmp_path: Path) -> None:
    """What is written meanwhile is in the rebuilt set too, and reads see one set or the other at each moment."""
    async with a_worker(a_history):
        await caught_up(a_history)
        more = tmp_path / "more.csv"
        write_log(more, tickets=60, seed=11)
        importing = asyncio.create_task(import_history(a_history, more, load_mapping("servicenow"), "recorded"))
        seen: list[int] = []
        while not importing.done():
            assert (await rebuild(a_history.pool, ALL)).equal
            seen.append(len(await rows_of(a_history, "tickets")))
        await importing
        await caught_up(a_history)
        assert seen == sorted(seen)
        assert len(await rows_of(a_history, "tickets")) == 140
        assert (await rebuild(a_history.pool, ALL)).equal


async def test_a_share_ends_when_its_rebuild_is_gone(a_history: Core) -> None:
    """Its standard input ends with the process that holds the other end."""
    async with a_history.pool.connection() as connection:
        await create_shadow(connection, [])
        async with connection.transaction():
            await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")  # Nothing can be read meanwhile.
            order = Order(str(a_history.pool.conninfo), ["ticket_list"], Share(0, 2), 100)
            share = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "supportix.projections.rebuild_share", stdin=asyncio.subprocess.PIPE
            )
            assert share.stdin is not None
            share.stdin.write(msgspec.json.encode(order) + b"\n")
            await share.stdin.drain()
            share.stdin.close()
            assert await asyncio.wait_for(share.wait(), 30) == 1
