"""A merge's life, the settings of a department, and its claim on both departments."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.given import STREAM, but, given, given_nothing
from tests.merging import load, settings

from supportix.domain.department import Department, DepartmentInMerge
from supportix.domain.department_facts import DepartmentCreated, MergeJoined, MergeLeft, MergingChanged
from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge import (
    AbandonReason,
    DecidedBy,
    DepartmentsIncompatible,
    Merge,
    MergeAbandoned,
    MergeApproved,
    MergeBegun,
    MergeDismissed,
    MergeDissolved,
    MergeFinished,
    MergeNotApproved,
    MergeNotMoving,
    MergeNotPooled,
    MergeNotSuggested,
    MergePoolFormed,
    MergeStarted,
    MergeSuggested,
    MergeTicketsMoved,
    MergeWorkShared,
    NextStep,
    suggest_merge,
)
from supportix.domain.merge_evidence import Evidence, Trigger
from supportix.domain.merge_settings import (
    MarksOutOfOrder,
    MergeSettingOutOfRange,
    MergeStrategy,
    MergeWithItself,
)

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = AT + timedelta(minutes=5)
BUSY, IDLE = DepartmentId(UUID(int=0xB)), DepartmentId(UUID(int=0x1D))
MERGE, ANOTHER = MergeId(UUID(int=0xE)), MergeId(UUID(int=0xF))
TICKETS = tuple(TicketId(UUID(int=number)) for number in range(1, 4))
PAIR = {"source_id": BUSY, "target_id": IDLE}
EVIDENCE = Evidence(position=7, source=load(BUSY, queue_length=9), target=load(IDLE))
SUGGESTED = MergeSuggested(
    occurred_at=AT,
    strategy=MergeStrategy.REDISTRIBUTE,
    suggested_by=DecidedBy.LOAD,
    triggers=(Trigger.QUEUE_LENGTH,),
    evidence=EVIDENCE,
    settings=settings(IDLE),
    **PAIR,
)
APPROVED = MergeApproved(occurred_at=AT, approved_by=DecidedBy.PERSON, **PAIR)
STARTED = MergeStarted(occurred_at=AT, ticket_ids=TICKETS, evidence=EVIDENCE, **PAIR)
POOLED = MergePoolFormed(occurred_at=AT, evidence=EVIDENCE, **PAIR)
CREATED = DepartmentCreated(occurred_at=AT, name="Billing", policy="round_robin")
JOINED = MergeJoined(occurred_at=AT, merge_id=MERGE, partner_id=IDLE)


def suggesting(source: DepartmentId, target: DepartmentId, *compatible: DepartmentId):
    evidence = Evidence(position=7, source=load(source, queue_length=9), target=load(target))
    return lambda _: suggest_merge(
        MergeId(STREAM),
        evidence,
        settings(*compatible),
        strategy=MergeStrategy.REDISTRIBUTE,
        triggers=(Trigger.QUEUE_LENGTH,),
        by=DecidedBy.LOAD,
        at=AT,
    )


def test_a_merge_is_suggested_with_its_evidence():
    given_nothing().when(suggesting(BUSY, IDLE, IDLE)).then(SUGGESTED)


def test_only_two_compatible_departments_merge():
    given_nothing().when(suggesting(BUSY, IDLE)).then_refused(DepartmentsIncompatible)
    given_nothing().when(suggesting(BUSY, BUSY, BUSY)).then_refused(MergeWithItself)


def test_a_suggestion_is_approved_or_dismissed_once():
    approve = lambda merge: merge.approve(by=DecidedBy.PERSON, at=NOW)  # noqa: E731
    dismiss = lambda merge: merge.dismiss(reason="training", at=NOW)  # noqa: E731
    dismissed = MergeDismissed(occurred_at=NOW, reason="training", **PAIR)
    given(SUGGESTED).when(approve).then(but(APPROVED, occurred_at=NOW))
    given(SUGGESTED).when(dismiss).then(dismissed)
    for after in (APPROVED, dismissed):
        given(SUGGESTED, after).when(approve).then_refused(MergeNotSuggested)
        given(SUGGESTED, after).when(dismiss).then_refused(MergeNotSuggested)


def test_a_merge_that_is_not_approved_does_not_begin():
    given(SUGGESTED).when(lambda merge: merge.start(TICKETS, EVIDENCE, at=NOW)).then_refused(MergeNotApproved)
    given(SUGGESTED).when(lambda merge: merge.form_pool(EVIDENCE, at=NOW)).then_refused(MergeNotApproved)
    given(SUGGESTED, APPROVED, STARTED).when(lambda merge: merge.start(TICKETS, EVIDENCE, at=NOW)).then_refused(
        MergeNotApproved
    )


def test_what_is_moved_and_passed_over_is_done_with():
    moved = MergeTicketsMoved(occurred_at=NOW, ticket_ids=TICKETS[:1], passed_over=TICKETS[1:2], **PAIR)
    under_way = given(SUGGESTED, APPROVED, STARTED)
    under_way.when(lambda merge: merge.record_moves(TICKETS[:1], TICKETS[1:2], at=NOW)).then(moved)
    assert given(SUGGESTED, APPROVED, STARTED, moved).aggregate.remaining == TICKETS[2:]


def test_a_finished_merge_tells_how_much_was_moved():
    moved = MergeTicketsMoved(occurred_at=NOW, ticket_ids=TICKETS[:2], passed_over=TICKETS[2:], **PAIR)
    given(SUGGESTED, APPROVED, STARTED, moved).when(lambda merge: merge.finish(at=NOW)).then(
        MergeFinished(occurred_at=NOW, moved=2, passed_over=1, **PAIR)
    )


def test_only_what_has_not_begun_is_abandoned_and_only_what_moves_is_finished():
    abandon = lambda merge: merge.abandon(AbandonReason.NOTHING_TO_MOVE, EVIDENCE, at=NOW)  # noqa: E731
    abandoned = MergeAbandoned(occurred_at=NOW, reason=AbandonReason.NOTHING_TO_MOVE, evidence=EVIDENCE, **PAIR)
    given(SUGGESTED, APPROVED).when(abandon).then(abandoned)
    for begun in (STARTED, POOLED):
        given(SUGGESTED, APPROVED, begun).when(abandon).then_refused(MergeBegun)
    for facts in ((SUGGESTED, APPROVED, POOLED), (SUGGESTED, APPROVED, abandoned)):
        given(*facts).when(lambda merge: merge.finish(at=NOW)).then_refused(MergeNotMoving)
        given(*facts).when(lambda merge: merge.record_moves(TICKETS, (), at=NOW)).then_refused(MergeNotMoving)


def test_a_pool_shares_work_until_it_is_dissolved():
    dissolved = MergeDissolved(occurred_at=NOW, dissolved_by=DecidedBy.LOAD, evidence=EVIDENCE, **PAIR)
    share = lambda merge: merge.share(TICKETS[:1], at=NOW)  # noqa: E731
    given(SUGGESTED, APPROVED, POOLED).when(share).then(
        MergeWorkShared(occurred_at=NOW, ticket_ids=TICKETS[:1], **PAIR)
    )
    dissolve = lambda merge: merge.dissolve(by=DecidedBy.LOAD, evidence=EVIDENCE, at=NOW)  # noqa: E731
    given(SUGGESTED, APPROVED, POOLED).when(dissolve).then(dissolved)
    given(SUGGESTED, APPROVED, POOLED, dissolved).when(share).then_refused(MergeNotPooled)
    given(SUGGESTED, APPROVED, POOLED, dissolved).when(dissolve).then_refused(MergeNotPooled)
    given(SUGGESTED, APPROVED, STARTED).when(dissolve).then_refused(MergeNotPooled)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ((SUGGESTED,), NextStep.RECONSIDER),
        ((but(SUGGESTED, suggested_by=DecidedBy.PERSON),), NextStep.RECONSIDER),
        ((SUGGESTED, APPROVED), NextStep.BEGIN),
        ((SUGGESTED, APPROVED, STARTED), NextStep.MOVE),
        ((SUGGESTED, APPROVED, but(STARTED, ticket_ids=())), NextStep.FINISH),
        ((SUGGESTED, APPROVED, POOLED), NextStep.WATCH),
        (
            (SUGGESTED, MergeAbandoned(occurred_at=AT, reason=AbandonReason.LOAD_FELL, evidence=EVIDENCE, **PAIR)),
            NextStep.NOTHING,
        ),
    ],
)
def test_what_comes_next(facts, step):
    merge = given(*facts).aggregate
    assert isinstance(merge, Merge)
    assert merge.next_step is step


@pytest.mark.parametrize("by", DecidedBy)
def test_a_suggestion_lapses_when_it_has_stood_for_as_long_as_its_settings_say(by):
    suggested = but(SUGGESTED, suggested_by=by, settings=settings(IDLE, suggestion_minutes=30))
    merge = given(suggested).aggregate
    lapses = [merge.has_lapsed(AT + timedelta(minutes=minutes)) for minutes in (0, 29, 30, 31)]
    assert lapses == [False, False, True, True]
    assert not given(suggested, APPROVED).aggregate.has_lapsed(AT + timedelta(days=99))


def test_a_suggestion_stands_for_a_day_where_its_settings_are_from_before_they_said_how_long():
    merge = given(but(SUGGESTED, settings=settings(IDLE))).aggregate
    assert [merge.has_lapsed(AT + timedelta(hours=hours)) for hours in (23, 24)] == [False, True]


def test_each_department_is_the_others_partner():
    merge = given(SUGGESTED).aggregate
    assert (merge.partner_of(BUSY), merge.partner_of(IDLE), merge.partner_of(STREAM)) == (IDLE, BUSY, None)


def test_a_department_takes_part_in_one_merge_at_a_time():
    join = lambda department: department.join_merge(ANOTHER, IDLE, at=NOW)  # noqa: E731
    left = MergeLeft(occurred_at=NOW, merge_id=MERGE)
    given(CREATED, JOINED).when(join).then_refused(DepartmentInMerge, saying=str(MERGE))
    given(CREATED, JOINED).when(lambda department: department.leave_merge(MERGE, at=NOW)).then(left)
    given(CREATED, JOINED).when(lambda department: department.leave_merge(ANOTHER, at=NOW)).then_nothing()
    given(CREATED, JOINED, left).when(join).then(MergeJoined(occurred_at=NOW, merge_id=ANOTHER, partner_id=IDLE))
    after = given(CREATED, JOINED, left).aggregate
    assert isinstance(after, Department)
    assert (after.merge_id, after.merge_left_at) == (None, NOW)


def test_settings_are_recorded_where_they_change():
    wanted = settings(IDLE)
    changed = MergingChanged(occurred_at=NOW, settings=wanted)
    change = lambda department: department.change_merging(wanted, at=NOW)  # noqa: E731
    given(CREATED).when(change).then(changed)
    given(CREATED, changed).when(change).then_nothing()


@pytest.mark.parametrize(
    ("wanted", "refusal", "saying"),
    [
        (settings(IDLE, queue_low=6), MarksOutOfOrder, "queue marks low 6 and high 6"),
        (settings(IDLE, queue_low=-1), MarksOutOfOrder, "queue"),
        (settings(IDLE, wait_low_minutes=9, wait_high_minutes=8), MarksOutOfOrder, "minutes"),
        (settings(IDLE, underused_percent=0), MergeSettingOutOfRange, "1 to 100"),
        (settings(IDLE, underused_percent=101), MergeSettingOutOfRange, "1 to 100"),
        (settings(IDLE, cool_down_minutes=-1), MergeSettingOutOfRange, "cool_down"),
        (settings(IDLE, suggestion_minutes=0), MergeSettingOutOfRange, "suggestion_minutes 0 was given; 1 to"),
        (settings(IDLE, suggestion_minutes=43_201), MergeSettingOutOfRange, "suggestion_minutes"),
        (settings(*[DepartmentId(UUID(int=n)) for n in range(51)]), MergeSettingOutOfRange, "at most 50"),
        (settings(IDLE, DepartmentId(STREAM)), MergeWithItself, "other departments"),
    ],
)
def test_settings_that_make_no_sense(wanted, refusal, saying):
    given(CREATED).when(lambda department: department.change_merging(wanted, at=NOW)).then_refused(
        refusal, saying=saying
    )
