"""Whatever happens around merges: boards know who serves which queue, replay proves it, live equals rebuilt."""

import asyncio
from collections import Counter
from uuid import UUID, uuid5

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.merge_histories import MERGING_STEPS, merging_history
from tests.merge_invariants import check_merges
from tests.projections.read_models import InBatchesOf, a_runner, all_rows, append_all, catch_up, rebuilt_rows
from tests.small_desk import Desk
from tests.traffic import traffic_of

from supportix.bootstrap import open_core
from supportix.domain.agent import Agent, WorkReserved
from supportix.domain.department import Department
from supportix.domain.merge import Merge, MergeState
from supportix.domain.ticket_facts import TicketAssigned, TicketTransferred
from supportix.domain.ticket_words import AssignedBy
from supportix.policies.dispatch import DispatchBoard
from supportix.processes.assigner import board_from_read_models
from supportix.processes.audit import Auditor, AuditReport, AuditScope
from supportix.projections.merges import department_merging, merges
from supportix.projections.traffic_history import quarter_of
from supportix.settings import Settings
from supportix.store.log import LogEntry

COMMANDS = UUID("00000000-0000-7000-8000-00000000c033")


def serving(desk: Desk) -> dict[UUID, set[UUID]]:
    """The agents who serve each department, told from the aggregates alone."""
    teams = {each.id: {each.id} for each in desk.all(Department)}
    for merge in desk.all(Merge):
        if merge.state is MergeState.POOLED:
            teams[merge.source_id].add(merge.target_id)
            teams[merge.target_id].add(merge.source_id)
    return {
        department: {agent.id for agent in desk.all(Agent) if not team.isdisjoint(agent.department_ids)}
        for department, team in teams.items()
    }


def members(board: DispatchBoard, desk: Desk) -> dict[UUID, set[UUID]]:
    return {each.id: set(board.pool(each.id).members) for each in desk.all(Department)}


def entries(desk: Desk) -> list[LogEntry]:
    """The desk's log as the store would hand it out."""
    found: list[LogEntry] = []
    for number, command in enumerate(desk.commands):
        command_id = uuid5(COMMANDS, str(number))
        for event in command:
            at = event.fact.occurred_at
            place = len(found) + 1
            found.append(LogEntry(place, event.originator_id, event.originator_version, event.fact, command_id, at))
    return found


@settings(max_examples=120)
@given(steps=MERGING_STEPS)
def test_the_board_always_knows_who_serves_which_queue(steps):
    def as_the_aggregates_say(desk: Desk) -> None:
        assert members(desk.board, desk) == serving(desk)

    desk = merging_history(steps, as_the_aggregates_say)
    check_merges(entries(desk))


@settings(max_examples=120)
@given(steps=MERGING_STEPS)
def test_replay_proves_every_choice_across_pools(steps):
    desk = merging_history(steps)
    report = AuditReport()
    auditor = Auditor(report, AuditScope())
    for entry in entries(desk):
        auditor.take(entry)
    auditor.finish()
    assert report.findings == []
    by_policy = [
        event
        for event in desk.log
        if isinstance(event.fact, TicketAssigned) and event.fact.assigned_by is AssignedBy.POLICY
    ]
    assert report.proved == len(by_policy)


def test_pools_are_used_in_these_histories():
    """So that the properties above say something about them."""
    lent = moved = 0

    @settings(max_examples=120)
    @given(steps=MERGING_STEPS)
    def count(steps):
        nonlocal lent, moved
        for event in merging_history(steps).log:
            lent += isinstance(event.fact, WorkReserved) and event.fact.merge_id is not None
            moved += isinstance(event.fact, TicketTransferred) and event.fact.merge_id is not None

    count()
    assert lent > 20
    assert moved > 20


@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(steps=MERGING_STEPS, batches=st.lists(st.integers(1, 11), min_size=1, max_size=6))
def test_live_equals_rebuilt_and_says_what_the_domain_says(make_database, steps, batches):
    desk = merging_history(steps)

    async def compare(url: str) -> None:
        async with open_core(Settings(database_url=url, pool_size=3)) as core:
            await append_all(core, desk.log)
            await catch_up(await a_runner(core, feed=InBatchesOf(core, batches)))
            live = await all_rows(core)
            board = await board_from_read_models(core.desk)
            assert members(board, desk) == serving(desk)
            assert await rebuilt_rows(core) == live
        says_what_the_domain_says(live, desk)

    with make_database() as url:
        asyncio.run(compare(url))


def says_what_the_domain_says(rows, desk: Desk) -> None:
    def of(table, *names: str) -> set[tuple]:
        indexes = [list(table.c.keys()).index(name) for name in names]
        return {tuple(row[index] for index in indexes) for row in rows[table.name]}

    assert of(merges, "merge_id", "source_id", "target_id", "state", "moved", "passed_over", "shared", "version") == {
        (e.id, e.source_id, e.target_id, e.state, e.moved, e.passed_over, e.shared, e.version) for e in desk.all(Merge)
    }
    assert of(department_merging, "department_id", "merge_id", "merge_left_at") == {
        (each.id, each.merge_id, each.merge_left_at)
        for each in desk.all(Department)
        if each.merging is not None or each.merge_id is not None or each.merge_left_at is not None
    }
    traffic = traffic_of(desk.log)
    assert set(rows["traffic_history"]) == traffic.quarters
    assert set(rows["handle_times"]) == traffic.handle_times
    taken = Counter(
        (event.fact.department_id, quarter_of(event.fact.occurred_at))
        for event in desk.log
        if isinstance(event.fact, TicketAssigned)
    )
    assert set(rows["queue_pace"]) == {(*key, count) for key, count in taken.items()}
