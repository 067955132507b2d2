"""The desk is the library's Application too: `save` and `repository.get` from a plain thread, beside an event loop."""

import asyncio
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import IntegrityError
from tests.histories import history, staffed_desk
from tests.small_desk import Step

from supportix.domain.agent import Agent, Availability, WorkReserved
from supportix.domain.errors import NotFound
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.store.committer import Command


async def test_what_a_thread_saves_a_thread_gets_and_the_loop_loads(core):
    [agent, *_] = staffed_desk().all(Agent)
    new = Agent(id=agent.id)
    for fact in facts(agent.id):
        new.record(fact)

    def work() -> Agent:
        recordings = core.desk.save(new)
        assert [recording.notification.id for recording in recordings] == [1, 2]
        assert new.pending_events == []
        return core.desk.repository.get(agent.id)

    assert await asyncio.to_thread(work) == agent
    assert await core.desk.load(Agent, agent.id) == agent


def facts(agent_id: UUID):
    return [event.fact for event in staffed_desk().log if event.originator_id == agent_id]


async def test_what_the_loop_saves_a_thread_gets(core):
    desk = history([Step("open", 0, 1, 1), Step("distribute", 0, 3, 1)])
    copies = []
    for aggregate in desk.state.values():
        copy = type(aggregate)(id=aggregate.id)
        for event in desk.log:
            if event.originator_id == aggregate.id:
                copy.record(event.fact)
        copies.append(copy)
    await core.desk.append(copies, Command())
    for aggregate in desk.state.values():
        assert await asyncio.to_thread(core.desk.repository.get, aggregate.id) == aggregate
        assert await core.desk.load(type(aggregate), aggregate.id) == aggregate


async def test_the_log_is_the_librarys_notification_log(core):
    [agent, *_] = staffed_desk().all(Agent)
    new = Agent(id=agent.id)
    for fact in facts(agent.id):
        new.record(fact)

    def work() -> list[str]:
        core.desk.save(new)
        return [each.topic for each in core.desk.notification_log.select(start=1, limit=10)]

    assert await asyncio.to_thread(work) == ["agent.registered.v1", "agent.availability_changed.v1"]


async def test_a_threads_conflict_is_the_librarys(core):
    [agent, *_] = staffed_desk().all(Agent)

    def work() -> None:
        for _ in range(2):
            new = Agent(id=agent.id)
            new.record(facts(agent.id)[0])
            core.desk.save(new)

    with pytest.raises(IntegrityError):
        await asyncio.to_thread(work)


async def test_what_is_not_there_is_not_found(core):
    with pytest.raises(AggregateNotFoundError):
        await asyncio.to_thread(core.desk.repository.get, uuid4())
    with pytest.raises(NotFound):
        await core.desk.load(Ticket, uuid4())


async def test_an_aggregate_of_another_kind_is_not_found(core):
    [agent, *_] = staffed_desk().all(Agent)
    new = Agent(id=agent.id).record(facts(agent.id)[0])
    await core.desk.append([new], Command())
    with pytest.raises(NotFound):
        await core.desk.load(Ticket, agent.id)


async def test_an_agent_with_a_long_history_is_loaded_from_a_snapshot(core):
    """The snapshot saves reading, and changes nothing."""
    department, agent_id = DepartmentId(uuid4()), AgentId(uuid4())
    agent = Agent(id=agent_id)
    template = staffed_desk().all(Agent)[0]
    registered, online = facts(template.id)
    agent.record(
        type(registered)(occurred_at=registered.occurred_at, name="A", department_ids=(department,), capacity=9)
    )
    agent.record(online)
    await core.desk.append([agent], Command())
    for _ in range(70):
        ticket_id = TicketId(uuid4())
        agent.reserve(ticket_id, department, at=online.occurred_at)
        agent.release(ticket_id, at=online.occurred_at)
        await core.desk.append([agent], Command())
    agent.reserve(TicketId(UUID(int=5)), department, at=online.occurred_at)
    await core.desk.append([agent], Command())
    await asyncio.gather(*core.desk._snapshotting)
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT version FROM snapshots WHERE stream_id = %s", (agent_id,))
        assert await cursor.fetchall() == [(100,)]
        # Were the events before the snapshot read, they would now be missed.
        await connection.execute("DELETE FROM events WHERE version < 90")
    core.desk._agents.clear()
    assert await core.desk.load(Agent, agent_id) == agent
    assert agent.work == {str(UUID(int=5)): str(department)}
    assert agent.availability is Availability.ONLINE
    assert WorkReserved.AGGREGATE is Agent
