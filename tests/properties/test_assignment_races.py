"""However assigners and people race for tickets and agents, no ticket is given out twice and nobody gets too many."""

import asyncio
import random
from collections.abc import Awaitable, Iterator
from uuid import UUID

import pytest
from tests.invariants import check_log
from tests.projections.read_models import a_runner, catch_up
from tests.scene import Scene
from tests.store.streams import whole_log
from tests.waiting import until

from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.actors import Actor
from supportix.commands.tickets import AssignTicket, ResolveTicket, TransferTicket, UnassignTicket
from supportix.domain.agent import Agent, Availability
from supportix.domain.aggregate import Aggregate
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy, Status
from supportix.processes.assigner import LEASE, Assigner
from supportix.processes.audit import AuditScope, audit
from supportix.settings import Settings
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases


@pytest.fixture
def other_core(run, database_url: str) -> Iterator[Core]:
    """Another process on the same database."""
    opened = open_core(Settings(database_url=database_url))
    yield run(opened.__aenter__())
    run(opened.__aexit__(None, None, None))


def assigner(core: Core, fence: Fence) -> Assigner:
    return Assigner(core.desk, core.committer, core.feed, fence, utc_now)


async def checked(core: Core) -> dict[UUID, Aggregate]:
    """All aggregates, after the log was found to keep all invariants and every policy's choice was proved."""
    state = check_log(await whole_log(core.desk.reading))
    report = await audit(core.pool, AuditScope())
    assert report.findings == []
    return state


async def tickets(core: Core) -> list[Ticket]:
    state = check_log(await whole_log(core.desk.reading))
    return [each for each in state.values() if isinstance(each, Ticket)]


async def assignments(core: Core, by: AssignedBy) -> int:
    facts = [entry.fact for entry in await whole_log(core.desk.reading)]
    return sum(isinstance(fact, TicketAssigned) and fact.assigned_by is by for fact in facts)


async def stopped(*running: "asyncio.Future[None]") -> list[BaseException | None]:
    """How each of them ended, if it hadn't ended before: by being cancelled now."""
    for each in running:
        each.cancel()
    return await asyncio.gather(*running, return_exceptions=True)


async def test_an_assigner_gives_out_all_that_can_be_given_out(core):
    scene = Scene(core)
    department = await scene.department()
    agents = [await scene.agent(department, capacity=3) for _ in range(4)]
    await asyncio.gather(*(scene.ticket(department) for _ in range(15)))
    running = asyncio.ensure_future(assigner(core, await Leases(core.pool, "one").acquire(LEASE)).run())

    async def all_full() -> bool:
        return await assignments(core, AssignedBy.POLICY) == 12

    await until(all_full, "four agents with three tickets each")
    await stopped(running)
    state = await checked(core)
    assert [state[agent.id].open_work for agent in agents] == [3, 3, 3, 3]


async def test_a_replaced_assigner_assigns_nothing_more(core, other_core):
    scene = Scene(core)
    department = await scene.department()
    for _ in range(3):
        await scene.agent(department, capacity=10)
    stale = await Leases(core.pool, "one").acquire(LEASE)
    await Leases(core.pool, "one").release(stale)
    fresh = await Leases(other_core.pool, "two").acquire(LEASE)
    replaced = asyncio.ensure_future(assigner(core, stale).run())
    running = asyncio.ensure_future(assigner(other_core, fresh).run())
    await asyncio.gather(*(scene.ticket(department) for _ in range(30)))

    async def all_given_out() -> bool:
        return await assignments(core, AssignedBy.POLICY) == 30

    await until(all_given_out, "thirty assignments")
    ends = await stopped(replaced, running)
    assert isinstance(ends[0], LeaseLost | asyncio.CancelledError)
    assert isinstance(ends[1], asyncio.CancelledError)
    await checked(core)


async def test_a_stale_assigner_that_finds_work_loses_its_lease(core):
    scene = Scene(core)
    department = await scene.department()
    await scene.agent(department)
    await scene.ticket(department)
    fence = await Leases(core.pool, "one").acquire(LEASE)
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(assigner(core, Fence(LEASE, fence.epoch - 1)).run(), 10)
    assert await assignments(core, AssignedBy.POLICY) == 0


async def test_even_two_assigners_that_both_think_they_hold_the_lease_assign_nothing_twice(core, other_core):
    scene = Scene(core)
    departments = [await scene.department(policy=policy) for policy in ("round_robin", "least_busy")]
    for n in range(6):
        await scene.agent(*departments[: 1 + n % 2], capacity=4)
    fence = await Leases(core.pool, "one").acquire(LEASE)
    running = [asyncio.ensure_future(assigner(each, fence).run()) for each in (core, other_core)]
    await asyncio.gather(*(scene.ticket(departments[n % 2]) for n in range(40)))

    async def nothing_more_to_give() -> bool:
        state = check_log(await whole_log(core.desk.reading))
        waiting = [each for each in state.values() if isinstance(each, Ticket) and each.status is Status.QUEUED]
        free = {d for each in state.values() if isinstance(each, Agent) and each.free for d in each.department_ids}
        return not any(ticket.department_id in free for ticket in waiting)

    await until(nothing_more_to_give, "full agents or empty queues")
    await stopped(*running)
    state = await checked(core)
    held = sum(each.open_work for each in state.values() if isinstance(each, Agent))
    assert await assignments(core, AssignedBy.POLICY) == held >= 20


async def test_people_and_the_assigner_race_for_the_last_places(core, other_core):
    scene = Scene(core)
    department = await scene.department()
    agents = [await scene.agent(department, capacity=2) for _ in range(2)]
    running = asyncio.ensure_future(assigner(core, await Leases(core.pool, "one").acquire(LEASE)).run())
    by_hand = Scene(other_core)

    async def open_and_assign(n: int) -> int:
        ticket = await by_hand.ticket(department)
        return await attempts(
            by_hand.send(AssignTicket(ticket_id=TicketId(ticket.ticket_id), agent_id=AgentId(agents[n % 2].id)))
        )

    by_people = sum(await asyncio.gather(*(open_and_assign(n) for n in range(12))))

    async def all_full() -> bool:
        return await assignments(core, AssignedBy.POLICY) + by_people == 4

    await until(all_full, "two agents with two tickets each")
    await stopped(running)
    state = await checked(core)
    assert [state[agent.id].open_work for agent in agents] == [2, 2]
    assert await assignments(core, AssignedBy.PERSON) == by_people


async def attempts(sending: Awaitable[object]) -> int:
    """1 where it was carried out, 0 where it was refused."""
    try:
        await sending
    except Refusal:
        return 0
    return 1


async def test_a_busy_desk_keeps_every_invariant(core, other_core):
    """Customers, agents, supervisors and two departments, on two processes, while the assigner is at work."""
    scene, there = Scene(core), Scene(other_core)
    departments = [await scene.department(policy=policy) for policy in ("round_robin", "least_busy")]
    agents = [await scene.agent(*departments[: 1 + n % 2], capacity=1 + n % 3) for n in range(5)]
    fence = await Leases(core.pool, "one").acquire(LEASE)
    running = asyncio.ensure_future(assigner(core, fence).run())
    done = asyncio.Event()

    async def enough_of_both() -> bool:
        for n in range(20):
            await (scene, there)[n % 2].ticket(departments[n % 2])
        return await assignments(core, AssignedBy.POLICY) > 20 and await assignments(core, AssignedBy.PERSON) > 2

    async def supervisor(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - repeatable, and no secret.
        while not done.is_set():
            unsolved = [ticket for ticket in await tickets(core) if ticket.status is not Status.RESOLVED]
            for ticket in dice.sample(unsolved, min(3, len(unsolved))):
                await attempts(there.send(interference(dice, TicketId(ticket.id), agents, departments)))
            agent = dice.choice(agents)
            await attempts(there.set_availability(agent.id, dice.choice(list(Availability))))
            await attempts(there.set_availability(agent.id, Availability.ONLINE))

    async def agent_at_work(actor: Actor, place: Scene) -> None:
        while not done.is_set():
            for ticket_id in (await place.core.desk.load(Agent, actor.id)).work:
                await attempts(place.send(ResolveTicket(ticket_id=TicketId(UUID(ticket_id))), actor))
            await asyncio.sleep(0.02)

    working = [asyncio.ensure_future(agent_at_work(actor, (scene, there)[n % 2])) for n, actor in enumerate(agents)]
    supervising = [asyncio.ensure_future(supervisor(seed)) for seed in (1, 2)]
    await until(enough_of_both, "choices of the policy and of people")

    async def all_resolved() -> bool:
        return all(ticket.status is Status.RESOLVED for ticket in await tickets(core))

    await until(all_resolved, "all tickets resolved")
    done.set()
    await asyncio.gather(*working, *supervising)
    await stopped(running)
    await checked(core)


def interference(dice: random.Random, ticket_id: TicketId, agents: list[Actor], departments: list[DepartmentId]):
    """What supervisors do in between."""
    agent_id = AgentId(dice.choice(agents).id)
    return dice.choice(
        (
            AssignTicket(ticket_id=ticket_id, agent_id=agent_id),
            AssignTicket(ticket_id=ticket_id, agent_id=agent_id),
            UnassignTicket(ticket_id=ticket_id),
            TransferTicket(ticket_id=ticket_id, department_id=dice.choice(departments)),
        )
    )


async def test_a_restored_assigner_decides_on_nothing_that_its_position_does_not_cover(core, other_core):
    """Its first choices must be provable: agents are loaded as of now, the position comes from the read models."""
    scene, there = Scene(core), Scene(other_core)
    department = await scene.department(policy="least_busy")
    agents = [await scene.agent(department, capacity=5) for _ in range(2)]
    await catch_up(await a_runner(core))
    position = await core.desk.reading.head()
    await there.ticket(department)
    assert await core.feed.after(position)  # Another follower of this process has read on until here,
    await there.assigned_ticket(department, agents[0])  # and further on stands what nobody here has seen.
    running = asyncio.ensure_future(assigner(core, await Leases(core.pool, "one").acquire(LEASE)).run())

    async def given_out() -> bool:
        return await assignments(core, AssignedBy.POLICY) == 1

    await until(given_out, "the waiting ticket's assignment")
    await stopped(running)
    await checked(core)
