"""What does it cost to load an agent who has worked for years, compared with a new one?

One agent gets 50,000 events and another one 50, command by command through SupportDesk.append, so that snapshots are
made when the desk itself makes them. A snapshot is up to 99 events old when an agent is loaded, 50 on average: the
long history therefore ends 50 events after one. Then each is loaded with SupportDesk.load, in turn:

    cold   by a desk that was made a moment before and knows nobody, as after the start of a process
    warm   by a desk that has loaded the agent before

    uv run python benchmarks/load_stream.py [--loads 300] [--json]

PostgreSQL is embedded and durable, as `supportix up` runs it, in a temporary directory.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import uvloop
from uuid_utils.compat import uuid7

from supportix import migrating
from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.desk import SNAPSHOT_EVERY, SupportDesk
from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.embedded import EmbeddedPostgres
from supportix.settings import Settings
from supportix.store.committer import Command

LONG, SHORT = 50_000 + SNAPSHOT_EVERY // 2, 50
OPEN_TICKETS = 10
EVENTS_PER_COMMAND = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory) / "postgres") as server:
        migrating.upgrade(server.url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            figures = loop.run(measured(Settings(database_url=server.url), arguments.loads))
    for name, value in figures.items():
        print(f"{name:32} {value:>10,}")
    if arguments.json:
        print(json.dumps(figures))
    return 0


async def measured(settings: Settings, loads: int) -> dict[str, float]:
    async with open_core(settings) as core:
        long, short = AgentId(uuid4()), AgentId(uuid4())
        started = time.monotonic()
        await asyncio.gather(work(core, long, LONG), work(core, short, SHORT))
        print(f"wrote {LONG:,} and {SHORT} events in {time.monotonic() - started:.0f} s")
        await snapshot_is_there(core, long)
    async with open_core(settings) as core:
        await core.desk.load(Agent, long)  # Connects, and prepares what each connection of a process prepares once.
        times: dict[str, list[float]] = {name: [] for name in ("cold_long", "cold_short", "warm_long", "warm_short")}
        for _ in range(loads):
            desk = SupportDesk(settings.required_database_url(), core.pool, core.committer)
            times["cold_long"].append(await load(desk, long, LONG))
            times["cold_short"].append(await load(desk, short, SHORT))
            times["warm_long"].append(await load(desk, long, LONG))
            times["warm_short"].append(await load(desk, short, SHORT))
            desk.close()
    middle = {name: statistics.median(several) * 1_000_000 for name, several in times.items()}
    return {
        **{f"load_stream.{name}_us": round(value) for name, value in middle.items()},
        "load_stream.cold_ratio": round(middle["cold_long"] / middle["cold_short"], 2),
        "load_stream.warm_ratio": round(middle["warm_long"] / middle["warm_short"], 2),
    }


async def work(core: Core, agent_id: AgentId, events: int) -> None:
    """Take on a ticket and let go of the oldest, again and again; ten tickets are open in between."""
    department = DepartmentId(uuid4())
    agent = register_agent(agent_id, name="Ada", department_ids=(department,), capacity=50, at=utc_now())
    agent.change_availability(Availability.ONLINE, at=utc_now())
    await core.desk.append([agent], Command())
    held: list[TicketId] = []
    while agent.version < events:
        for _ in range(min(EVENTS_PER_COMMAND, events - agent.version)):
            if len(held) > OPEN_TICKETS:
                agent.release(held.pop(0), at=utc_now())
            else:
                held.append(TicketId(uuid7()))
                agent.reserve(held[-1], department, at=utc_now())
        await core.desk.append([agent], Command())


async def load(desk: SupportDesk, agent_id: AgentId, version: int) -> float:
    started = time.perf_counter()
    agent = await desk.load(Agent, agent_id)
    taken = time.perf_counter() - started
    assert agent.version == version
    assert OPEN_TICKETS <= len(agent.work) <= OPEN_TICKETS + 1
    return taken


async def snapshot_is_there(core: Core, agent_id: AgentId) -> None:
    """The desk takes snapshots beside its other work; the last one may be a moment late."""
    expected, deadline = LONG // SNAPSHOT_EVERY * SNAPSHOT_EVERY, time.monotonic() + 10
    version = None
    while version != expected:
        assert time.monotonic() < deadline, f"the snapshot has version {version}, {expected} was expected"
        async with core.pool.connection() as connection:
            cursor = await connection.execute("SELECT version FROM snapshots WHERE stream_id = %s", (agent_id,))
            row = await cursor.fetchone()
        version = row[0] if row else None
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
