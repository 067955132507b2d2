"""What is due by the clock: duty by the schedule, also after the timekeeper has slept; silence; work taken back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.projections.read_models import a_runner, catch_up
from tests.scene import ADMIN, SUPERVISOR, Scene, a_customer

from supportix.bootstrap import Core
from supportix.commands.actors import Actor
from supportix.commands.tickets import AssignTicket, AwaitCustomer, CustomerAnswered, StartWork
from supportix.commands.waiting import waiting_tickets
from supportix.domain.agent import Agent, Availability
from supportix.domain.department_facts import TakeBack
from supportix.domain.errors import Forbidden
from supportix.domain.ids import AgentId, TicketId
from supportix.domain.schedule import Schedule, Shift
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Status
from supportix.processes import timekeeper
from supportix.processes.timekeeper import SILENCE, Kept, Timekeeper
from supportix.store.committer import Command
from supportix.store.leases import Leases

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NINE_TO_FIVE = Schedule(shifts=tuple(Shift(weekday, 9 * 60, 17 * 60) for weekday in range(5)))


class Clock:
    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


class Keeper:
    """A timekeeper whose clock is set by hand, with read models that have caught up."""

    def __init__(self, core: Core, keeper: Timekeeper, clock: Clock) -> None:
        self._core = core
        self._keeper = keeper
        self._clock = clock
        self._epoch = 0

    async def catches_up(self) -> None:
        self._epoch += 1
        await catch_up(await a_runner(self._core, epoch=self._epoch))

    async def looks_at(self, now: datetime) -> tuple[Kept, int]:
        """What it did at that time, and at how many things it looked."""
        await self.catches_up()
        self._clock.now = now
        due = len(await self._keeper._due(now))
        return await self._keeper.tick(), due

    async def due(self, now: datetime) -> list[timekeeper.Due]:
        """What the read models, which have caught up, say is due."""
        await self.catches_up()
        return await self._keeper._due(now)

    async def does(self, due: list[timekeeper.Due], now: datetime) -> Kept:
        """What came of what the read models had said."""
        return await self._keeper.see_to(due, now)


@pytest.fixture
def scene(core: Core) -> Scene:
    return Scene(core)


async def a_keeper(core: Core) -> Keeper:
    clock = Clock()
    fence = await Leases(core.pool, "one").acquire(timekeeper.LEASE)
    return Keeper(core, Timekeeper(core.desk, fence, clock), clock)


async def works(core: Core, agent: Actor, schedule: Schedule, at: datetime) -> None:
    await core.agents.change_schedule(agent.id, schedule, ADMIN, Command(), None, at=at)


async def on_duty(core: Core, agent_id: UUID) -> bool:
    return (await core.desk.load(Agent, agent_id)).on_duty


async def test_agents_go_on_and_off_duty_by_their_schedule(core, scene):
    keeper = await a_keeper(core)
    agent = await scene.agent(await scene.department())
    await works(core, agent, NINE_TO_FIVE, MONDAY + timedelta(hours=7))
    assert not await on_duty(core, agent.id)
    assert await keeper.looks_at(MONDAY + timedelta(hours=8, minutes=59)) == (Kept(), 0)
    assert await keeper.looks_at(MONDAY + timedelta(hours=9)) == (Kept(duty_changes=1), 1)
    assert await on_duty(core, agent.id)
    assert await keeper.looks_at(MONDAY + timedelta(hours=17)) == (Kept(duty_changes=1), 1)
    assert not await on_duty(core, agent.id)


async def test_a_shift_that_was_slept_over_is_looked_at_once_and_the_next_one_is_kept(core, scene):
    keeper = await a_keeper(core)
    agent = await scene.agent(await scene.department())
    await works(core, agent, NINE_TO_FIVE, MONDAY + timedelta(hours=7))
    evening = MONDAY + timedelta(hours=18)
    assert await keeper.looks_at(evening) == (Kept(), 1)
    assert await keeper.looks_at(evening + timedelta(seconds=1)) == (Kept(), 0)
    assert await keeper.looks_at(MONDAY + timedelta(days=1, hours=9)) == (Kept(duty_changes=1), 1)
    assert await on_duty(core, agent.id)


async def test_a_schedule_that_changed_meanwhile_is_kept_although_another_change_was_passed_over(core, scene):
    keeper = await a_keeper(core)
    agent = await scene.agent(await scene.department())
    await works(core, agent, NINE_TO_FIVE, MONDAY + timedelta(hours=7))
    assert await keeper.looks_at(MONDAY + timedelta(hours=18)) == (Kept(), 1)
    nights = Schedule(shifts=(Shift(0, 20 * 60, 24 * 60),))
    await works(core, agent, nights, MONDAY + timedelta(hours=18, minutes=5))
    assert await keeper.looks_at(MONDAY + timedelta(hours=20)) == (Kept(duty_changes=1), 1)
    assert await on_duty(core, agent.id)


async def test_an_agent_who_falls_silent_is_taken_offline_and_one_without_heartbeats_is_not(core, scene):
    keeper = await a_keeper(core)
    department = await scene.department()
    beating, silent = await scene.agent(department), await scene.agent(department)
    seen_at = scene.now
    await core.agents.heartbeat(beating.id, beating, at=seen_at)
    assert await keeper.looks_at(seen_at + SILENCE - timedelta(seconds=1)) == (Kept(), 0)
    assert await keeper.looks_at(seen_at + SILENCE) == (Kept(silent_agents=1), 1)
    assert (await core.desk.load(Agent, beating.id)).availability is Availability.OFFLINE
    assert (await core.desk.load(Agent, silent.id)).availability is Availability.ONLINE
    assert await keeper.looks_at(seen_at + 3 * SILENCE) == (Kept(), 0)


async def test_who_ever_sent_a_heartbeat_is_watched_from_then_on(core, scene):
    """Also when it was taken offline and came back by other means; until it signs off."""
    keeper = await a_keeper(core)
    agent = await scene.agent(await scene.department())
    await core.agents.heartbeat(agent.id, agent, at=scene.now)
    assert (await keeper.looks_at(scene.now + SILENCE))[0] == Kept(silent_agents=1)

    back = (await goes(core, agent, Availability.ONLINE, MONDAY + timedelta(hours=12))).availability_since
    assert await keeper.looks_at(back + SILENCE - timedelta(seconds=1)) == (Kept(), 0)
    assert (await keeper.looks_at(back + SILENCE))[0] == Kept(silent_agents=1)

    back = (await goes(core, agent, Availability.ONLINE, MONDAY + timedelta(hours=14))).availability_since
    await core.agents.end_watch(agent.id, agent)
    assert await keeper.looks_at(back + 3 * SILENCE) == (Kept(), 0)
    await core.agents.heartbeat(agent.id, agent, at=back + 3 * SILENCE)
    assert (await keeper.looks_at(back + 4 * SILENCE))[0] == Kept(silent_agents=1)


async def goes(core: Core, agent: Actor, availability: Availability, at: datetime) -> Agent:
    await core.agents.change_availability(agent.id, availability, ADMIN, Command(), None, at=at)
    return await core.desk.load(Agent, agent.id)


async def test_whose_watch_is_ended_by_whom(core, scene):
    agent, other = [await scene.agent(await scene.department()) for _ in range(2)]
    await core.agents.end_watch(agent.id, agent)
    await core.agents.end_watch(agent.id, ADMIN)
    for actor in (other, SUPERVISOR, a_customer()):
        with pytest.raises(Forbidden):
            await core.agents.end_watch(agent.id, actor)


@pytest.mark.parametrize("sign", ["came back", "was heard of"])
async def test_an_agent_that_is_back_since_the_read_model_told_of_its_silence_stays_online(core, scene, sign):
    keeper = await a_keeper(core)
    agent = await scene.agent(await scene.department())
    await core.agents.heartbeat(agent.id, agent, at=scene.now)
    now = scene.now + SILENCE
    silent = await keeper.due(now)
    assert [what for what, *_ in silent] == ["silent"]
    if sign == "was heard of":
        await core.agents.heartbeat(agent.id, agent, at=now)
    else:
        for availability in (Availability.OFFLINE, Availability.ONLINE):
            await goes(core, agent, availability, now - timedelta(seconds=1))
    assert await keeper.does(silent, now) == Kept()
    assert (await core.desk.load(Agent, agent.id)).availability is Availability.ONLINE


async def test_work_is_taken_back_when_its_limit_has_passed_and_not_before(core, scene):
    keeper = await a_keeper(core)
    department = await scene.department()
    agent = await scene.agent(department)
    await core.departments.change_take_back(
        department, TakeBack(offline_after=60), ADMIN, Command(), None, at=scene.now
    )
    ticket = await scene.assigned_ticket(department, agent)
    await scene.set_availability(agent.id, Availability.OFFLINE)
    since = (await core.desk.load(Agent, agent.id)).availability_since
    assert await keeper.looks_at(since + timedelta(seconds=59)) == (Kept(), 0)
    assert (await keeper.looks_at(since + timedelta(seconds=60)))[0] == Kept(taken_back=1)
    waiting = await core.desk.load(Ticket, ticket.ticket_id)
    assert (waiting.status, waiting.agent_id, waiting.demand.returned) == (Status.QUEUED, None, True)
    assert (await core.desk.load(Agent, agent.id)).open_work == 0


@pytest.mark.parametrize("how", ["the customer answers", "a supervisor goes on with it"])
async def test_what_waited_for_the_customer_is_taken_back_once_it_goes_on_and_its_agent_is_gone(core, scene, how):
    keeper = await a_keeper(core)
    department, customer = await scene.department(), a_customer()
    agent = await scene.agent(department)
    ticket = await scene.ticket(department, customer)
    ticket_id = TicketId(ticket.ticket_id)
    await scene.send(AssignTicket(ticket_id=ticket_id, agent_id=AgentId(agent.id)))
    await scene.send(AwaitCustomer(ticket_id=ticket_id), agent)
    newer = await scene.ticket(department)
    await scene.set_availability(agent.id, Availability.OFFLINE)
    a_day_later = scene.now + timedelta(days=1)
    assert await keeper.looks_at(a_day_later) == (Kept(), 0)

    if how == "the customer answers":
        await scene.send(CustomerAnswered(ticket_id=ticket_id), customer)
    else:
        await scene.send(StartWork(ticket_id=ticket_id))
    assert (await keeper.looks_at(a_day_later))[0] == Kept(taken_back=1)
    waiting = await core.desk.load(Ticket, ticket_id)
    assert (waiting.status, waiting.agent_id, waiting.demand.returned) == (Status.QUEUED, None, True)
    await keeper.looks_at(a_day_later)
    assert [each for each, _ in await waiting_tickets(core.pool, [department], 5)] == [ticket_id, newer.ticket_id]
    assert (await core.desk.load(Agent, agent.id)).open_work == 0


async def test_what_waited_for_the_customer_goes_on_with_its_agent_where_that_one_is_there(core, scene):
    keeper = await a_keeper(core)
    department = await scene.department()
    agent = await scene.agent(department)
    ticket = await scene.assigned_ticket(department, agent)
    for command in (AwaitCustomer, CustomerAnswered):
        await scene.send(command(ticket_id=TicketId(ticket.ticket_id)))
    assert await keeper.looks_at(scene.now + timedelta(days=1)) == (Kept(), 0)
    held = await core.desk.load(Ticket, ticket.ticket_id)
    assert (held.status, held.agent_id) == (Status.IN_PROGRESS, agent.id)


async def test_a_heartbeat_of_an_agent_that_nobody_registered_does_no_harm(core):
    keeper = await a_keeper(core)
    stranger = Actor(uuid4(), ADMIN.role)
    async with core.pool.connection() as connection:
        await connection.execute("INSERT INTO agent_heartbeats VALUES (%s, %s)", (stranger.id, MONDAY))
    assert await keeper.looks_at(MONDAY + timedelta(days=1)) == (Kept(), 0)
