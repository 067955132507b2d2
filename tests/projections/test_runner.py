"""The one writer of the read models: fenced, all or nothing per batch, and not to be stopped by one bad stream."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from tests.histories import EVENTFUL, history
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
from tests.waiting import until

from supportix.bootstrap import Core
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned, TicketOpened
from supportix.projections.catalogue import PROJECTIONS, definition
from supportix.projections.runner import ProjectionRunner
from supportix.store.committer import Command, Fence, NewEvent
from supportix.store.errors import LeaseLost
from supportix.store.mapper import encode_fact


@pytest.fixture
def busy_desk() -> Desk:
    """Tickets that wait, are held, and were resolved."""
    opened = [Step("open", n, n, 1) for n in range(6)]
    return history([*opened, Step("distribute", 0, 7, 1), Step("resolve", 0, 1, 20), Step("distribute", 0, 7, 0)])


async def parked(core: Core) -> list[tuple[str, UUID, int]]:
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT projection, stream_id, position FROM parked_streams ORDER BY 1")
        return await cursor.fetchall()


async def test_a_new_database_has_nothing_to_project(core):
    runner = await a_runner(core)
    assert not await runner.step()
    assert await checkpoints(core) == dict.fromkeys(PROJECTIONS, 0)


async def test_checkpoints_say_how_far_the_rows_are_and_by_which_code(core, busy_desk):
    await append_all(core, busy_desk.log)
    await catch_up(await a_runner(core))
    assert await checkpoints(core) == dict.fromkeys(PROJECTIONS, len(busy_desk.log))
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT name, definition FROM checkpoints")
        assert dict(await cursor.fetchall()) == {name: definition(name) for name in PROJECTIONS}


async def test_a_running_owner_follows_the_log(core, busy_desk):
    running = asyncio.ensure_future(ProjectionRunner(core.pool, core.feed, Fence("projections", 1)).run())
    for events in busy_desk.commands:
        await append_all(core, events)

    async def caught_up() -> bool:
        return set((await checkpoints(core)).values()) == {len(busy_desk.log)}

    await until(caught_up, "read models at the head of the log")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live


async def test_a_replaced_owner_writes_nothing(core, busy_desk):
    half = len(busy_desk.log) // 2
    await append_all(core, busy_desk.log[:half])
    stale = await a_runner(core, epoch=1)
    await catch_up(stale)
    fresh = await a_runner(core, epoch=2)
    before, at = await all_rows(core), await checkpoints(core)
    await append_all(core, busy_desk.log[half:])
    with pytest.raises(LeaseLost):
        await stale.step()
    assert (await all_rows(core), await checkpoints(core)) == (before, at)
    await catch_up(fresh)
    live = await all_rows(core)
    assert live != before
    assert await rebuilt_rows(core) == live


async def test_a_replaced_owner_cannot_take_over_again(core, busy_desk):
    await a_runner(core, epoch=2)
    await append_all(core, busy_desk.log)
    stale = await a_runner(core, epoch=1)
    with pytest.raises(LeaseLost):
        await stale.step()
    assert set((await checkpoints(core)).values()) == {0}


async def test_a_replaced_owner_loses_even_in_the_middle_of_a_batch(core, busy_desk):
    """The owner's rows are written, its checkpoint is not yet; the new owner enters just then."""
    await append_all(core, busy_desk.log)
    stale = await a_runner(core, epoch=1)
    advance = stale._advance

    async def advance_after_the_takeover(*arguments):
        await a_runner(core, epoch=2)
        await advance(*arguments)

    stale._advance = advance_after_the_takeover
    with pytest.raises(LeaseLost):
        await stale.step()
    assert not any((await all_rows(core)).values())


async def break_table(core: Core, table: str) -> None:
    async with core.pool.connection() as connection:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$"
        )
        await connection.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON {table} EXECUTE FUNCTION refuse()"
        )


async def mend_table(core: Core, table: str) -> None:
    async with core.pool.connection() as connection:
        await connection.execute(f"DROP TRIGGER refuse ON {table}")


@pytest.mark.parametrize("table", ["read_model.traffic_history", "read_model.agent_turns", "checkpoints"])
async def test_a_batch_that_fails_leaves_nothing_and_is_right_the_next_time(core, busy_desk, table):
    """What had been folded in memory is forgotten, or else it would count twice."""
    half = len(busy_desk.log) * 2 // 3
    await append_all(core, busy_desk.log[:half])
    runner = await a_runner(core)
    await catch_up(runner)
    before, at = await all_rows(core), await checkpoints(core)
    await append_all(core, busy_desk.log[half:])
    await break_table(core, table)
    for _ in range(2):
        with pytest.raises(psycopg.errors.RaiseException):
            await runner.step()
        assert (await all_rows(core), await checkpoints(core)) == (before, at)
    await mend_table(core, table)
    await catch_up(runner)
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live != before


def poison(stream_id: UUID, version: int, like: TicketAssigned) -> NewEvent:
    """An assignment of a ticket that was never opened."""
    return NewEvent(stream_id, version, TicketAssigned.TOPIC, encode_fact(like))


@pytest.fixture
def assignment(busy_desk: Desk) -> TicketAssigned:
    return next(event.fact for event in busy_desk.log if isinstance(event.fact, TicketAssigned))


async def test_a_stream_that_makes_no_sense_is_parked_and_the_others_go_on(core, busy_desk, assignment):
    half = len(busy_desk.log) // 2
    bad = uuid4()
    await append_all(core, busy_desk.log[:half])
    await core.committer.append([poison(bad, 1, assignment)], Command())
    await append_all(core, busy_desk.log[half:])
    runner = await a_runner(core, feed=InBatchesOf(core, [4]))
    await catch_up(runner)
    assert await parked(core) == [("ticket_list", bad, half + 1)]
    assert set((await checkpoints(core)).values()) == {len(busy_desk.log) + 1}
    assert len((await all_rows(core))["tickets"]) == len(busy_desk.all(Ticket))


async def test_a_parked_stream_stays_parked_for_later_owners(core, busy_desk, assignment):
    bad = uuid4()
    await core.committer.append([poison(bad, 1, assignment)], Command())
    await catch_up(await a_runner(core, epoch=1))
    opened = next(event.fact for event in busy_desk.log if isinstance(event.fact, TicketOpened))
    await core.committer.append([NewEvent(bad, 2, TicketOpened.TOPIC, encode_fact(opened))], Command())
    await catch_up(await a_runner(core, epoch=2))
    assert await parked(core) == [("ticket_list", bad, 1)]
    assert (await all_rows(core))["tickets"] == []


async def test_a_stream_is_not_taken_for_parked_where_the_parking_was_rolled_back(core, assignment):
    bad = uuid4()
    await core.committer.append([poison(bad, 1, assignment)], Command())
    runner = await a_runner(core)
    await break_table(core, "checkpoints")
    with pytest.raises(psycopg.errors.RaiseException):
        await runner.step()
    await mend_table(core, "checkpoints")
    await catch_up(runner)
    assert await parked(core) == [("ticket_list", bad, 1)]


@pytest.mark.parametrize("text", ["a\0b", "\0", "a\\\0b", "\\u0000", "\\\\u0000 \0", "\0\0"])
async def test_text_that_postgresql_cannot_hold_stops_nothing(core, busy_desk, text):
    """PostgreSQL's text has no NUL; it is shown as U+FFFD, the sign for what can't be shown."""
    opened = busy_desk.log.index(next(event for event in busy_desk.log if isinstance(event.fact, TicketOpened)))
    event = busy_desk.log[opened]
    changed = msgspec.structs.replace(event, fact=msgspec.structs.replace(event.fact, subject=text, tags=(text,)))
    await append_all(core, [*busy_desk.log[:opened], changed, *busy_desk.log[opened + 1 :]])
    await catch_up(await a_runner(core))
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT subject, tags FROM read_model.tickets WHERE ticket_id = %s", (event.originator_id,)
        )
        shown = text.replace("\0", "\ufffd")
        assert await cursor.fetchall() == [(shown, [shown])]


async def test_models_that_stand_at_different_positions_meet(core, busy_desk):
    """One of them was rebuilt or came later; each event reaches each of them once."""
    await append_all(core, busy_desk.log)
    early = await a_runner(core, feed=InBatchesOf(core, [3], end=9))
    early._positions = {"ticket_list": 0, "agent_load": 0}
    await catch_up(early)
    earlier = await a_runner(core, epoch=2, feed=InBatchesOf(core, [2], end=4))
    earlier._positions = {"traffic_history": 0}
    await catch_up(earlier)
    assert sorted((await checkpoints(core)).values()) == [*[0] * (len(PROJECTIONS) - 3), 4, 9, 9]
    await catch_up(await a_runner(core, epoch=3, feed=InBatchesOf(core, [5])))
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live


async def test_rows_no_longer_kept_in_memory_are_read_again(core, monkeypatch):
    monkeypatch.setattr("supportix.projections.rows.KEPT_ROWS", 1)
    monkeypatch.setattr("supportix.projections.forecasts.KEPT_FORECASTS", 1)
    await append_all(core, history(EVENTFUL).log)
    await catch_up(await a_runner(core, feed=InBatchesOf(core, [3, 1])))
    live = await all_rows(core)
    monkeypatch.undo()
    assert await rebuilt_rows(core) == live
