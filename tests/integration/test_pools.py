"""Pools at work: both teams take both queues' tickets, which replay proves, and only while the pool lasts."""

import asyncio
import contextlib
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.invariants import check_log
from tests.merge_invariants import check_merges
from tests.merging import MergingDesk, take_lease
from tests.realtime.scene import running
from tests.store.streams import whole_log
from tests.waiting import until

from supportix.commands.actors import Actor
from supportix.commands.desk import stored
from supportix.commands.tickets import ResolveTicket
from supportix.domain.agent import Agent, Availability, WorkReserved
from supportix.domain.ids import TicketId
from supportix.domain.merge import Merge, MergeState
from supportix.domain.merge_settings import MergeStrategy
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import AssignedBy, Status
from supportix.processes import assigner
from supportix.processes.assigner import Assigner, board_from_read_models
from supportix.processes.audit import AuditReport, AuditScope, audit
from supportix.store.committer import Command
from supportix.store.errors import VersionConflict
from supportix.store.leases import Leases


@pytest.fixture
def desk(run, core) -> MergingDesk:
    """A department with six waiting tickets and no agents, and a helper with room for four in the other."""

    async def opened() -> MergingDesk:
        await take_lease(core)
        desk = await MergingDesk(core).open(capacity=4, strategy=MergeStrategy.POOL)
        desk.waiting = await desk.tickets(6)
        return desk

    return run(opened())


async def assigning(desk: MergingDesk) -> Assigner:
    fence = await Leases(desk.core.pool, "one").acquire(assigner.LEASE)
    return Assigner(desk.core.desk, desk.core.committer, desk.core.feed, fence, lambda: desk.scene.now)


async def held(desk: MergingDesk, agent_id) -> int:
    return (await desk.core.desk.load(Agent, agent_id)).open_work


async def until_held(desk: MergingDesk, count: int) -> None:
    async def is_held() -> bool:
        return await held(desk, desk.helper.id) == count

    await until(is_held, f"{count} tickets with the helper")


async def audited(desk: MergingDesk) -> AuditReport:
    check_merges(await whole_log(desk.core.desk.reading))
    return await audit(desk.core.pool, AuditScope())


async def test_an_agent_takes_its_partners_tickets_while_the_pool_lasts(desk: MergingDesk):
    async with running((await assigning(desk)).run()):
        merge = await desk.pooled()
        await until_held(desk, 4)
        await desk.dissolved(merge)
        for ticket_id in desk.waiting[:2]:
            await desk.scene.send(ResolveTicket(ticket_id=ticket_id))
        own = await desk.tickets(1, desk.idle)

        async def own_is_assigned() -> bool:
            return (await desk.core.desk.load(Ticket, own[0])).status is Status.ASSIGNED

        await until(own_is_assigned, "the helper's own ticket")
    assert await held(desk, desk.helper.id) == 3

    state = check_log(await whole_log(desk.core.desk.reading))
    report = await audited(desk)
    assert (report.findings, report.proved) == ([], 5)
    shared = state[merge.id]
    assert isinstance(shared, Merge)
    assert (shared.state, shared.shared) == (MergeState.DISSOLVED, 4)
    tickets = [state[each] for each in desk.waiting]
    assert {ticket.department_id for ticket in tickets if isinstance(ticket, Ticket)} == {desk.busy}
    lent = [
        entry.fact.merge_id for entry in await whole_log(desk.core.desk.reading) if isinstance(entry.fact, WorkReserved)
    ]
    assert lent == [merge.id] * 4 + [None]


async def test_a_restored_board_knows_the_pool(desk: MergingDesk):
    await desk.pooled()
    await desk.project()
    board = await board_from_read_models(desk.core.desk)
    assert board.pooling.partner_of(desk.busy) == desk.idle
    assert board.ready() == [desk.busy]
    async with running((await assigning(desk)).run()):
        await until_held(desk, 4)
    assert (await audited(desk)).findings == []


async def test_agents_who_join_while_the_pool_lasts_serve_both_queues(desk: MergingDesk):
    async with running((await assigning(desk)).run()):
        await desk.pooled()
        await until_held(desk, 4)
        newcomer = await desk.scene.agent(desk.idle, capacity=1)
        owner = await desk.scene.agent(desk.busy, capacity=1)

        async def all_given() -> bool:
            return [await held(desk, each.id) for each in (newcomer, owner)] == [1, 1]

        await until(all_given, "all six tickets given out")
    assert (await audited(desk)).findings == []


async def test_a_decision_across_a_pool_that_was_dissolved_meanwhile_is_not_saved(desk: MergingDesk):
    """What the chooser knew is no longer so: the pool's stream stands in its way."""
    merge = await desk.pooled()
    await desk.project()
    board = await board_from_read_models(desk.core.desk)
    decisions = board.decide(board.ready(), at=desk.scene.now, by=AssignedBy.POLICY, limit=2)
    assert len(decisions) == 2
    await desk.dissolved(merge)

    with pytest.raises(VersionConflict):
        await desk.core.committer.append(
            [stored(event) for event in board.events_of(decisions, at=desk.scene.now)], Command()
        )
    assert await held(desk, desk.helper.id) == 0


async def rewrite(desk: MergingDesk, name: str, change: Any) -> None:
    """Change the first event of that name behind everybody's back."""
    async with desk.core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT position, body FROM events WHERE name = %s ORDER BY position LIMIT 1", (name,)
        )
        position, body = await cursor.fetchone() or (0, b"")
        fact = msgspec.json.decode(body)
        change(fact)
        await connection.execute(
            "UPDATE events SET body = %s WHERE position = %s", (msgspec.json.encode(fact), position)
        )


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("agent.work_reserved.v1", lambda fact: fact.pop("merge_id"), "agent didn't belong to department"),
        ("agent.work_reserved.v1", lambda fact: fact.update(merge_id=fact["ticket_id"]), "no formed pool then"),
        ("merge.work_shared.v1", lambda fact: fact.update(ticket_ids=[]), "the pool's stream doesn't tell of it"),
        ("agent.registered.v1", lambda fact: fact.update(department_ids=[]), "not by its partner in the pool"),
        ("merge.pool_formed.v1", lambda fact: fact.update(target_id=fact["source_id"]), "nobody could take it"),
    ],
)
async def test_a_pooled_assignment_that_was_not_so_is_named(desk: MergingDesk, name, change, found):
    async with running((await assigning(desk)).run()):
        await desk.pooled()
        await until_held(desk, 4)
    assert (await audited(desk)).findings == []
    await rewrite(desk, name, change)
    report = await audit(desk.core.pool, AuditScope())
    assert any(found in finding.what for finding in report.findings), report.findings


async def tickets_come(desk: MergingDesk, done: asyncio.Event) -> None:
    while not done.is_set():
        await desk.tickets(2)
        await desk.tickets(1, desk.idle)
        await asyncio.sleep(0.005)


async def tickets_go(desk: MergingDesk, done: asyncio.Event, agents: list[Actor]) -> None:
    while not done.is_set():
        for agent in agents:
            for ticket_id in (await desk.core.desk.load(Agent, agent.id)).work:
                with contextlib.suppress(VersionConflict):  # The agent gets work at the same time.
                    await desk.scene.send(ResolveTicket(ticket_id=TicketId(UUID(ticket_id))))
        await asyncio.sleep(0.005)


async def the_helper_comes_and_goes(desk: MergingDesk, done: asyncio.Event) -> None:
    while not done.is_set():
        for wanted in (Availability.AWAY, Availability.ONLINE):
            with contextlib.suppress(VersionConflict):
                await desk.scene.set_availability(desk.helper.id, wanted)
            await asyncio.sleep(0.01)


async def test_a_pool_forms_and_dissolves_while_tickets_are_given_out(desk: MergingDesk):
    """Every choice is proved on what its chooser knew, on whichever side of the pool's beginning and end it fell."""
    await desk.tickets(20)
    own = await desk.scene.agent(desk.busy, capacity=2)
    done = asyncio.Event()
    async with running((await assigning(desk)).run()):
        around = (
            tickets_come(desk, done),
            tickets_go(desk, done, [own, desk.helper]),
            the_helper_comes_and_goes(desk, done),
        )
        tasks = [asyncio.ensure_future(each) for each in around]
        for _ in range(2):
            merge = await desk.pooled()

            async def has_shared(merge_id: UUID = merge.id) -> bool:
                assert not any(task.done() for task in tasks)
                return (await desk.core.desk.load(Merge, merge_id)).shared >= 5

            await until(has_shared, "tickets that were shared")
            await desk.dissolved(merge)
        done.set()
        await asyncio.gather(*tasks)
    check_log(await whole_log(desk.core.desk.reading))
    report = await audited(desk)
    assert report.findings == []
    assert report.proved > 20
