"""A read model as of a position is what it showed when the log stood there."""

import pytest
from tests.histories import history
from tests.projections.read_models import InBatchesOf, a_runner, all_rows, append_all, catch_up
from tests.small_desk import Desk, Step

from supportix.projections.catalogue import PROJECTIONS, make
from supportix.projections.looking_back import PositionAhead, state_as_of
from supportix.projections.rebuild import UnknownReadModel


@pytest.fixture
def busy_desk() -> Desk:
    """Tickets that wait, are held, and were resolved."""
    opened = [Step("open", n, n, 1) for n in range(6)]
    return history([*opened, Step("distribute", 0, 7, 1), Step("resolve", 0, 1, 20), Step("distribute", 0, 7, 0)])


@pytest.mark.parametrize("name", PROJECTIONS)
async def test_it_is_what_was_served_at_that_position(core, busy_desk, name):
    await append_all(core, busy_desk.log)
    for position in range(0, len(busy_desk.log) + 1, 5):
        if position:
            await catch_up(await a_runner(core, epoch=position, feed=InBatchesOf(core, [4], end=position)))
        served = await all_rows(core)
        tables = await state_as_of(core.pool, name, position)
        assert [each.table for each in tables] == [table.name for table in make(name).tables]
        for each in tables:
            assert sorted(map(str, served[each.table])) == sorted(str(tuple(row.values())) for row in each.rows)
            assert each.total == len(each.rows)


async def test_what_serves_is_left_alone_and_nothing_stays_behind(core, busy_desk):
    await append_all(core, busy_desk.log)
    await catch_up(await a_runner(core))
    before = await all_rows(core)
    for _ in range(2):
        await state_as_of(core.pool, "ticket_list", 10)
    assert await all_rows(core) == before
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM pg_class WHERE relpersistence = 't'")
        assert await cursor.fetchone() == (0,)


async def test_the_first_rows_and_how_many_there_are(core, busy_desk):
    await append_all(core, busy_desk.log)
    [tickets] = await state_as_of(core.pool, "ticket_list", len(busy_desk.log), limit=2)
    assert (len(tickets.rows), tickets.total) == (2, 6)


async def test_a_position_that_the_log_has_not_reached_is_refused(core, busy_desk):
    await append_all(core, busy_desk.log)
    with pytest.raises(PositionAhead, match=f"stands at {len(busy_desk.log)}"):
        await state_as_of(core.pool, "ticket_list", len(busy_desk.log) + 1)


async def test_an_unknown_read_model_is_refused(core):
    with pytest.raises(UnknownReadModel, match="ticket_list"):
        await state_as_of(core.pool, "weather", 0)
