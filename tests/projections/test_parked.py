"""Streams that read models leave out: what parks them, that the others go on, and how they come back or don't."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from structlog.testing import CapturingLogger
from tests.histories import history
from tests.projections.read_models import (
    InBatchesOf,
    a_runner,
    all_rows,
    append_all,
    catch_up,
    checkpoints,
    rebuilt_rows,
)
from tests.small_desk import Desk, Step
from tests.spoiled import mend, spoil
from tests.waiting import until

from supportix.bootstrap import Core
from supportix.domain.agent import Agent, AgentCapacityChanged
from supportix.domain.aggregate import Fact
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned, TicketOpened, TicketRouted
from supportix.projections.catalogue import PROJECTIONS
from supportix.projections.checkpoint_queries import read_model_progress
from supportix.projections.parked import NotParked, ParkedStream, StaysParked, drop, parked_streams, retry
from supportix.projections.rebuild import rebuild
from supportix.projections.runner import ProjectionRunner
from supportix.store.committer import Command, Fence, NewEvent
from supportix.store.errors import CorruptEvent
from supportix.store.mapper import encode_fact

OF_TICKETS = ["agent_load", "department_queue", "ticket_list", "traffic_history"]


@pytest.fixture
def busy_desk() -> Desk:
    """Tickets that wait, are held, were resolved and given out again; agents with several turns."""
    opened = [Step("open", n, n, 1) for n in range(6)]
    worked_on = [Step("distribute", 0, 7, 1), Step("resolve", 0, 1, 20), Step("distribute", 0, 7, 0)]
    again = [Step("reopen", 0, 0, 1), Step("resolve", 1, 0, 1), Step("distribute", 0, 7, 1), Step("rename", 0, 1, 1)]
    return history([*opened, *worked_on, *again])


def position_of(desk: Desk, kind: type[Fact], number: int = 0) -> int:
    """Where the log has the first fact of this kind, or a later one."""
    return [at for at, event in enumerate(desk.log, 1) if isinstance(event.fact, kind)][number]


def a_fateful_assignment(desk: Desk) -> tuple[int, int]:
    """Where a ticket is assigned, and where the last event stands before that ticket's next one."""
    streams = [event.originator_id for event in desk.log]
    for at, event in enumerate(desk.log):
        if isinstance(event.fact, TicketAssigned) and event.originator_id in streams[at + 1 :]:
            return at + 1, streams.index(event.originator_id, at + 1)
    raise AssertionError("no ticket has a sequel")


async def parked(core: Core) -> list[tuple[str, UUID, int]]:
    return [(each.projection, each.stream_id, each.position) for each in await parked_streams(core.pool)]


async def retry_all(core: Core) -> None:
    for each in await parked_streams(core.pool):
        await retry(core.pool, each.projection, each.stream_id)


async def troubles(core: Core) -> dict[str, int]:
    return {each.name: each.parked for each in await read_model_progress(core.pool) if each.parked}


@pytest.mark.parametrize(("name", "affected"), [(None, OF_TICKETS), ("ticket.teleported.v9", sorted(PROJECTIONS))])
async def test_an_unreadable_event_parks_its_stream_and_the_others_go_on(core, busy_desk, monkeypatch, name, affected):
    """Under an unknown name nobody can tell whose event it is; any read model may have missed something."""
    await append_all(core, busy_desk.log)
    position = position_of(busy_desk, TicketAssigned)
    event = busy_desk.log[position - 1]
    await spoil(core, position, name)
    log = CapturingLogger()
    monkeypatch.setattr("supportix.projections.runner._log", log)
    await catch_up(await a_runner(core, feed=InBatchesOf(core, [7])))
    assert await parked(core) == [(each, event.originator_id, position) for each in affected]
    assert await troubles(core) == dict.fromkeys(affected, 1)
    assert set((await checkpoints(core)).values()) == {len(busy_desk.log)}
    assert len((await all_rows(core))["tickets"]) == len(busy_desk.all(Ticket))
    assert {call[:2] for call in log.calls} == {("error", ("stream parked",))}
    told = [call.kwargs for call in log.calls]
    assert sorted(each["projection"] for each in told) == affected
    for each in told:
        assert (each["stream"], each["version"]) == (str(event.originator_id), event.originator_version)
        assert each["event_name"] == (name or TicketAssigned.TOPIC)


async def test_a_rebuild_ends_at_an_unreadable_event(core, busy_desk):
    await append_all(core, busy_desk.log)
    await catch_up(await a_runner(core))
    await spoil(core, 5)
    with pytest.raises(CorruptEvent):
        await rebuild(core.pool, list(PROJECTIONS))


async def test_wherever_the_event_stands_a_retry_makes_the_read_models_whole(core, busy_desk):
    await append_all(core, busy_desk.log)
    whole = await rebuilt_rows(core)
    differed = 0
    for position in range(1, len(busy_desk.log) + 1):
        body = await spoil(core, position)
        spoiled = await rebuilt_rows(core)
        assert await parked(core) != []
        await mend(core, position, body)
        await retry_all(core)
        assert (await parked(core), await all_rows(core)) == ([], whole), f"event {position}"
        differed += spoiled != whole
    assert differed == len(busy_desk.log)


async def test_a_retry_while_the_runner_runs(core, busy_desk):
    """The runner forgets the rows that it remembers from before the stream was parked."""
    position, half = a_fateful_assignment(busy_desk)
    await append_all(core, busy_desk.log[:half])
    body = await spoil(core, position)
    feed = InBatchesOf(core, [3, 1])
    running = asyncio.ensure_future(ProjectionRunner(core.pool, feed, Fence("projections", 1)).run())
    await until(lambda: reached(core, half), "read models before the retry")
    assert len(await parked(core)) == len(OF_TICKETS)
    await mend(core, position, body)
    await asyncio.gather(retry_all(core), append_all(core, busy_desk.log[half:]))
    await until(lambda: reached(core, len(busy_desk.log)), "read models after the retry")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await parked(core) == []
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live


async def reached(core: Core, position: int) -> bool:
    return set((await checkpoints(core)).values()) == {position}


async def test_a_retry_in_the_middle_of_a_batch_waits_for_its_end(core, busy_desk):
    """Or else it would fold up to the former checkpoint, and the runner would leave out what lies behind."""
    position, half = a_fateful_assignment(busy_desk)
    await append_all(core, busy_desk.log[:half])
    body = await spoil(core, position)
    runner = await a_runner(core)
    await catch_up(runner)
    await mend(core, position, body)
    await append_all(core, busy_desk.log[half:])
    project, retries = runner._project, []

    async def project_while_somebody_retries(*arguments):
        retries.append(asyncio.ensure_future(retry_all(core)) if not retries else retries[0])
        await asyncio.wait({retries[0]}, timeout=0.2)
        await project(*arguments)

    runner._project = project_while_somebody_retries
    await catch_up(runner)
    await retries[0]
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live


async def test_a_step_that_fails_after_a_retry_notices_it_again(core, busy_desk):
    position, half = a_fateful_assignment(busy_desk)
    await append_all(core, busy_desk.log[:half])
    body = await spoil(core, position)
    runner = await a_runner(core, feed=InBatchesOf(core, [3]))
    await catch_up(runner)
    await mend(core, position, body)
    await retry_all(core)
    await append_all(core, busy_desk.log[half:])
    project, runner._project = runner._project, None
    with pytest.raises(TypeError):
        await runner.step()
    runner._project = project
    await catch_up(runner)
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live


async def test_a_retry_that_fails_again_leaves_the_stream_parked_for_the_new_reason(core, busy_desk):
    position = position_of(busy_desk, TicketOpened)
    await append_all(core, busy_desk.log)
    await spoil(core, position)
    await catch_up(await a_runner(core))
    before, (first, *_) = await all_rows(core), await parked_streams(core.pool)
    await spoil(core, position, "ticket.teleported.v9")
    with pytest.raises(StaysParked, match=r"ticket\.teleported\.v9"):
        await retry(core.pool, first.projection, first.stream_id)
    assert await all_rows(core) == before
    (now, *_) = await parked_streams(core.pool)
    assert "ticket.teleported.v9" in now.reason
    assert msgspec.structs.replace(now, reason=first.reason) == first


async def test_a_dropped_stream_stays_out_and_is_no_trouble_until_a_rebuild(core, busy_desk):
    position, half = a_fateful_assignment(busy_desk)
    await append_all(core, busy_desk.log[:half])
    body = await spoil(core, position)
    runner = await a_runner(core)
    await catch_up(runner)
    for each in await parked_streams(core.pool):
        dropped = await drop(core.pool, each.projection, each.stream_id)
        assert await drop(core.pool, each.projection, each.stream_id) == dropped
    assert await troubles(core) == {}
    assert all(each.dropped_at for each in await parked_streams(core.pool))
    await mend(core, position, body)
    await append_all(core, busy_desk.log[half:])
    await catch_up(runner)
    assert len(await parked(core)) == len(OF_TICKETS)
    await rebuild(core.pool, list(PROJECTIONS))
    assert await parked(core) == []
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live


@pytest.mark.parametrize("name", ["ticket_list", "nonsense"])
async def test_what_is_not_parked_is_neither_retried_nor_dropped(core, name):
    await a_runner(core)
    for refused in (retry, drop):
        with pytest.raises(NotParked):
            await refused(core.pool, name, uuid4())


async def test_parked_streams_are_listed_page_by_page(core, busy_desk):
    await append_all(core, busy_desk.log)
    for position in (position_of(busy_desk, TicketOpened), position_of(busy_desk, TicketOpened, 2)):
        await spoil(core, position)
    await catch_up(await a_runner(core))
    found: list[ParkedStream] = []
    while page := await parked_streams(core.pool, behind=_key(found), limit=3):
        found += page
    assert found == list(await parked_streams(core.pool))
    assert len(found) == 2 * len(OF_TICKETS)


def _key(found: Sequence[ParkedStream]) -> tuple[str, UUID] | None:
    return (found[-1].projection, found[-1].stream_id) if found else None


async def append(core: Core, stream_id: UUID, version: int, fact: Fact) -> None:
    await core.committer.append([NewEvent(stream_id, version, fact.TOPIC, encode_fact(fact))], Command())


async def test_a_row_that_contradicts_another_parks_its_stream(core, busy_desk):
    """Two tickets of one number: the second is left out, and what comes in the same batch isn't."""
    half = len(busy_desk.log) // 2
    opened = busy_desk.log[position_of(busy_desk, TicketOpened) - 1].fact
    twin = uuid4()
    await append_all(core, busy_desk.log[:half])
    await append(core, twin, 1, opened)
    await append_all(core, busy_desk.log[half:])
    runner = await a_runner(core)
    await catch_up(runner)
    assert await parked(core) == [("ticket_list", twin, half + 1)]
    assert set((await checkpoints(core)).values()) == {len(busy_desk.log) + 1}
    (found,) = await parked_streams(core.pool)
    assert found.reason == "UniqueViolation: ix_tickets_number"
    assert opened.subject not in found.reason
    live = await all_rows(core)
    assert len(live["tickets"]) == len(busy_desk.all(Ticket))
    with pytest.raises(StaysParked, match="ix_tickets_number"):
        await retry(core.pool, "ticket_list", twin)
    assert await rebuilt_rows(core) == live


async def test_a_value_that_a_column_cannot_hold_parks_its_stream(core, busy_desk):
    agent = busy_desk.all(Agent)[0]
    await append_all(core, busy_desk.log)
    runner = await a_runner(core)
    await catch_up(runner)
    before = (await all_rows(core))["agent_load"]
    boundless = AgentCapacityChanged(occurred_at=datetime.now(UTC), capacity=10**12)
    await append(core, agent.id, agent.version + 1, boundless)
    await append(core, uuid4(), 1, busy_desk.log[position_of(busy_desk, TicketRouted) - 1].fact)
    await catch_up(runner)
    assert ("agent_load", agent.id, len(busy_desk.log) + 1) in await parked(core)
    assert (await all_rows(core))["agent_load"] == before
    assert set((await checkpoints(core)).values()) == {len(busy_desk.log) + 2}
