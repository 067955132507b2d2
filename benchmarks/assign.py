"""How fast does a full queue empty once it may, and does a choice cost more among more agents?

10,000 tickets wait in 20 departments, whose policies are all that there are in turn. 1,000 agents with ten places each
are online. The departments are paused; the assigner runs under its lease, has restored its board and waits.

    assign.seconds             from the instant at which the command that lets the departments go on is sent, until the
                               last of the 10,000 assignments is durable (20,000 events)
    assign.start_seconds       the same queue before an assigner that isn't running yet: from the start of its run, with
                               read models that are caught up, until the last is durable
    assign.restore_seconds     of that, until its board is restored, before it reads what the log holds beyond

Each round has a database of its own on an embedded, durable PostgreSQL, as `supportix up` starts it (fsync and
synchronous_commit on); figures are medians. Afterwards each ticket must stand in the log as assigned once, no agent may
hold more than it has places, and the audit must prove a round.

    assign.decide_us.POLICY    one decision of DispatchBoard.decide, in lists of 1,000, one department with 1,000 agents
    assign.growth              how much more it costs with 100,000 agents in the department; the policy that grows most

    uv run python benchmarks/assign.py [--rounds 3] [--profile] [--json]

--profile prints where one more round spends its time in Python.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import structlog
import uvloop
from append import durable

from supportix import migrating
from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.desk import stored
from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.aggregate import Aggregate
from supportix.domain.department import Department, create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import open_ticket
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep
from supportix.domain.waiting import waiting_after
from supportix.embedded import EmbeddedPostgres
from supportix.policies import POLICIES
from supportix.policies.dispatch import DispatchBoard
from supportix.processes.assigner import LEASE as ASSIGNER
from supportix.processes.assigner import Assigner, board_from_read_models
from supportix.processes.audit import AuditScope, audit
from supportix.projections.runner import LEASE as PROJECTIONS
from supportix.projections.runner import ProjectionRunner
from supportix.settings import Settings
from supportix.store.committer import Command, Fence
from supportix.store.leases import Leases

TICKETS, AGENTS, DEPARTMENTS, PLACES = 10_000, 1_000, 20, 10
DECISIONS, FEW, MANY, REPEATS = 1_000, 1_000, 100_000, 21
CHUNK_EVENTS = 4_000
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONGEST_SECONDS = 120


class Round(NamedTuple):
    """Seconds of one round."""

    resumed: float
    started: float
    restored: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    figures = choosing()
    with TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory) / "postgres") as server:
        migrating.upgrade(server.url)
        durable(server.url)
        rounds = [a_round(server.url, n) for n in range(arguments.rounds)]
        figures = emptying(rounds) | figures
        if arguments.profile:
            profiled(server.url)
    print(f"\n{'figure':32} {'value':>10}")
    for name, value in figures.items():
        print(f"{name:32} {value:>10,}")
    if arguments.json:
        print(json.dumps(figures))
    return 0


def emptying(rounds: Sequence[Round]) -> dict[str, float]:
    print(f"\n{'round':>5} {'resumed s':>10} {'started s':>10} {'restored s':>10}")
    for number, each in enumerate(rounds, 1):
        print(f"{number:5} {each.resumed:10.2f} {each.started:10.2f} {each.restored:10.2f}")
    seconds = statistics.median(each.resumed for each in rounds)
    return {
        "assign.seconds": round(seconds, 3),
        "assign.per_s": round(TICKETS / seconds),
        "assign.start_seconds": round(statistics.median(each.started for each in rounds), 3),
        "assign.restore_seconds": round(statistics.median(each.restored for each in rounds), 3),
    }


def a_round(server_url: str, number: int) -> Round:
    """Both ways of beginning, each on a database of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        with a_database(server_url, f"resumed_{number}") as url:
            resumed = loop.run(let_go_on(Settings(database_url=url), prove=number == 0))
        with a_database(server_url, f"started_{number}") as url:
            started, restored = loop.run(begin(Settings(database_url=url)))
    return Round(resumed, started, restored)


def profiled(server_url: str) -> None:
    profile = cProfile.Profile()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop, a_database(server_url, "profiled") as url:
        loop.run(let_go_on(Settings(database_url=url), prove=False, profile=profile))
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


@contextmanager
def a_database(server_url: str, name: str) -> Iterator[str]:
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        migrating.upgrade(url)
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def let_go_on(settings: Settings, *, prove: bool, profile: cProfile.Profile | None = None) -> float:
    """Seconds from the command that ends the pause until the last assignment is durable."""
    async with open_core(settings) as core:
        departments = await fill(core, paused=True)
        head = await core.desk.reading.head()
        assigner = an_assigner(core, await Leases(core.pool, "benchmark").acquire(ASSIGNER))
        running = asyncio.create_task(assigner.run())
        while assigner.board.position < head:
            assert not running.done(), running.result()
            await asyncio.sleep(0.05)
        await checkpoint(core)
        for department in departments:
            department.resume_assignment(at=utc_now())
        if profile is not None:
            profile.enable()
        started = time.perf_counter()
        await core.desk.append(departments, Command())
        await log_reaches(core, head + DEPARTMENTS + 2 * TICKETS, running)
        taken = time.perf_counter() - started
        if profile is not None:
            profile.disable()
        await stop(running)
        await check(core, prove=prove)
    return taken


async def begin(settings: Settings) -> tuple[float, float]:
    """Seconds from the start of an assigner's run until the last assignment is durable; those of restoring alone."""
    async with open_core(settings) as core:
        await fill(core, paused=False)
        head = await core.desk.reading.head()
        await catch_up(core)
    async with open_core(settings) as core:  # Nothing is known to this one yet.
        await checkpoint(core)
        started = time.perf_counter()
        await board_from_read_models(core.desk)
        restored = time.perf_counter() - started
    async with open_core(settings) as core:
        assigner = an_assigner(core, await Leases(core.pool, "benchmark").acquire(ASSIGNER))
        started = time.perf_counter()
        running = asyncio.create_task(assigner.run())
        await log_reaches(core, head + 2 * TICKETS, running)
        taken = time.perf_counter() - started
        await stop(running)
        await check(core, prove=False)
    return taken, restored


def an_assigner(core: Core, fence: Fence) -> Assigner:
    return Assigner(core.desk, core.committer, core.feed, fence, utc_now)


async def log_reaches(core: Core, position: int, running: "asyncio.Task[None]") -> None:
    """Return as soon as a flush of this process has made the log so long; it tells of itself once it is durable."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while core.wakeups.head < position:
        assert not running.done(), running.result()
        assert time.monotonic() < deadline, f"the log stands at {core.wakeups.head}, {position} was expected"
        await core.wakeups.wait(core.wakeups.head)


async def check(core: Core, *, prove: bool) -> None:
    """Hold the log against what was to be done."""
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*), count(DISTINCT stream_id) FROM events WHERE name = 'ticket.assigned.v1'"
        )
        assert await cursor.fetchone() == (TICKETS, TICKETS)
        cursor = await connection.execute(
            "SELECT count(*), max(held) FROM (SELECT count(*) AS held FROM events "
            "WHERE name = 'agent.work_reserved.v1' GROUP BY stream_id)"
        )
        assert await cursor.fetchone() == (AGENTS, PLACES)
    if prove:
        report = await audit(core.pool, AuditScope())
        assert (report.proved, report.findings) == (TICKETS, []), report.findings[:3]


async def fill(core: Core, *, paused: bool) -> list[Department]:
    """Departments, agents who are online, and waiting tickets, as commands leave them in the log."""
    ids = (UUID(int=0x01 << 120 | n << 80 | 7 << 76 | 0b10 << 62 | n) for n in count(1))
    departments = some_departments(ids, DEPARTMENTS)
    for department in departments if paused else ():
        department.pause_assignment(reason="benchmark", at=START)
    agents = [
        an_agent(next(ids), DepartmentId(departments[n % DEPARTMENTS].id), PLACES).change_availability(
            Availability.ONLINE, at=START
        )
        for n in range(AGENTS)
    ]
    tickets = [
        open_ticket(
            TicketId(next(ids)),
            number=f"SUP-2026-{n:06}",
            subject="Printer is on fire",
            description="It happens since Monday, on two machines, with the newest version. " * 2,
            requester_id=CustomerId(UUID(int=n % 500)),
            priority=list(Priority)[n % 4],
            channel=Channel.EMAIL,
            tags=(),
            department_id=DepartmentId(departments[n % DEPARTMENTS].id),
            step=RoutingStep.REQUEST,
            at=START + timedelta(seconds=n),
        )
        for n in range(TICKETS)
    ]
    aggregates: list[Aggregate] = [*departments, *agents, *tickets]
    events = [stored(event) for aggregate in aggregates for event in aggregate.collect_events()]
    for first in range(0, len(events), CHUNK_EVENTS):
        await core.committer.append(events[first : first + CHUNK_EVENTS], Command())
    return departments


def some_departments(ids: Iterator[UUID], number: int) -> list[Department]:
    policies = sorted(POLICIES)
    return [
        create_department(DepartmentId(next(ids)), name=f"Department {n}", policy=policies[n % len(policies)], at=START)
        for n in range(number)
    ]


def an_agent(agent_id: UUID, department_id: DepartmentId, places: int) -> Agent:
    return register_agent(
        AgentId(agent_id), name="Anna Beck", department_ids=(department_id,), capacity=places, at=START
    )


async def catch_up(core: Core) -> None:
    """Bring the read models to the head of the log."""
    runner = ProjectionRunner(core.pool, core.feed, await Leases(core.pool, "benchmark").acquire(PROJECTIONS))
    await runner.take_over()
    while await runner.step():
        pass


async def checkpoint(core: Core) -> None:
    """What the server does by itself after so many writes is done before the clock starts."""
    async with core.pool.connection() as connection:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")


async def stop(running: "asyncio.Task[None]") -> None:
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def choosing() -> dict[str, float]:
    """What one decision costs by each policy, among few agents and among many."""
    print(f"{'policy':16} {f'{FEW:,} agents':>16} {f'{MANY:,} agents':>16} {'growth':>8}   µs per decision")
    figures: dict[str, float] = {}
    growths = []
    for policy in sorted(POLICIES):
        few, many = decision_us(a_board(policy, FEW), a_board(policy, MANY))
        growths.append(many / few)
        figures[f"assign.decide_us.{policy}"] = round(few, 1)
        print(f"{policy:16} {few:16.1f} {many:16.1f} {many / few:8.2f}", flush=True)
    return figures | {"assign.growth": round(max(growths), 2)}


def decision_us(*boards: tuple[DispatchBoard, UUID]) -> list[float]:
    """Of each board the median of several lists, made in turn; to decide leaves a board as it was."""
    taken: list[list[float]] = [[] for _ in boards]
    for _ in range(REPEATS):
        for (board, department_id), of_board in zip(boards, taken, strict=True):
            started = time.perf_counter()
            decisions = board.decide([department_id], at=START, by=AssignedBy.POLICY, limit=DECISIONS)
            of_board.append(time.perf_counter() - started)
            assert len(decisions) == DECISIONS
    return [1_000_000 * statistics.median(of_board) / DECISIONS for of_board in taken]


def a_board(policy: str, agents: int) -> tuple[DispatchBoard, UUID]:
    """One department in which every agent has had a turn and holds some work, a tenth of them all that they can."""
    ids = (UUID(int=(n * 0x9E3779B97F4A7C15 % (1 << 64)) << 62 | n) for n in count(1))
    department_id = DepartmentId(next(ids))
    department = create_department(department_id, name="Billing", policy=policy, at=START)
    staff = []
    for n in range(agents):
        agent = an_agent(next(ids), department_id, PLACES).change_availability(Availability.ONLINE, at=START)
        for _ in range(n % (PLACES + 1)):
            agent.reserve(TicketId(next(ids)), department_id, at=START)
        agent.collect_events()
        staff.append(agent)
    waiting = []
    for n in range(DECISIONS):
        ticket = open_ticket(
            TicketId(next(ids)),
            number=f"SUP-2026-{n:06}",
            subject="Printer",
            description="",
            requester_id=CustomerId(UUID(int=1)),
            priority=list(Priority)[n % 4],
            channel=Channel.API,
            tags=(),
            department_id=department_id,
            step=RoutingStep.REQUEST,
            at=START + timedelta(seconds=n),
        )
        found = waiting_after(ticket.collect_events()[-1], None)
        assert found is not None
        waiting.append(found)
    board = DispatchBoard()
    turns = [(department_id, agent.id, 1 + n * 7919 % (10 * agents)) for n, agent in enumerate(staff)]
    board.restore(20 * agents, [department], staff, waiting, turns)
    return board, department_id


if __name__ == "__main__":
    sys.exit(main())
