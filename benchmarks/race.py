"""Do many processes that race for the last free places ever give an agent too many tickets, or a ticket two agents?

So many processes of people assign, unassign, reassign, transfer, resolve and reopen the same tickets, open new ones,
change capacities and send agents on- and offline, each on connections of its own and as fast as it can, while an
assigner works under its lease. There are far fewer places than tickets. When the time is up, the people stop, all
agents come online with room for everybody, and the assigner must give out every ticket that still waits: one that it
has lost would wait for ever.

    uv run python benchmarks/race.py [--processes 50] [--seconds 60] [--careless reservation|capacity|claim] [--json]

Then the log is read from its beginning, twice: by `supportix audit`, and by books that are kept from the raw rows and
share no code with it (race_books.py). What the people were told was done is held against what stands in the log. Any
finding ends the run with 1. With --careless a tenth of the people break that rule on purpose; both must find it.

PostgreSQL is embedded and durable, as `supportix up` runs it, in a temporary directory; or the one at --url, whose
database must be migrated and empty.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import psycopg
import structlog
import uvloop
from race_books import QUERY, Books, Row
from race_people import CARELESS, MOST_CAPACITY, SKILL, Place, person

from supportix import migrating
from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.actors import Actor
from supportix.commands.agents import RegisterAgent
from supportix.commands.tickets import OpenTicket
from supportix.domain.agent import Availability
from supportix.domain.ids import AgentId, CustomerId, DepartmentId
from supportix.domain.ticket_words import Channel, Priority
from supportix.embedded import EmbeddedPostgres
from supportix.identity.roles import Role
from supportix.policies import POLICIES
from supportix.processes.assigner import LEASE, Assigner
from supportix.processes.audit import AuditReport, AuditScope, audit
from supportix.processes.worker import work
from supportix.settings import Settings
from supportix.store.committer import Command, Fence
from supportix.store.leases import Leases

DEPARTMENTS, AGENTS, TICKETS = 4, 16, 200
ROOM_FOR_ALL = 10_000
SETTLE_SECONDS = 60.0
SHOWN_FINDINGS = 10
TOLD_BY = {
    "ticket.opened.v1": ("OpenTicket",),
    "assigned by person": ("AssignTicket", "ReassignTicket", "careless"),
    "ticket.unassigned.v1": ("UnassignTicket", "ReassignTicket"),
    "ticket.transferred.v1": ("TransferTicket",),
    "ticket.resolved.v1": ("ResolveTicket",),
    "ticket.reopened.v1": ("ReopenTicket",),
}
"""What the books count -> the commands of which each that was carried out adds one."""

HEAVY = [
    "uvloop",
    "supportix.bootstrap",
    "supportix.embedded",
    "supportix.migrating",
    "supportix.processes.assigner",
    "supportix.processes.audit",
    "supportix.processes.worker",
]
"""Modules that are imported once, for all processes."""

Told = Counter[tuple[str, str]]
"""(command, "done" or the name of its refusal) -> how often."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--careless", choices=CARELESS)
    parser.add_argument("--url", help="of a migrated, empty database")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with database(arguments.url) as url:
        place = asyncio.run(scene(url))
        told = raced(place, arguments.processes, arguments.seconds, arguments.careless)
        books, report = asyncio.run(checked(url))
    show(told)
    findings = books.findings + unkept(books, told)
    figures = {
        "race.processes": arguments.processes,
        "race.seconds": arguments.seconds,
        "race.done": sum(count for (_, outcome), count in told.items() if outcome == "done"),
        "race.refused": sum(count for (_, outcome), count in told.items() if outcome != "done"),
        "race.events": books.position,
        "race.by_person": books.counts["assigned by person"],
        "race.by_policy": books.counts["assigned by policy"],
        "race.proved": report.proved,
        "race.audit_findings": report.found,
        "race.books_findings": len(findings),
    }
    print(f"\n{'figure':24} {'value':>12}")
    for name, value in figures.items():
        print(f"{name:24} {value:>12,}")
    for each in report.findings[:SHOWN_FINDINGS]:
        print(f"audit: position {each.position}: {each.what}")
    for finding in findings[:SHOWN_FINDINGS]:
        print(f"books: {finding}")
    if arguments.json:
        print(json.dumps(figures))
    return 1 if findings or report.found else 0


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """The one that was named, or one on a server of our own."""
    if url is not None:
        yield url
        return
    with (
        TemporaryDirectory() as directory,
        EmbeddedPostgres(Path(directory) / "postgres", max_connections=400) as server,
    ):
        migrating.upgrade(server.url)
        yield server.url


async def scene(url: str) -> Place:
    """Departments of every policy, where urgent tickets weigh two points; agents with few points each, half of them
    with a skill that some tickets ask for; and many more tickets than points.
    """
    admin = Actor(uuid4(), Role.ADMIN)
    async with open_core(Settings(database_url=url)) as core:
        departments = []
        for n in range(DEPARTMENTS):
            policy = sorted(POLICIES)[n % len(POLICIES)]
            outcome = await core.departments.create(f"Department {n}", policy, admin, Command(), at=utc_now())
            departments.append(UUID(json.loads(outcome.answer)["department_id"]))
            await core.departments.change_work_weights(
                departments[-1], {Priority.URGENT: 2}, {}, admin, Command(), None, at=utc_now()
            )
        agents: dict[UUID, set[UUID]] = {}
        for n in range(AGENTS):
            agent_id = AgentId(uuid4())
            agents[agent_id] = {departments[n % DEPARTMENTS], departments[n // DEPARTMENTS % DEPARTMENTS]}
            command = RegisterAgent(
                agent_id=agent_id,
                name=f"Agent {n}",
                department_ids=tuple(DepartmentId(each) for each in agents[agent_id]),
                capacity=1 + n % MOST_CAPACITY,
            )
            await core.agents.register(command, admin, Command(), no_account, at=utc_now())
            if n % 2:
                await core.agents.change_skills(agent_id, {SKILL: 3}, admin, Command(), None, at=utc_now())
            await core.agents.change_availability(agent_id, Availability.ONLINE, admin, Command(), None, at=utc_now())
        tickets = await asyncio.gather(*(ticket(core, n, departments[n % DEPARTMENTS]) for n in range(TICKETS)))
    return Place(url, departments, agents, list(tickets))


async def ticket(core: Core, n: int, department: UUID) -> UUID:
    customer = Actor(uuid4(), Role.CUSTOMER)
    command = OpenTicket(
        subject="Printer",
        description="",
        requester_id=CustomerId(customer.id),
        priority=list(Priority)[n % len(Priority)],
        channel=Channel.API,
        skills=(SKILL,) if n % 3 == 0 else (),
        department_id=DepartmentId(department),
    )
    outcome = await core.tickets.open(command, customer, Command(), at=utc_now())
    return UUID(json.loads(outcome.answer)["ticket_id"])


async def no_account(_: psycopg.AsyncConnection[Any]) -> None:
    """Who logs in is of no interest here."""


def raced(place: Place, processes: int, seconds: float, careless: str | None) -> Told:
    """Let everybody race, then let the assigner give out what is left. Returns what the people were told."""
    context = get_context("forkserver")  # One process imports, all others are copies of it.
    context.set_forkserver_preload(HEAVY)
    assigner, its_control = started(context, give_out, place.url)
    assert its_control.recv() == "ready"
    people = []
    for n in range(processes):
        how = careless if n % 10 == 0 else None
        people.append(started(context, person, place, n, how))
    for _, control in people:
        assert control.recv() == "ready"
    print(f"{processes} people and the assigner race for {seconds:g} s", flush=True)
    ends = time.monotonic() + seconds
    for _, control in people:
        control.send(ends)
    told: Told = Counter()
    for process, control in people:
        told.update(control.recv())
        process.join()
    asyncio.run(settled(place))
    its_control.send("stop")
    assigner.join()
    assert assigner.exitcode == 0, f"the assigner ended with {assigner.exitcode}"
    return told


def started(context: ForkServerContext, life: Callable[..., None], *arguments: object) -> tuple[Any, Connection]:
    """A process, and what to talk to it through."""
    ours, theirs = context.Pipe()
    process = context.Process(target=life, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()  # Where it dies, we are told so.
    return process, ours


async def settled(place: Place) -> None:
    """Bring everybody online with room for all, and return when no ticket waits, or after SETTLE_SECONDS."""
    admin = Actor(uuid4(), Role.ADMIN)
    async with open_core(Settings(database_url=place.url)) as core:
        for agent_id in place.agents:
            await core.agents.change_capacity(agent_id, ROOM_FOR_ALL, admin, Command(), None, at=utc_now())
            await core.agents.change_availability(agent_id, Availability.ONLINE, admin, Command(), None, at=utc_now())
        deadline = time.monotonic() + SETTLE_SECONDS
        books = Books()
        await read(core, books)
        while books.waiting and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            await read(core, books)


async def read(core: Core, books: Books) -> None:
    """Take in what the log holds more."""
    async with core.pool.connection() as connection:
        cursor = await connection.execute(QUERY, (books.position,))
        books.take(Row(*row) for row in await cursor.fetchall())
    books.end_command()


async def checked(url: str) -> tuple[Books, AuditReport]:
    """The log, read from its beginning by two who know nothing of each other."""
    async with open_core(Settings(database_url=url)) as core:
        books = Books()
        await read(core, books)
        return books, await audit(core.pool, AuditScope())


def unkept(books: Books, told: Told) -> list[str]:
    """Promises that the log doesn't keep: a ticket that is lost or waits in vain, an answer that isn't true."""
    broken = [f"ticket {ticket} is lost" for ticket in sorted(books.lost())]
    broken += [f"ticket {ticket} waits in vain" for ticket in sorted(books.waiting)]
    for name, commands in TOLD_BY.items():
        done = sum(told[command, "done"] for command in commands) + (TICKETS if "OpenTicket" in commands else 0)
        unknown = sum(told[command, "StoreUnavailable"] for command in commands)
        if not done <= books.counts[name] <= done + unknown:
            broken.append(f"{done} of {', '.join(commands)} were answered as done, the log holds {books.counts[name]}")
    return broken


def show(told: Told) -> None:
    print(f"\n{'command':20} {'done':>8} {'refused':>8}  because")
    for command in sorted({command for command, _ in told}):
        outcomes = Counter({outcome: count for (each, outcome), count in told.items() if each == command})
        done = outcomes.pop("done", 0)
        reasons = ", ".join(f"{name} {count:,}" for name, count in outcomes.most_common())
        print(f"{command:20} {done:8,} {outcomes.total():8,}  {reasons}")


def give_out(url: str, control: Connection) -> None:
    """The life of the process that runs the assigner, until it is told to stop."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_give_out(url, control))


async def _give_out(url: str, control: Connection) -> None:
    async with open_core(Settings(database_url=url)) as core:

        async def assign(fence: Fence) -> None:
            await Assigner(core.desk, core.committer, core.feed, fence, utc_now).run()

        working = asyncio.create_task(work({LEASE: assign}, Leases(core.pool, "race")))
        control.send("ready")
        await asyncio.to_thread(control.recv)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


if __name__ == "__main__":
    sys.exit(main())
