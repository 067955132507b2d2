"""Two departments whose teams are pooled are one to whoever pulls, assigns, forces and reassigns work by hand."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.auditing import audited
from tests.invariants import check_log
from tests.merge_invariants import check_merges
from tests.merging import MergingDesk, take_lease
from tests.scene import ADMIN, answer
from tests.spoiled import spoil
from tests.store.streams import whole_log

from supportix.bootstrap import Core
from supportix.commands.actors import Actor
from supportix.commands.desk import Work
from supportix.commands.lending import lent_to
from supportix.commands.pulling import NothingToTake, take_next
from supportix.commands.tickets import AssignTicket, ChangePriority, ReassignTicket, TicketAnswer
from supportix.domain.agent import Agent, AgentAtCapacity, NotInDepartment, WorkForced, WorkReserved
from supportix.domain.errors import Conflict
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.merge import Merge, MergeState
from supportix.domain.merge_settings import MergeStrategy
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import AssignedBy, Priority
from supportix.store.committer import Command
from supportix.store.errors import VersionConflict


@pytest.fixture
def desk(run: Any, core: Core) -> MergingDesk:
    """A department with six waiting tickets and no agents, and a helper with room for four in the other."""

    async def opened() -> MergingDesk:
        await take_lease(core)
        desk = await MergingDesk(core).open(capacity=4, strategy=MergeStrategy.POOL)
        desk.waiting = await desk.tickets(6)
        return desk

    return run(opened())


async def pulls(desk: MergingDesk, department: DepartmentId, agent: Actor | None = None) -> UUID:
    """The ticket that the agent gets out of that department's queue, as the read models tell it by now."""
    await desk.project()
    outcome = await take_next(desk.core.desk, department, agent or desk.helper, Command(), at=desk.scene.now)
    return answer(outcome, TicketAnswer).ticket_id


async def must_be_in_order(desk: MergingDesk, *, shared: int) -> None:
    """Every invariant holds, the audit finds nothing, and so many tickets were given across the pool."""
    state = check_log(await whole_log(desk.core.desk.reading))
    check_merges(await whole_log(desk.core.desk.reading))
    assert (await audited(desk.core)).findings == []
    assert sum(each.shared for each in state.values() if isinstance(each, Merge)) == shared


async def test_an_agent_pulls_from_its_partners_queue_while_the_pool_lasts(desk: MergingDesk):
    with pytest.raises(NotInDepartment):
        await pulls(desk, desk.busy)
    merge = await desk.pooled()
    assert await pulls(desk, desk.busy) == desk.waiting[0]
    assert await pulls(desk, desk.idle) == desk.waiting[1]
    await desk.dissolved(merge)
    with pytest.raises(NotInDepartment, match=str(desk.busy)):
        await pulls(desk, desk.busy)
    with pytest.raises(NothingToTake):
        await pulls(desk, desk.idle)
    ticket = await desk.core.desk.load(Ticket, desk.waiting[0])
    assert (ticket.agent_id, ticket.department_id) == (desk.helper.id, desk.busy)
    await must_be_in_order(desk, shared=2)


async def test_pooled_queues_are_pulled_from_in_one_order(desk: MergingDesk):
    """Whichever of the two departments is named."""
    own, urgent = await desk.tickets(2, desk.idle)
    await desk.scene.send(ChangePriority(ticket_id=urgent, priority=Priority.URGENT))
    await desk.pooled()
    order = [await pulls(desk, department) for department in (desk.busy, desk.idle, desk.busy)]
    assert order == [urgent, *desk.waiting[:2]]
    owner = await desk.scene.agent(desk.busy, capacity=10)
    assert [await pulls(desk, desk.busy, owner) for _ in range(5)] == [*desk.waiting[2:], own]
    await must_be_in_order(desk, shared=3)


async def test_an_agent_of_neither_department_pulls_from_neither(desk: MergingDesk):
    stranger = await desk.scene.agent(await desk.scene.department())
    await desk.pooled()
    for department in (desk.busy, desk.idle):
        with pytest.raises(NotInDepartment, match=str(department)):
            await pulls(desk, department, stranger)


async def test_a_pull_that_was_decided_before_the_pool_dissolved_is_not_saved(desk: MergingDesk):
    """The pool's stream stands in its way; decided anew, it is refused."""
    merge = await desk.pooled()
    work = Work(desk.core.desk)
    agent, ticket = await work.load(Agent, desk.helper.id), await work.load(Ticket, desk.waiting[0])
    ticket.assign(AgentId(agent.id), at=desk.scene.now, by=AssignedBy.PULL)
    lent = await lent_to(work, agent, ticket, at=desk.scene.now)
    agent.reserve(TicketId(ticket.id), ticket.department_id, at=desk.scene.now, lent=lent)
    await desk.dissolved(merge)
    with pytest.raises(VersionConflict):
        await desk.core.desk.append(work.aggregates, Command())
    assert (await desk.core.desk.load(Agent, agent.id)).open_work == 0


async def test_agents_who_pull_while_the_pool_dissolves_get_a_ticket_or_a_refusal(desk: MergingDesk):
    helpers = [desk.helper, *[await desk.scene.agent(desk.idle, capacity=1) for _ in range(5)]]
    merge = await desk.pooled()

    async def pulled(agent: Actor) -> bool:
        try:
            await take_next(desk.core.desk, desk.busy, agent, Command(), at=desk.scene.now)
        except Conflict:  # NotInDepartment, or NothingToTake, or somebody was always faster.
            return False
        return True

    first = [pulled(agent) for agent in helpers[:3]]
    outcomes = await asyncio.gather(*first, desk.dissolved(merge), *[pulled(agent) for agent in helpers[3:]])
    assert (await desk.core.desk.load(Merge, merge.id)).state is MergeState.DISSOLVED
    await must_be_in_order(desk, shared=sum(outcome is True for outcome in outcomes))


async def test_a_pull_passes_over_what_cannot_be_read_and_what_asks_for_more_than_its_queue_tells(desk: MergingDesk):
    await desk.pooled()
    await desk.project()
    unreadable, heavier, third, *_ = desk.waiting
    (*_, last) = await desk.core.desk.reading.stream(unreadable)
    weights = {Priority.LOW: 5}
    await desk.core.departments.change_work_weights(desk.busy, weights, {}, ADMIN, Command(), None, at=desk.scene.now)
    await desk.scene.send(ChangePriority(ticket_id=heavier, priority=Priority.LOW))
    await spoil(desk.core, last.position)
    outcome = await take_next(desk.core.desk, desk.busy, desk.helper, Command(), at=desk.scene.now)
    assert answer(outcome, TicketAnswer).ticket_id == third


async def test_people_assign_across_a_pool_and_not_without_one(desk: MergingDesk):
    first, second, *_ = desk.waiting
    helper = AgentId(desk.helper.id)
    with pytest.raises(NotInDepartment):
        await desk.scene.send(AssignTicket(ticket_id=first, agent_id=helper))
    merge = await desk.pooled()
    await desk.scene.send(AssignTicket(ticket_id=first, agent_id=helper))
    await desk.dissolved(merge)
    with pytest.raises(NotInDepartment):
        await desk.scene.send(AssignTicket(ticket_id=second, agent_id=helper))
    await must_be_in_order(desk, shared=1)


async def test_people_force_work_across_a_pool_and_not_without_one(desk: MergingDesk):
    first, second, *_ = desk.waiting
    helper = AgentId(desk.helper.id)
    await desk.core.agents.change_capacity(helper, 0, ADMIN, Command(), None, at=desk.scene.now)
    merge = await desk.pooled()
    with pytest.raises(AgentAtCapacity):
        await desk.scene.send(AssignTicket(ticket_id=first, agent_id=helper))
    await desk.scene.send(AssignTicket(ticket_id=first, agent_id=helper, force=True, reason="VIP"))
    (forced,) = [e.fact for e in await whole_log(desk.core.desk.reading) if isinstance(e.fact, WorkForced)]
    assert (forced.ticket_id, forced.department_id, forced.merge_id) == (first, desk.busy, merge.id)
    await desk.dissolved(merge)
    with pytest.raises(NotInDepartment):
        await desk.scene.send(AssignTicket(ticket_id=second, agent_id=helper, force=True))
    await must_be_in_order(desk, shared=1)


async def test_people_reassign_across_a_pool_and_not_without_one(desk: MergingDesk):
    owner, helper = await desk.scene.agent(desk.busy), AgentId(desk.helper.id)
    first, second, *_ = desk.waiting
    for ticket_id in (first, second):
        await desk.scene.send(AssignTicket(ticket_id=ticket_id, agent_id=AgentId(owner.id)))
    merge = await desk.pooled()
    await desk.scene.send(ReassignTicket(ticket_id=first, agent_id=helper))
    await desk.dissolved(merge)
    with pytest.raises(NotInDepartment):
        await desk.scene.send(ReassignTicket(ticket_id=second, agent_id=helper))
    held = [(await desk.core.desk.load(Agent, each)).open_work for each in (owner.id, helper)]
    assert held == [1, 1]
    lent = [e.fact.merge_id for e in await whole_log(desk.core.desk.reading) if isinstance(e.fact, WorkReserved)]
    assert lent == [None, None, merge.id]
    await must_be_in_order(desk, shared=1)
