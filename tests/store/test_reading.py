"""Reading the log in parts: between positions, by name, and as it was at a version or a time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.store.streams import NAME, event, events, new_stream

from supportix.bootstrap import Core
from supportix.domain.agent import Agent, AgentRegistered, Availability
from supportix.domain.department import Department
from supportix.domain.errors import NotFound
from supportix.domain.ids import AgentId, DepartmentId
from supportix.store import log as reading
from supportix.store.committer import Command

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
OTHER_NAME = "department.assignment_paused.v1"


async def recorded_at(core: Core, *minutes: int) -> None:
    """Let the events from position 1 on have been recorded so many minutes after START."""
    async with core.pool.connection() as connection:
        for position, after in enumerate(minutes, 1):
            at = START + timedelta(minutes=after)
            await connection.execute("UPDATE events SET recorded_at = %s WHERE position = %s", (at, position))


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


async def test_between_has_both_ends(core):
    await core.committer.append(new_stream(9), Command())
    for first, last in ((1, 9), (3, 5), (4, 4), (8, 20), (5, 4)):
        entries = await core.desk.reading.between(first, last)
        assert [entry.position for entry in entries] == list(range(first, min(last, 9) + 1))


async def test_events_by_name(core):
    stream_id = uuid4()
    names = [NAME, OTHER_NAME, NAME, OTHER_NAME, "no fact.v1", NAME]
    await core.committer.append([event(stream_id, n, name) for n, name in enumerate(names, 1)], Command())
    log = core.desk.reading
    found = await log.named([NAME], 0, 10)
    assert ([entry.position for entry in found.entries], found.scanned) == ([1, 3, 6], 6)
    found = await log.named([NAME, OTHER_NAME], 1, 2)
    assert ([entry.position for entry in found.entries], found.scanned) == ([2, 3], 3)
    found = await log.named(["never"], 2, 2)
    assert (found.entries, found.scanned) == ([], 6)
    assert (await log.named([NAME], 8, 2)).scanned == 8


async def test_a_scan_for_a_rare_name_is_bounded_and_goes_on_where_it_ended(core, monkeypatch):
    monkeypatch.setattr(reading, "SCANNED_POSITIONS", 4)
    await core.committer.append([*new_stream(8), event(uuid4(), 1, OTHER_NAME), *new_stream(2)], Command())
    scanned, found = [0], []
    while scanned[-1] < await core.desk.reading.head():
        scan = await core.desk.reading.named([OTHER_NAME], scanned[-1], 5)
        scanned.append(scan.scanned)
        found += [entry.position for entry in scan.entries]
    assert scanned == [0, 4, 8, 11]
    assert found == [9]


async def test_a_stream_as_of_a_version(core):
    stream_id = uuid4()
    await core.committer.append(events(stream_id, 1, 5), Command())
    log = core.desk.reading
    assert [entry.version for entry in await log.stream(stream_id, up_to_version=3)] == [1, 2, 3]
    assert [entry.version for entry in await log.stream(stream_id, 1, up_to_version=3)] == [2, 3]
    assert [entry.version for entry in await log.stream(stream_id, up_to_version=9)] == [1, 2, 3, 4, 5]


async def test_streams_as_of_a_time_fit_together(core):
    one, other = uuid4(), uuid4()
    for version in (1, 2, 3):
        await core.committer.append([event(one, version), event(other, version)], Command())
    await recorded_at(core, 0, 0, 10, 10, 20, 20)
    for at, versions in ((-1, []), (0, [1]), (10, [1, 2]), (19.9, [1, 2]), (99, [1, 2, 3])):
        for stream_id in (one, other):
            assert [entry.version for entry in await core.desk.reading.stream(stream_id, at=minute(at))] == versions
    both = await core.desk.reading.stream(one, up_to_version=1, at=minute(99))
    assert [entry.version for entry in both] == [1]


async def test_the_position_at_a_time(core):
    assert await core.desk.reading.position_at(minute(0)) == 0
    for n in range(21):
        await core.committer.append(new_stream(), Command())
        assert await core.desk.reading.position_at(datetime.now(UTC) + timedelta(hours=1)) == n + 1
    await recorded_at(core, *(5 * (n // 3) for n in range(21)))
    for at in range(-1, 40):
        expected = 0 if at < 0 else min(21, 3 * (at // 5 + 1))
        assert await core.desk.reading.position_at(minute(at)) == expected


async def test_where_the_clock_was_set_back_a_place_is_found_between_before_and_after(core):
    minutes = [0, 10, 20, 30, 15, 25, 35, 45]
    await core.committer.append(new_stream(len(minutes)), Command())
    await recorded_at(core, *minutes)
    for at in range(50):
        found = await core.desk.reading.position_at(minute(at))
        assert minutes[found - 1] <= at
        assert found == len(minutes) or minutes[found] > at


async def test_what_was_archived_is_old(core):
    await core.committer.append(new_stream(9), Command())
    await recorded_at(core, *range(9))
    async with core.pool.connection() as connection:
        await connection.execute("DELETE FROM events WHERE position < 5")
    assert await core.desk.reading.position_at(minute(-5)) == 4
    assert await core.desk.reading.position_at(minute(6)) == 7


async def an_agent_who_came_and_went(core: Core) -> UUID:
    agent = Agent(id=AgentId(uuid4()))
    registered = AgentRegistered(occurred_at=START, name="A", department_ids=(DepartmentId(uuid4()),), capacity=3)
    agent.record(registered)
    await core.desk.append([agent], Command())
    for availability in (Availability.ONLINE, Availability.OFFLINE):
        agent.change_availability(availability, at=START)
        await core.desk.append([agent], Command())
    return agent.id


async def test_an_aggregate_as_of_a_version_or_a_time(core):
    agent_id = await an_agent_who_came_and_went(core)
    await recorded_at(core, 0, 10, 20)
    offline, online = Availability.OFFLINE, Availability.ONLINE
    for version, availability in ((1, offline), (2, online), (3, offline)):
        by_version = await core.desk.load_as_of(Agent, agent_id, version=version)
        by_time = await core.desk.load_as_of(Agent, agent_id, at=minute(10 * version - 5))
        assert (by_version.version, by_version.availability) == (version, availability)
        assert by_time == by_version
    assert await core.desk.load_as_of(Agent, agent_id) == await core.desk.load(Agent, agent_id)


async def test_a_past_state_does_not_become_the_present_one(core):
    """Neither the cache nor a snapshot is used for the past, nor is the past kept in them."""
    agent_id = await an_agent_who_came_and_went(core)
    present = await core.desk.load(Agent, agent_id)
    await core.desk._take(present)
    assert (await core.desk.load_as_of(Agent, agent_id, version=2)).version == 2
    assert await core.desk.load(Agent, agent_id) == present
    core.desk._agents.clear()
    assert (await core.desk.load_as_of(Agent, agent_id, version=2)).version == 2
    assert await core.desk.load(Agent, agent_id) == present


async def test_what_was_not_there_then_is_not_found(core):
    agent_id = await an_agent_who_came_and_went(core)
    await recorded_at(core, 0, 10, 20)
    with pytest.raises(NotFound):
        await core.desk.load_as_of(Agent, agent_id, at=minute(-1))
    with pytest.raises(NotFound):
        await core.desk.load_as_of(Agent, agent_id, version=0)
    with pytest.raises(NotFound, match="no version 4"):
        await core.desk.load_as_of(Agent, agent_id, version=4)
    with pytest.raises(NotFound):
        await core.desk.load_as_of(Department, agent_id, version=1)
