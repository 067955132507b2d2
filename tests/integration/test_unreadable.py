"""The assigner goes on past events that can't be read, and leaves their streams alone."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
from structlog.testing import CapturingLogger
from tests.projections.read_models import a_runner, catch_up
from tests.scene import Scene
from tests.spoiled import spoil
from tests.waiting import until

from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.tickets import ChangePriority
from supportix.domain.agent import Availability
from supportix.domain.ids import TicketId
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import Priority
from supportix.processes.assigner import LEASE, Assigner
from supportix.settings import Settings
from supportix.store.leases import Leases


@pytest.fixture
def worker(run, database_url: str) -> Iterator[Core]:
    """Another process on the same database, which remembers nothing."""
    opened = open_core(Settings(database_url=database_url))
    yield run(opened.__aenter__())
    run(opened.__aexit__(None, None, None))


async def names(core: Core, stream_id: UUID) -> list[str]:
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT name FROM events WHERE stream_id = %s ORDER BY version", (stream_id,))
        return [row[0] for row in await cursor.fetchall()]


@pytest.mark.parametrize("name", [None, "agent.teleported.v9"])
@pytest.mark.parametrize("projected", [False, True], ids=["from the log", "from read models"])
async def test_unreadable_streams_are_left_alone_and_the_others_are_served(core, worker, monkeypatch, projected, name):
    scene = Scene(core)
    department = await scene.department()
    good, bad = await scene.agent(department, capacity=5), await scene.agent(department, capacity=5)
    await scene.set_availability(bad.id, Availability.AWAY)
    await scene.set_availability(bad.id, Availability.ONLINE)
    await spoil(core, await core.desk.reading.head(), name)
    stuck = await scene.ticket(department)
    await scene.send(ChangePriority(ticket_id=TicketId(stuck.ticket_id), priority=Priority.URGENT))
    await spoil(core, await core.desk.reading.head(), name and "ticket.teleported.v9")
    waiting = [await scene.ticket(department) for _ in range(3)]
    if projected:
        await catch_up(await a_runner(worker))
    fence = await Leases(worker.pool, "assigner").acquire(LEASE)
    assigner = Assigner(worker.desk, worker.committer, worker.feed, fence, utc_now)

    async def all_given_out() -> bool:
        return all([TicketAssigned.TOPIC in await names(core, each.ticket_id) for each in waiting])

    log = CapturingLogger()
    monkeypatch.setattr("supportix.processes.assigner._log", log)
    running = asyncio.ensure_future(assigner.run())
    await until(all_given_out, "tickets that can be given out")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert TicketAssigned.TOPIC not in await names(core, stuck.ticket_id)
    assert (await names(core, good.id)).count("agent.work_reserved.v1") == len(waiting)
    assert (await names(core, bad.id)).count("agent.work_reserved.v1") == 0
    told = {call.kwargs["stream"] for call in log.calls if call[:2] == ("error", ("stream left alone",))}
    assert told == {str(bad.id), str(stuck.ticket_id)}


async def test_an_agent_whose_first_event_cannot_be_read_is_left_alone_when_more_is_heard_of_it(core, worker):
    """No read model has a row of it; the board knows from what is parked."""
    scene = Scene(core)
    department = await scene.department()
    head = await core.desk.reading.head()
    bad = await scene.agent(department)
    await spoil(core, head + 1)
    good = await scene.agent(department)
    await catch_up(await a_runner(worker))
    await scene.set_availability(bad.id, Availability.AWAY)  # By a process that remembers the agent.
    ticket = await scene.ticket(department)
    fence = await Leases(worker.pool, "assigner").acquire(LEASE)
    running = asyncio.ensure_future(Assigner(worker.desk, worker.committer, worker.feed, fence, utc_now).run())

    async def given_out() -> bool:
        return running.done() or "agent.work_reserved.v1" in await names(core, good.id)

    await until(given_out, "a ticket that the other agent can take")
    assert not running.done()
    assert TicketAssigned.TOPIC in await names(core, ticket.ticket_id)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_ticket_that_only_its_queue_has_parked_is_given_out(core, worker):
    """The board takes it from its stream, where all is well."""
    scene = Scene(core)
    department = await scene.department()
    await scene.agent(department)
    ticket = await scene.ticket(department)
    await catch_up(await a_runner(worker))
    async with core.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO parked_streams (projection, stream_id, position, reason) "
            "VALUES ('department_queue', %s, 1, 'its row')",
            (ticket.ticket_id,),
        )
        await connection.execute("UPDATE read_model.department_queue SET version = 1")
    fence = await Leases(worker.pool, "assigner").acquire(LEASE)
    running = asyncio.ensure_future(Assigner(worker.desk, worker.committer, worker.feed, fence, utc_now).run())

    async def given_out() -> bool:
        return TicketAssigned.TOPIC in await names(core, ticket.ticket_id)

    await until(given_out, "the parked ticket")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
