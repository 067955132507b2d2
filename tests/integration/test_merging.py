"""Merges on a real store: what the load suggests, what people decide, what is moved, and when a pool ends."""

import asyncio

import pytest
from tests.invariants import check_log
from tests.merging import MergingDesk, take_lease
from tests.projections.read_models import all_rows, rebuilt_rows
from tests.scene import SUPERVISOR
from tests.store.streams import whole_log

from supportix.commands.tickets import AssignTicket, ResolveTicket, TransferTicket
from supportix.domain.department import Department, DepartmentInMerge
from supportix.domain.ids import AgentId
from supportix.domain.merge import (
    AbandonReason,
    DecidedBy,
    MergeAbandoned,
    MergeState,
    MergeSuggested,
)
from supportix.domain.merge_evidence import Trigger
from supportix.domain.merge_settings import MergeMode, MergeStrategy
from supportix.domain.ticket import Ticket
from supportix.projections.merge_load import merge_scene
from supportix.store.committer import Command
from supportix.store.errors import LeaseLost, VersionConflict


@pytest.fixture
def desk(run, core) -> MergingDesk:
    async def opened() -> MergingDesk:
        await take_lease(core)
        return await MergingDesk(core).open()

    return run(opened())


async def test_a_load_below_the_high_mark_suggests_nothing(desk: MergingDesk):
    await desk.tickets(5)
    assert await desk.until_nothing_is_to_do() == 0
    assert await desk.merges() == []


async def test_at_the_high_mark_a_merge_is_suggested_with_its_evidence(desk: MergingDesk):
    await desk.tickets(6)
    await desk.until_nothing_is_to_do()

    (merge,) = await desk.merges()
    (fact,) = [entry.fact for entry in await desk.core.desk.reading.stream(merge.id)]
    assert isinstance(fact, MergeSuggested)
    assert (fact.source_id, fact.target_id, fact.triggers) == (desk.busy, desk.idle, (Trigger.QUEUE_LENGTH,))
    assert (fact.evidence.source.queue_length, fact.evidence.target.queue_length) == (6, 0)
    assert (fact.evidence.target.free_capacity, fact.evidence.target.capacity) == (20, 20)
    assert 0 < fact.evidence.position < await desk.core.desk.reading.head()
    for department in (desk.busy, desk.idle):
        assert (await desk.core.desk.load(Department, department)).merge_id == merge.id


async def test_a_suggestion_waits_for_a_supervisor_and_then_half_the_difference_is_moved(desk: MergingDesk):
    waiting = await desk.tickets(7)
    await desk.until_nothing_is_to_do()
    (merge,) = await desk.merges()
    assert await desk.until_nothing_is_to_do() == 0

    await desk.core.merges.approve(merge.id, SUPERVISOR, Command(), None, at=desk.scene.now)
    await desk.until_nothing_is_to_do()

    (merge,) = await desk.merges()
    assert (merge.state, merge.moved, merge.passed_over) == (MergeState.FINISHED, 3, 0)
    assert await desk.departments_of(waiting) == ["idle"] * 3 + ["busy"] * 4
    for department in (desk.busy, desk.idle):
        assert (await desk.core.desk.load(Department, department)).merge_id is None


async def test_an_automatic_merge_needs_nobody(core):
    await take_lease(core)
    desk = await MergingDesk(core).open(mode=MergeMode.AUTOMATIC, cool_down_minutes=60)
    waiting = await desk.tickets(8)
    await desk.until_nothing_is_to_do()

    (merge,) = await desk.merges()
    assert (merge.state, merge.moved) == (MergeState.FINISHED, 4)
    assert await desk.departments_of(waiting) == ["idle"] * 4 + ["busy"] * 4


async def test_no_more_is_moved_than_the_target_has_room_for(core):
    await take_lease(core)
    desk = await MergingDesk(core).open(capacity=2, mode=MergeMode.AUTOMATIC, cool_down_minutes=60)
    await desk.tickets(12)
    await desk.until_nothing_is_to_do()

    assert [merge.moved for merge in await desk.merges()] == [2]


async def test_a_department_that_is_off_gets_and_gives_no_help(desk: MergingDesk):
    await desk.tickets(9)
    await desk.set(desk.idle, mode=MergeMode.OFF)
    assert await desk.until_nothing_is_to_do() == 0

    await desk.set(desk.idle, mode=MergeMode.MANUAL)
    await desk.set(desk.busy, desk.idle, mode=MergeMode.OFF)
    assert await desk.until_nothing_is_to_do() == 0


async def test_after_a_dismissal_the_cool_down_passes_first(core):
    await take_lease(core)
    desk = await MergingDesk(core).open(cool_down_minutes=10)
    await desk.tickets(6)
    await desk.until_nothing_is_to_do()
    (merge,) = await desk.merges()
    await desk.core.merges.dismiss(merge.id, "they are in training", SUPERVISOR, Command(), None, at=desk.scene.now)
    assert await desk.until_nothing_is_to_do() == 0

    for _ in range(600):  # Ten minutes go by.
        _ = desk.scene.now
    await desk.until_nothing_is_to_do()
    assert [each.state for each in await desk.merges()] == [MergeState.DISMISSED, MergeState.SUGGESTED]


async def test_a_suggestion_is_withdrawn_only_below_the_low_mark(desk: MergingDesk):
    waiting = await desk.tickets(6)
    await desk.until_nothing_is_to_do()
    for ticket_id in waiting[:4]:
        await desk.scene.send(ResolveTicket(ticket_id=ticket_id))
    assert await desk.until_nothing_is_to_do() == 0

    await desk.scene.send(ResolveTicket(ticket_id=waiting[4]))
    await desk.until_nothing_is_to_do()
    (merge,) = await desk.merges()
    (*_, last) = await desk.core.desk.reading.stream(merge.id)
    assert merge.state is MergeState.ABANDONED
    assert isinstance(last.fact, MergeAbandoned)
    assert (last.fact.reason, last.fact.evidence.source.queue_length) == (AbandonReason.LOAD_FELL, 1)


@pytest.mark.parametrize("by_hand", [True, False])
async def test_a_suggestion_that_nobody_decided_on_lapses(core, by_hand):
    """However it was made. It lets both departments go; what was made by hand is not withdrawn by its load."""
    await take_lease(core)
    desk = await MergingDesk(core).open(suggestion_minutes=5, cool_down_minutes=60)
    await desk.tickets(1 if by_hand else 6)
    if by_hand:
        await desk.by_hand(approved=False)
    await desk.until_nothing_is_to_do()
    assert [merge.state for merge in await desk.merges()] == [MergeState.SUGGESTED]

    for _ in range(300):  # Five minutes go by.
        _ = desk.scene.now
    await desk.until_nothing_is_to_do()
    (merge,) = await desk.merges()
    (*_, last) = await core.desk.reading.stream(merge.id)
    assert isinstance(last.fact, MergeAbandoned)
    assert (merge.state, last.fact.reason) == (MergeState.ABANDONED, AbandonReason.NOT_DECIDED)
    for department in (desk.busy, desk.idle):
        assert (await core.desk.load(Department, department)).merge_id is None
    await desk.project()
    assert (await all_rows(core))["merges"][0][11] == "not_decided"


async def test_what_left_the_queue_meanwhile_is_passed_over_and_what_came_stays(desk: MergingDesk):
    elsewhere = await desk.scene.department("Elsewhere")
    first, second, *others = await desk.tickets(8)
    await desk.by_hand()
    await desk.project()
    process = desk.merging()
    assert await process.advance()  # It starts, with the four oldest.
    await desk.scene.send(ResolveTicket(ticket_id=first))
    await desk.scene.send(TransferTicket(ticket_id=second, department_id=elsewhere))
    late = await desk.tickets(3)
    await desk.until_nothing_is_to_do(process)

    (merge,) = await desk.merges()
    assert (merge.state, merge.moved, merge.passed_over) == (MergeState.FINISHED, 2, 2)
    assert (await desk.core.desk.load(Ticket, second)).department_id == elsewhere
    assert await desk.departments_of([*others, *late]) == ["idle"] * 2 + ["busy"] * 7


async def test_a_moved_ticket_stays_at_home_and_its_traffic_counts_there(desk: MergingDesk):
    moved, stays = await desk.tickets(2)
    await desk.by_hand()
    await desk.until_nothing_is_to_do()
    assert (await desk.core.desk.load(Ticket, moved)).home_department_id == desk.busy
    await desk.scene.send(AssignTicket(ticket_id=moved, agent_id=AgentId(desk.helper.id)))
    await desk.scene.send(ResolveTicket(ticket_id=moved))
    await desk.scene.send(TransferTicket(ticket_id=stays, department_id=desk.idle))
    await desk.scene.send(AssignTicket(ticket_id=stays, agent_id=AgentId(desk.helper.id)))
    await desk.project()

    rows = await all_rows(desk.core)
    counted = {(row[0], (row[2], *row[4:8])) for row in rows["traffic_history"]}
    assert counted == {(desk.busy, (2, 1, 1, 0, 1)), (desk.idle, (0, 1, 0, 0, 0))}
    assert {row[0]: row[1] for row in rows["open_tickets"]} == {moved: desk.busy, stays: None}
    assert [row[0] for row in rows["handle_times"]] == [desk.busy]
    assert [(row[0], row[2]) for row in rows["queue_pace"]] == [(desk.idle, 2)]
    assert (await desk.core.desk.load(Ticket, stays)).home_department_id == desk.idle
    assert await rebuilt_rows(desk.core) == rows


async def test_the_pace_is_that_of_the_queue_that_tickets_were_taken_from_wherever_they_are_at_home(desk: MergingDesk):
    """So that a department whose tickets another one took looks no faster than it is."""
    moved, stays, *_ = await desk.tickets(3)
    await desk.by_hand()
    await desk.until_nothing_is_to_do()
    assert await desk.departments_of([moved, stays]) == ["idle", "busy"]
    await desk.scene.send(AssignTicket(ticket_id=moved, agent_id=AgentId(desk.helper.id)))
    await desk.project()

    scene = await merge_scene(desk.core.pool, desk.scene.now, department_ids=[desk.busy, desk.idle])
    busy, idle = (scene.standings[each].load for each in (desk.busy, desk.idle))
    assert (busy.queue_length, busy.taken_per_hour) == (2, 0)
    assert idle.taken_per_hour > 0


async def test_a_pool_lasts_until_the_load_has_fallen(core):
    await take_lease(core)
    desk = await MergingDesk(core).open(
        mode=MergeMode.AUTOMATIC, strategy=MergeStrategy.POOL, cool_down_minutes=60, queue_low=3
    )
    waiting = await desk.tickets(6)
    await desk.until_nothing_is_to_do()
    assert [merge.state for merge in await desk.merges()] == [MergeState.POOLED]
    for ticket_id in waiting[:3]:
        await desk.scene.send(ResolveTicket(ticket_id=ticket_id))
    assert await desk.until_nothing_is_to_do() == 0

    await desk.scene.send(ResolveTicket(ticket_id=waiting[3]))
    await desk.until_nothing_is_to_do()
    (merge,) = await desk.merges()
    assert merge.state is MergeState.DISSOLVED
    assert (await desk.core.desk.load(Department, desk.busy)).merge_id is None


async def test_a_person_dissolves_a_pool(desk: MergingDesk):
    await desk.tickets(6)
    made = await desk.by_hand(strategy=MergeStrategy.POOL)
    await desk.until_nothing_is_to_do()
    await desk.core.merges.dissolve(made.merge_id, SUPERVISOR, Command(), None, at=desk.scene.now)

    (merge,) = await desk.merges()
    assert (merge.state, merge.suggested_by) == (MergeState.DISSOLVED, DecidedBy.PERSON)


async def test_a_department_takes_part_in_one_merge_however_many_are_begun_at_once(desk: MergingDesk):
    """Neither as a source twice, nor in a chain or a circle: the store takes the first."""
    other = await desk.scene.department("Other")
    await desk.set(desk.busy, desk.idle)
    await desk.set(desk.idle, desk.busy, other)
    await desk.set(other, desk.busy)
    await desk.tickets(6)
    await desk.project()

    circle = [(desk.busy, desk.idle), (desk.idle, other), (other, desk.busy)] * 3
    outcomes = await asyncio.gather(*(_begin(desk, *pair) for pair in circle), return_exceptions=True)

    begun = [each for each in outcomes if not isinstance(each, BaseException)]
    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert len(begun) == 1
    assert all(isinstance(each, DepartmentInMerge | VersionConflict) for each in refused), refused
    assert len([merge for merge in await desk.merges() if merge.is_live]) == 1


async def _begin(desk: MergingDesk, source, target):
    scene = await merge_scene(desk.core.pool, desk.scene.now, department_ids=[source, target])
    evidence = scene.evidence(source, target)
    assert evidence is not None
    return await desk.core.merges.suggest(evidence, None, SUPERVISOR, Command(), approved=True, at=desk.scene.now)


async def test_a_replaced_process_does_nothing_more(desk: MergingDesk):
    await desk.tickets(6)
    await desk.project()
    stale = desk.merging()
    await take_lease(desk.core)
    with pytest.raises(LeaseLost):
        await stale.advance()
    assert await desk.merges() == []


async def test_the_log_of_merges_keeps_every_invariant(core):
    await take_lease(core)
    desk = await MergingDesk(core).open(mode=MergeMode.AUTOMATIC)
    for _ in range(3):
        await desk.tickets(7)
        await desk.until_nothing_is_to_do()
    check_log(await whole_log(core.desk.reading))
    rows = await all_rows(core)
    assert await rebuilt_rows(core) == rows
