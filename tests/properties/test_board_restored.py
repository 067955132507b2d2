"""A dispatch board restored from read models decides as one that was folded from the first event."""

import asyncio

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from tests.boards import face
from tests.histories import EVENTFUL, STEPS, history
from tests.projections.read_models import InBatchesOf, a_runner, append_all, catch_up

from supportix.bootstrap import open_core
from supportix.domain.department import Department
from supportix.domain.ticket_words import AssignedBy
from supportix.processes.assigner import board_from_read_models
from supportix.projections.catalogue import PROJECTIONS
from supportix.settings import Settings

PARTS = st.floats(0, 1)


@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])  # To shrink takes a database for each try.
@example(steps=EVENTFUL, projected=0.5, further=0.5, ahead={"department_queue", "agent_load"})
@given(steps=STEPS, projected=PARTS, further=PARTS, ahead=st.sets(st.sampled_from(sorted(PROJECTIONS))))
def test_a_restored_board_is_the_folded_one(make_database, steps, projected, further, ahead):
    """Some read models are further than others, and agents and departments are known as of now."""
    desk = history(steps)
    least = int(projected * len(desk.log))
    most = least + int(further * (len(desk.log) - least))

    async def compare(url: str) -> None:
        async with open_core(Settings(database_url=url, pool_size=3)) as core:
            await append_all(core, desk.log)
            await catch_up(await a_runner(core, feed=InBatchesOf(core, [1000], end=least)))
            runner = await a_runner(core, feed=InBatchesOf(core, [1000], end=most))
            runner._positions = {name: position for name, position in runner._positions.items() if name in ahead}
            if ahead:
                await catch_up(runner)
            board = await board_from_read_models(core.desk)
            assert board.position == (most if len(ahead) == len(PROJECTIONS) else least)
            for entry in await core.desk.reading.after(board.position, 10_000):
                board.fold(entry.position, entry.event)
            assert face(board) == face(desk.board)
            departments = [department.id for department in desk.all(Department)]
            assert sorted(board.ready()) == sorted(desk.board.ready())
            assert board.decide(departments, at=desk.now, by=AssignedBy.POLICY, limit=50) == desk.board.decide(
                departments, at=desk.now, by=AssignedBy.POLICY, limit=50
            )

    with make_database() as url:
        asyncio.run(compare(url))
