"""Whatever happens at a desk, replay proves every choice of every policy, and finds no invariant broken."""

from collections import Counter

from hypothesis import example, given, settings
from tests.dispatching import serve
from tests.histories import EVENTFUL, STEPS, history
from tests.invariants import check_log
from tests.simulation.written import entries_of

from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.processes.audit import Auditor, AuditReport, AuditScope


@settings(max_examples=150)
@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_the_audit_of_any_history_is_clean(steps):
    desk = history(steps)
    serve(desk)
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
