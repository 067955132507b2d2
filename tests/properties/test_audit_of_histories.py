"""Whatever happens at a desk, replay proves every choice of every policy, and finds no invariant broken."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import example, given, settings
from tests.dispatching import serve
from tests.histories import EVENTFUL, STEPS, attempt, history, staffed_desk
from tests.history_steps import STEPS_BY_NAME
from tests.invariants import check_log
from tests.simulation.written import entries_of
from tests.small_desk import Desk

from supportix.domain.aggregate import DomainEvent
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.processes.audit import Auditor, AuditReport, AuditScope


@settings(max_examples=150)
@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_the_audit_of_any_history_is_clean(steps):
    desk = history(steps)
    serve(desk)
    must_be_proved(desk)


@settings(max_examples=100)
@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_choices_that_are_saved_late_are_proved_on_what_was_known(steps):
    """Decided on before the next thing happened, and saved after it where it doesn't stand in their way."""
    desk = staffed_desk()
    late: list[DomainEvent] = []
    for step in steps:
        decided = STEPS_BY_NAME["distribute"](desk, step)
        attempt(desk, step)
        desk.save(late if can_be_saved(desk, late) else [])
        late = decided
    must_be_proved(desk)


def can_be_saved(desk: Desk, events: Sequence[DomainEvent]) -> bool:
    """Whether the store would take them: each is the next of its stream."""
    versions = {each.id: each.version for each in desk.state.values()}
    for event in events:
        if event.originator_version != versions.get(event.originator_id, 0) + 1:
            return False
        versions[event.originator_id] = event.originator_version
    return True


def must_be_proved(desk: Desk) -> None:
    entries = entries_of(desk.commands)
    check_log(entries)
    report = AuditReport()
    auditor = Auditor(report, AuditScope())
    for entry in entries:
        auditor.take(entry)
    auditor.finish()
    assert report.findings == []
    assigned = [event.fact for event in desk.log if isinstance(event.fact, TicketAssigned)]
    assert report.assignments == Counter(fact.assigned_by for fact in assigned)
    assert report.proved == report.assignments[AssignedBy.POLICY]
