"""Read models that followed the log live equal those rebuilt from nothing, and say what the domain says."""

import asyncio
from collections import Counter
from uuid import UUID

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.histories import STEPS, history
from tests.projections.read_models import InBatchesOf, Rows, a_runner, all_rows, append_all, checkpoints, rebuilt_rows
from tests.small_desk import Desk

from supportix.bootstrap import Core, open_core
from supportix.domain.agent import Agent, AgentRegistered, WorkReserved
from supportix.domain.department import Department
from supportix.domain.ticket import Status, Ticket, TicketAssigned, TicketResolved, TicketRouted
from supportix.projections.catalogue import PROJECTIONS
from supportix.projections.rebuild import rebuild
from supportix.projections.schema import TABLES
from supportix.projections.shadow import SHADOW
from supportix.projections.traffic_history import quarter_of
from supportix.settings import Settings

BATCHES = st.lists(st.integers(1, 11), min_size=1, max_size=6)
RESTARTS = st.sets(st.integers(0, 12), max_size=4)


@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])  # To shrink takes a database for each try.
@given(steps=STEPS, batches=BATCHES, restarts=RESTARTS)
def test_live_equals_rebuilt(make_database, steps, batches, restarts):
    desk = history(steps)

    async def compare(url: str) -> None:
        async with open_core(Settings(database_url=url, pool_size=3)) as core:
            await append_all(core, desk.log)
            live = await followed(core, batches, restarts)
            assert await checkpoints(core) == dict.fromkeys(PROJECTIONS, len(desk.log))
            says_what_the_domain_says(live, desk)
            report = await rebuild(core.pool, list(PROJECTIONS), swap=False)
            assert [each for each in report.comparisons if not each.equal] == []
            assert await rebuilt_rows(core) == live
            async with core.pool.connection() as connection:
                await connection.execute(f"DROP SCHEMA {SHADOW} CASCADE")

    with make_database() as url:
        asyncio.run(compare(url))


async def followed(core: Core, batches: list[int], restarts: set[int]) -> Rows:
    """The rows after following the log in these batches, with new owners after some of them."""
    feed = InBatchesOf(core, batches)
    runner = await a_runner(core, feed=feed)
    step = epoch = 1
    while await runner.step():
        if step in restarts:
            epoch += 1
            runner = await a_runner(core, epoch, feed)
        step += 1
    return await all_rows(core)


def says_what_the_domain_says(rows: Rows, desk: Desk) -> None:
    tables = {table.name: [column.name for column in table.columns] for table in TABLES}

    def of(table: str, *names: str) -> set[tuple]:
        indexes = [tables[table].index(name) for name in names]
        return {tuple(_plain(row[index]) for index in indexes) for row in rows[table]}

    tickets, agents, departments = desk.all(Ticket), desk.all(Agent), desk.all(Department)
    assert of("tickets", "ticket_id", "status", "priority", "department_id", "reopen_count", "version", "agent_id") == {
        (
            each.id,
            each.status,
            each.priority,
            each.department_id,
            each.reopen_count,
            each.version,
            each.agent_id if each.resolved_at is None else each.last_agent_id,
        )
        for each in tickets
    }
    assert of("tickets", "ticket_id", "queued_at", "opened_at", "resolved_at", "closed_at") == {
        (each.id, each.queued_at, each.opened_at, each.resolved_at, each.closed_at) for each in tickets
    }
    assert of(
        "department_queue", "ticket_id", "department_id", "priority_rank", "opened_at", "queued_at", "version"
    ) == {
        (each.id, each.department_id, each.priority.rank, each.opened_at, each.queued_at, each.version)
        for each in tickets
        if each.status is Status.QUEUED
    }
    assigned_total = Counter(event.originator_id for event in desk.log if isinstance(event.fact, WorkReserved))
    names = {event.originator_id: event.fact.name for event in desk.log if isinstance(event.fact, AgentRegistered)}
    assert of(
        "agent_load", "agent_id", "name", "department_ids", "availability", "capacity", "open_work", "assigned_total"
    ) == {
        (
            each.id,
            names[each.id],
            each.department_ids,
            each.availability,
            each.capacity,
            each.open_work,
            assigned_total[each.id],
        )
        for each in agents
    }
    assert of("agent_turns", "agent_id", "department_id", "last_turn") == {
        (*key, position) for key, position in _turns(desk).items()
    }
    assert of("departments", "department_id", "name", "policy", "paused", "version") == {
        (each.id, each.name, each.policy, each.paused, each.version) for each in departments
    }
    assert of("traffic_history", "department_id", "quarter", "arrivals", "assignments", "resolutions") == _traffic(desk)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _turns(desk: Desk) -> dict[tuple[UUID, UUID], int]:
    return {
        (event.fact.agent_id, event.fact.department_id): position
        for position, event in enumerate(desk.log, 1)
        if isinstance(event.fact, TicketAssigned)
    }


def _traffic(desk: Desk) -> set[tuple]:
    counts = {
        kind: Counter(
            (event.fact.department_id, quarter_of(event.fact.occurred_at))
            for event in desk.log
            if isinstance(event.fact, kind)
        )
        for kind in (TicketRouted, TicketAssigned, TicketResolved)
    }
    keys = {key for counter in counts.values() for key in counter}
    return {(*key, *(counter[key] for counter in counts.values())) for key in keys}
