"""Rebuilding read models beside the serving ones."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.generated_log import write_log

from supportix.bootstrap import Core
from supportix.importing.mapping import load_mapping
from supportix.importing.run import import_history
from supportix.processes.worker import work
from supportix.projections import folding
from supportix.projections.catalogue import PROJECTIONS
from supportix.projections.rebuild import RebuildRunning, UnknownReadModel, rebuild, stale_read_models
from supportix.projections.runner import ProjectionRunner
from supportix.projections.shadow import FORMER, SHADOW
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
