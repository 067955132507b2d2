"""How fast do events become read models: live, in a rebuild, and beside the library's own runner?

Everything runs on a PostgreSQL of its own with durable settings, in one run:

- visible: from the durable commit of an event to the read models that show it, at 500 events a second.
- live: the projection runner, all read models, from the first event to the head, against the library's
  ProjectionRunner with its PostgresTrackingRecorder, which keeps the ticket list alone.
- growth: a rebuild of ten times the events, its time and its peak memory.
- rebuild: `supportix rebuild --all` from the first event to the swap, all read models, comparison included, of all
  these events, against one core that decodes and folds the same events in memory without any database.

    uv run python benchmarks/rebuild.py [--events 150000] [--no-growth] [--json]
"""

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from busy_history import BusyHistory, append_history
from stock_runner import stock_events_per_second

from supportix import migrating
from supportix.bootstrap import Core, open_core
from supportix.embedded import EmbeddedPostgres
from supportix.projections.catalogue import PROJECTIONS, make
from supportix.projections.rebuild import rebuild
from supportix.projections.runner import LEASE, ProjectionRunner
from supportix.projections.schema import TABLES
from supportix.settings import Settings
from supportix.store.committer import Command, Fence
from supportix.store.log import entry

STOCK_EVENTS = 6_000
VISIBLE_RATE, VISIBLE_SECONDS = 500, 12
GROWTH = 10
IN_MEMORY_EVENTS = 200_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=150_000)
    parser.add_argument("--growth", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory) / "postgres") as server:
        migrating.upgrade(server.url)
        figures = asyncio.run(measured(server.url, arguments.events, growth=arguments.growth))
    for name, value in figures.items():
        print(f"  {name:28} {value:>14,}")
    if arguments.json:
        print(json.dumps(figures))
    return 0


async def measured(url: str, events: int, *, growth: bool) -> dict[str, float]:
    async with open_core(Settings(database_url=url)) as core:
        await must_be_durable(core)
        history = BusyHistory()
        await append_history(core.committer, history, events)
        figures: dict[str, float] = {"events": await core.desk.reading.head()}
        figures |= await visible(core, history)
        figures |= await live(core, url)
        if growth:
            figures |= await grown(core, history)
        figures |= await rebuilt(core)
    return figures


async def must_be_durable(core: Core) -> None:
    async with core.pool.connection() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            row = await (await connection.execute(f"SHOW {setting}")).fetchone()
            assert row == ("on",), f"{setting} is {row}"


async def live(core: Core, url: str) -> dict[str, float]:
    """The runner from the first event on, with empty tables."""
    tables = ", ".join(f"{table.schema}.{table.name}" for table in TABLES)
    async with core.pool.connection() as connection:
        await connection.execute(f"TRUNCATE {tables}, checkpoints")
    runner = ProjectionRunner(core.pool, core.feed, Fence(LEASE, 1_500_000))
    await runner.take_over()
    head, started = await core.desk.reading.head(), time.perf_counter()
    while await runner.step():
        pass
    per_s = head / (time.perf_counter() - started)
    rows = await core.desk.reading.rows_after(0, STOCK_EVENTS)
    stock = await asyncio.to_thread(stock_events_per_second, url, rows)
    return {
        "live.per_s": round(per_s),
        "live.stock_per_s": round(stock),
        "live.vs_stock": round(per_s / stock, 2),
    }


async def rebuilt(core: Core) -> dict[str, float]:
    """A rebuild of everything, and the same events decoded and folded in memory by one core."""
    head = await core.desk.reading.head()
    before = await in_memory(core, head)
    started = time.perf_counter()
    report = await rebuild(core.pool, list(PROJECTIONS))
    per_s = head / (time.perf_counter() - started)
    assert report.equal, report
    assert report.swapped
    memory = (before + await in_memory(core, head)) / 2  # Before and after, as machines change their speed.
    return {
        "rebuild.events": head,
        "rebuild.per_s": round(per_s),
        "rebuild.memory_per_s": round(memory),
        "rebuild.vs_memory": round(per_s / memory, 3),
    }


async def in_memory(core: Core, head: int) -> float:
    """Events a second through decoding and all read models' rules, of the log's first ones, as all rows stay in memory.

    The time in which they are read isn't counted.
    """
    head = min(head, IN_MEMORY_EVENTS)
    projections = [make(name) for name in PROJECTIONS]
    seconds = 0.0
    for position in range(0, head, 50_000):
        rows = await core.desk.reading.rows_after(position, 50_000)
        gc.freeze()  # The rows at hand cost the collector nothing while they are folded.
        started = time.perf_counter()
        for row in rows:
            each = entry(row)
            kind = each.fact.AGGREGATE
            for projection in projections:
                if kind in projection.subjects:
                    projection.fold(each)
        seconds += time.perf_counter() - started
        gc.unfreeze()
    return head / seconds


async def visible(core: Core, history: BusyHistory) -> dict[str, float]:
    """Seconds from a commit to the first read that shows its event, each event appended on its own."""
    runner = ProjectionRunner(core.pool, core.feed, Fence(LEASE, 1_000_000))
    await runner.take_over()
    while await runner.step():
        pass
    running = asyncio.create_task(runner.run())
    events = list(history.events(VISIBLE_RATE * VISIBLE_SECONDS))
    committed: dict[int, float] = {}
    seen: list[float] = []
    reading = asyncio.create_task(_see(core, committed, seen))
    begun = time.perf_counter()
    appending: set[asyncio.Task[None]] = set()
    for n, event in enumerate(events):
        await asyncio.sleep(max(0.0, begun + n / VISIBLE_RATE - time.perf_counter()))
        task = asyncio.create_task(_append(core, event, committed))
        appending.add(task)
        task.add_done_callback(appending.discard)
    rate = len(events) / (time.perf_counter() - begun)
    await asyncio.gather(*appending)
    while committed:
        assert not running.done(), "the runner has failed"
        assert not reading.done(), "the reader has failed"
        await asyncio.sleep(0.01)
    for task in (running, reading):
        task.cancel()
    await asyncio.gather(running, reading, return_exceptions=True)
    percentiles = statistics.quantiles(seen, n=100)
    return {
        "visible_events_per_s": round(rate),
        "visible_p50_ms": round(1000 * percentiles[49], 1),
        "visible_p99_ms": round(1000 * percentiles[98], 1),
    }


async def _append(core: Core, event: Any, committed: dict[int, float]) -> None:
    appended = await core.committer.append([event], Command())
    committed[appended.last_position] = time.perf_counter()


async def _see(core: Core, committed: dict[int, float], seen: list[float]) -> None:
    """Look as a reader would: all read models' checkpoints, which change together with the rows."""
    async with core.pool.connection() as connection:
        while True:
            row = await (await connection.execute("SELECT coalesce(min(position), 0) FROM checkpoints")).fetchone()
            now = time.perf_counter()
            reached = row[0] if row else 0
            shown = [position for position in committed if position <= reached]
            seen += [max(0.0, now - committed.pop(position)) for position in shown]
            await asyncio.sleep(0.001)


async def grown(core: Core, history: BusyHistory) -> dict[str, float]:
    """Rebuilds in processes of their own, whose memory can be told: of a tenth of the events, then of all."""
    head = await core.desk.reading.head()
    small = await _rebuild_apart(core, head)
    await append_history(core.committer, history, head * GROWTH - await core.desk.reading.head())
    runner = ProjectionRunner(core.pool, core.feed, Fence(LEASE, 2_000_000))
    await runner.take_over()
    while await runner.step():
        pass
    large = await _rebuild_apart(core, head * GROWTH)
    return {
        "rebuild.growth": round(large[0] / small[0], 2),
        "rebuild.memory_growth": round(large[1] / small[1], 2),
    }


async def _rebuild_apart(core: Core, events: int) -> tuple[float, float]:
    """Seconds and peak bytes of one rebuild, its worker processes included."""
    program = (
        "import asyncio, sys\n"
        "from supportix.bootstrap import open_core\n"
        "from supportix.settings import Settings\n"
        "from supportix.projections.catalogue import PROJECTIONS\n"
        "from supportix.projections.rebuild import rebuild\n"
        "async def main():\n"
        "    async with open_core(Settings(database_url=sys.stdin.readline().strip())) as core:\n"
        "        report = await rebuild(core.pool, list(PROJECTIONS))\n"
        "    assert report.equal and report.swapped, report\n"
        "asyncio.run(main())\n"
    )
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(str(core.pool.conninfo).encode() + b"\n")
    process.stdin.close()
    peak = 0.0
    watched = psutil.Process(process.pid)
    while process.returncode is None:
        peak = max(peak, _memory(watched))
        await asyncio.sleep(0.05)
    assert process.returncode == 0
    print(f"rebuild of {events:,} events: {time.perf_counter() - started:.1f} s, {peak / 2**20:.0f} MB")
    return time.perf_counter() - started, peak


def _memory(process: psutil.Process) -> float:
    """Resident bytes of a process and its children."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


if __name__ == "__main__":
    sys.exit(main())
