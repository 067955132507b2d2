"""Random histories with merges in them: the small support desk, whose departments also help each other out."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from tests.histories import OFTEN, attempt, queue, staffed_desk
from tests.merging import load, settings
from tests.small_desk import Desk, Step

from supportix.domain.aggregate import DomainEvent
from supportix.domain.department import Department
from supportix.domain.errors import Refusal
from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge import AbandonReason, DecidedBy, Merge, suggest_merge
from supportix.domain.merge_evidence import Evidence
from supportix.domain.merge_settings import MergeMode, MergeStrategy
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Status


def merging_history(steps: Sequence[Step], told: Callable[[Desk], None] = lambda _: None) -> Desk:
    """The desk after these steps; it is told of after each."""
    desk = staffed_desk(departments=3, agents=5)
    for step in steps:
        if step.name in _MERGE_STEPS:
            try:
                desk.save(_MERGE_STEPS[step.name](desk, step))
            except Refusal:
                continue
        else:
            attempt(desk, step)
        told(desk)
    return desk


def _evidence(desk: Desk, source_id: DepartmentId, target_id: DepartmentId) -> Evidence:
    lengths = [len(queue(desk, each)) for each in (source_id, target_id)]
    source, target = (load(each, queue_length=n) for each, n in zip((source_id, target_id), lengths, strict=True))
    return Evidence(position=len(desk.log), source=source, target=target)


def _suggest(desk: Desk, step: Step) -> list[DomainEvent]:
    source, target = desk.pick(Department, step.which), desk.pick(Department, step.which + 1 + step.what % 2)
    source_id, target_id = DepartmentId(source.id), DepartmentId(target.id)
    merge_id = MergeId(desk.new_id())
    merge = suggest_merge(
        merge_id,
        _evidence(desk, source_id, target_id),
        settings(target_id),
        strategy=list(MergeStrategy)[step.what // 2 % 2],
        triggers=(),
        by=list(DecidedBy)[step.what % 2],
        at=desk.now,
    )
    source.join_merge(merge_id, target_id, at=desk.now)
    target.join_merge(merge_id, source_id, at=desk.now)
    if step.what:
        merge.approve(by=DecidedBy.PERSON, at=desk.now)
    return [event for each in (merge, source, target) for event in each.collect_events()]


def _carry_on(desk: Desk, step: Step) -> list[DomainEvent]:
    merge = _live(desk, step)
    if merge is None:
        return []
    events: list[DomainEvent] = []
    if merge.remaining:
        events = _move(desk, merge)
    elif merge.planned:
        merge.finish(at=desk.now)
    elif merge.strategy is MergeStrategy.POOL:
        merge.form_pool(_evidence(desk, merge.source_id, merge.target_id), at=desk.now)
    else:
        waiting = [TicketId(ticket.id) for ticket in queue(desk, merge.source_id)]
        merge.start(waiting[: 1 + step.what], _evidence(desk, merge.source_id, merge.target_id), at=desk.now)
    return [*events, *_saved(desk, merge)]


def _move(desk: Desk, merge: Merge) -> list[DomainEvent]:
    events: list[DomainEvent] = []
    moved, passed_over = [], []
    for ticket_id in merge.remaining[:2]:
        ticket = desk.state[ticket_id].copy()
        assert isinstance(ticket, Ticket)
        if ticket.status is Status.QUEUED and ticket.department_id == merge.source_id:
            ticket.transfer(merge.target_id, reason="", at=desk.now, demand=ticket.demand, merge_id=MergeId(merge.id))
            events += ticket.collect_events()
            moved.append(ticket_id)
        else:
            passed_over.append(ticket_id)
    merge.record_moves(moved, passed_over, at=desk.now)
    return events


def _end(desk: Desk, step: Step) -> list[DomainEvent]:
    merge = _live(desk, step)
    if merge is None:
        return []
    if step.what % 3 == 0:
        merge.dismiss(reason="no", at=desk.now)
    elif step.what % 3 == 1:
        merge.dissolve(by=DecidedBy.PERSON, at=desk.now)
    else:
        merge.abandon(AbandonReason.LOAD_FELL, _evidence(desk, merge.source_id, merge.target_id), at=desk.now)
    return _saved(desk, merge)


def _live(desk: Desk, step: Step) -> Merge | None:
    live = [each for each in desk.all(Merge) if each.is_live]
    return live[step.which % len(live)].copy() if live else None


def _saved(desk: Desk, merge: Merge) -> list[DomainEvent]:
    """The merge's events, and those of its departments where it has ended."""
    events = list(merge.collect_events())
    for department_id in () if merge.is_live else (merge.source_id, merge.target_id):
        department = desk.state[department_id].copy()
        assert isinstance(department, Department)
        events += department.leave_merge(MergeId(merge.id), at=desk.now).collect_events()
    return events


def _change_settings(desk: Desk, step: Step) -> list[DomainEvent]:
    department, other = desk.pick(Department, step.which), desk.pick(Department, step.which + 1)
    wanted = settings(DepartmentId(other.id), mode=list(MergeMode)[step.what % 3], cool_down_minutes=step.what)
    return list(department.change_merging(wanted, at=desk.now).collect_events())


_MERGE_STEPS = {
    "suggest merge": _suggest,
    "carry merge on": _carry_on,
    "end merge": _end,
    "merging settings": _change_settings,
}
_NAMES = [
    *OFTEN,
    *["open"] * 9,
    *["distribute"] * 5,
    *["availability"] * 2,
    "transfer",
    "unassign",
    "departments",
    "departments",
    "capacity",
    "reopen",
]
_MERGING = ["suggest merge"] * 6 + ["carry merge on"] * 9 + ["end merge"] * 2 + ["merging settings"]
_STEP = st.builds(
    Step,
    st.sampled_from(_NAMES + _MERGING),
    st.integers(0, 7),
    st.integers(0, 7),
    st.sampled_from((0, 1, 7)),
)

MERGING_STEPS = st.lists(_STEP, min_size=30, max_size=90)
"""Any sequence of steps, of which a third concern merges."""
