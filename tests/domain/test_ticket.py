"""What can happen to a ticket, and what may not."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from tests.given import STREAM, but, given, given_nothing

from supportix.domain.aggregate import DomainEvent, Fact
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, CustomerId, DepartmentId
from supportix.domain.routing import SuggestedTag
from supportix.domain.ticket import (
    REOPEN_WITHIN,
    AlreadyInDepartment,
    ReopenWindowPassed,
    SubjectMissing,
    TagsNotSuggested,
    Ticket,
    TicketHasAgent,
    TicketHasNoAgent,
    TicketNotEnded,
    TransitionRefused,
    open_ticket,
)
from supportix.domain.ticket_facts import (
    TicketAssigned,
    TicketAwaitingCustomer,
    TicketClosed,
    TicketOpened,
    TicketPriorityChanged,
    TicketReopened,
    TicketResolved,
    TicketRouted,
    TicketTagsAccepted,
    TicketTagsDismissed,
    TicketTagsSuggested,
    TicketTransferred,
    TicketUnassigned,
    TicketWorkStarted,
)
from supportix.domain.ticket_words import HELD, TRANSITIONS, AssignedBy, Channel, Priority, RoutingStep, Status
from supportix.domain.waiting import WaitingTicket, waiting_after

OPENED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = OPENED_AT + timedelta(hours=1)
NOW = OPENED_AT + timedelta(hours=2)

BILLING = DepartmentId(UUID("00000000-0000-7000-8000-0000000000b1"))
NETWORK = DepartmentId(UUID("00000000-0000-7000-8000-0000000000b2"))
ANNA = AgentId(UUID("00000000-0000-7000-8000-0000000000a1"))
BEN = AgentId(UUID("00000000-0000-7000-8000-0000000000a2"))
CARLA = CustomerId(UUID("00000000-0000-7000-8000-0000000000c1"))

OPENED = TicketOpened(
    occurred_at=OPENED_AT, number="SUP-2026-000001", subject="No invoice", requester_id=CARLA, priority=Priority.HIGH
)
ROUTED = TicketRouted(
    occurred_at=OPENED_AT,
    department_id=BILLING,
    step=RoutingStep.REQUEST,
    priority=Priority.HIGH,
    opened_at=OPENED_AT,
)
ASSIGNED = TicketAssigned(occurred_at=LATER, agent_id=ANNA, department_id=BILLING)
STARTED = TicketWorkStarted(occurred_at=LATER)
AWAITING = TicketAwaitingCustomer(occurred_at=LATER)
RESOLVED = TicketResolved(occurred_at=LATER, department_id=BILLING, agent_id=ANNA, resolution="Sent again")
CLOSED = TicketClosed(occurred_at=LATER, department_id=BILLING)

SUGGESTED = TicketTagsSuggested(
    occurred_at=OPENED_AT,
    tags=tuple(SuggestedTag(name=name, probability=0.9) for name in ("billing", "refund", "login")),
    model_version=1,
)
BEGINNING = (OPENED, SUGGESTED, ROUTED)

REACHING: Mapping[Status, tuple] = {
    Status.QUEUED: BEGINNING,
    Status.ASSIGNED: (*BEGINNING, ASSIGNED),
    Status.IN_PROGRESS: (*BEGINNING, ASSIGNED, STARTED),
    Status.PENDING: (*BEGINNING, ASSIGNED, AWAITING),
    Status.RESOLVED: (*BEGINNING, ASSIGNED, RESOLVED),
    Status.CLOSED: (*BEGINNING, ASSIGNED, RESOLVED, CLOSED),
}
"""The shortest history to each status."""

DECISIONS: Mapping[str, Callable[[Ticket], Ticket]] = {
    "assign": lambda ticket: ticket.assign(BEN, at=NOW, by=AssignedBy.PERSON),
    "unassign": lambda ticket: ticket.unassign(reason="shift ends", at=NOW),
    "transfer": lambda ticket: ticket.transfer(NETWORK, reason="wrong team", at=NOW),
    "start_work": lambda ticket: ticket.start_work(at=NOW),
    "await_customer": lambda ticket: ticket.await_customer(at=NOW),
    "customer_answered": lambda ticket: ticket.customer_answered(at=NOW),
    "accept_tags": lambda ticket: ticket.accept_tags(["billing"], at=NOW),
    "dismiss_tags": lambda ticket: ticket.dismiss_tags(["refund"], at=NOW),
    "resolve": lambda ticket: ticket.resolve(resolution="Done", at=NOW),
    "close": lambda ticket: ticket.close(reason="no answer", at=NOW),
    "reopen": lambda ticket: ticket.reopen(reason="Still broken", at=NOW),
    "change_priority": lambda ticket: ticket.change_priority(Priority.URGENT, at=NOW),
}

Q, A, P, W, R, C = (
    Status.QUEUED,
    Status.ASSIGNED,
    Status.IN_PROGRESS,
    Status.PENDING,
    Status.RESOLVED,
    Status.CLOSED,
)
OUTCOMES: Mapping[str, Mapping[Status, Status | type[Refusal]]] = {
    "assign": {
        Q: A,
        A: TicketHasAgent,
        P: TicketHasAgent,
        W: TicketHasAgent,
        R: TransitionRefused,
        C: TransitionRefused,
    },
    "unassign": {Q: TicketHasNoAgent, A: Q, P: Q, W: Q, R: TicketHasNoAgent, C: TicketHasNoAgent},
    "transfer": {Q: Q, A: Q, P: Q, W: Q, R: TransitionRefused, C: TransitionRefused},
    "start_work": {
        Q: TransitionRefused,
        A: P,
        P: TransitionRefused,
        W: P,
        R: TransitionRefused,
        C: TransitionRefused,
    },
    "await_customer": {
        Q: TransitionRefused,
        A: W,
        P: W,
        W: TransitionRefused,
        R: TransitionRefused,
        C: TransitionRefused,
    },
    "customer_answered": {
        Q: TransitionRefused,
        A: TransitionRefused,
        P: TransitionRefused,
        W: P,
        R: TransitionRefused,
        C: TransitionRefused,
    },
    "resolve": {Q: R, A: R, P: R, W: R, R: TransitionRefused, C: TransitionRefused},
    "close": {Q: C, A: TransitionRefused, P: TransitionRefused, W: TransitionRefused, R: C, C: TransitionRefused},
    "reopen": {Q: TicketNotEnded, A: TicketNotEnded, P: TicketNotEnded, W: TicketNotEnded, R: Q, C: Q},
    "accept_tags": {status: status for status in Status},
    "dismiss_tags": {status: status for status in Status},
    "change_priority": {Q: Q, A: A, P: P, W: W, R: R, C: TransitionRefused},
}
"""What becomes of each decision in each status: the status that follows, or the refusal."""

ALL = [(name, status, outcome) for name, row in OUTCOMES.items() for status, outcome in row.items()]


def test_every_decision_has_an_outcome_in_every_status():
    assert OUTCOMES.keys() == DECISIONS.keys()
    assert all(row.keys() == set(Status) for row in OUTCOMES.values())


@pytest.mark.parametrize(("name", "status", "outcome"), ALL, ids=[f"{name}-{status}" for name, status, _ in ALL])
def test_a_decision_leads_to_the_next_status_or_is_refused(name, status, outcome):
    assert given(*REACHING[status]).aggregate.status is status
    if isinstance(outcome, Status):
        ticket = DECISIONS[name](given(*REACHING[status]).aggregate)
        assert ticket.status is outcome
        assert len(ticket.collect_events()) == 1
    else:
        given(*REACHING[status]).when(DECISIONS[name]).then_refused(outcome)


def test_the_table_of_transitions_is_what_the_decisions_do():
    staying = {"change_priority", "accept_tags", "dismiss_tags"}
    moves = {(status, outcome) for name, status, outcome in ALL if isinstance(outcome, Status) and name not in staying}
    assert moves == {(status, following) for status, all_of in TRANSITIONS.items() for following in all_of}


@pytest.mark.parametrize("status", Status)
def test_a_ticket_is_with_an_agent_exactly_while_it_is_held(status):
    ticket = given(*REACHING[status]).aggregate
    assert (ticket.agent_id is not None) == (status in HELD)


def test_suggested_tags_are_accepted_or_dismissed_once():
    accepted = TicketTagsAccepted(occurred_at=NOW, tags=("billing", "login"))
    dismissed = TicketTagsDismissed(occurred_at=NOW, tags=("refund",))
    accept = lambda ticket: ticket.accept_tags(["billing", "login", "billing"], at=NOW)  # noqa: E731
    given(*BEGINNING).when(accept).then(accepted)
    given(*BEGINNING, accepted).when(lambda ticket: ticket.dismiss_tags(["refund"], at=NOW)).then(dismissed)
    decided = given(but(OPENED, tags=("login", "vip")), SUGGESTED, ROUTED, accepted, dismissed)
    assert (decided.aggregate.tags, decided.aggregate.suggested_tags) == (("login", "vip", "billing"), ())
    decided.when(accept).then_refused(TagsNotSuggested, saying="'billing', 'login' was named")
    given(*BEGINNING, accepted).when(lambda ticket: ticket.dismiss_tags(["login"], at=NOW)).then_refused(
        TagsNotSuggested, saying="undecided: 'refund'"
    )
    given(*BEGINNING).when(lambda ticket: ticket.accept_tags([], at=NOW)).then_refused(TagsNotSuggested)


@pytest.mark.parametrize("fact", [TicketTagsAccepted, TicketTagsDismissed])
def test_a_waiting_ticket_keeps_its_place_when_its_tags_are_decided_on(fact):
    waiting = None
    for version, each in enumerate((*BEGINNING, fact(occurred_at=NOW, tags=("billing",))), 1):
        before, waiting = waiting, waiting_after(DomainEvent(STREAM, version, each), waiting)
    assert before is not None
    assert waiting == msgspec.structs.replace(before, version=4)


def opening(**changes):
    return lambda _: open_ticket(
        **{
            "ticket_id": STREAM,
            "number": "SUP-2026-000001",
            "subject": "No invoice",
            "description": "",
            "requester_id": CARLA,
            "priority": Priority.HIGH,
            "channel": Channel.API,
            "tags": (),
            "department_id": BILLING,
            "step": RoutingStep.REQUEST,
            "at": OPENED_AT,
            **changes,
        }
    )


def test_a_ticket_is_opened_and_routed_at_once():
    given_nothing().when(opening()).then(OPENED, ROUTED)


def test_a_ticket_keeps_what_the_requester_said():
    given_nothing().when(
        opening(
            description="It should have come on Monday",
            channel=Channel.EMAIL,
            tags=("invoice", "vip"),
            external_reference="INC0001",
        )
    ).then(
        but(
            OPENED,
            description="It should have come on Monday",
            channel=Channel.EMAIL,
            tags=("invoice", "vip"),
            external_reference="INC0001",
        ),
        ROUTED,
    )


@pytest.mark.parametrize("subject", ["", " ", "\t\n"])
def test_a_ticket_needs_a_subject(subject):
    given_nothing().when(opening(subject=subject)).then_refused(SubjectMissing)


def test_a_waiting_ticket_is_given_to_an_agent():
    given(OPENED, ROUTED).when(lambda ticket: ticket.assign(ANNA, at=LATER, by=AssignedBy.POLICY)).then(ASSIGNED)


def test_a_refused_assignment_names_the_ticket_and_its_agent():
    given(OPENED, ROUTED, ASSIGNED).when(DECISIONS["assign"]).then_refused(
        TicketHasAgent, saying=f"ticket SUP-2026-000001 is with agent {ANNA}"
    )


def test_a_refused_transition_says_what_is_possible():
    given(OPENED, ROUTED).when(DECISIONS["start_work"]).then_refused(
        TransitionRefused,
        saying="is queued and can't be in_progress; it can become: assigned, closed, queued, resolved",
    )


def test_an_unassigned_ticket_waits_again_where_it_was_with_its_age():
    given(OPENED, ROUTED, ASSIGNED).when(DECISIONS["unassign"]).then(
        TicketUnassigned(
            occurred_at=NOW,
            agent_id=ANNA,
            department_id=BILLING,
            priority=Priority.HIGH,
            opened_at=OPENED_AT,
            reason="shift ends",
        )
    )


def test_a_transferred_ticket_waits_in_the_other_department_and_leaves_its_agent():
    given(OPENED, ROUTED, ASSIGNED).when(DECISIONS["transfer"]).then(
        TicketTransferred(
            occurred_at=NOW,
            from_department_id=BILLING,
            to_department_id=NETWORK,
            from_agent_id=ANNA,
            priority=Priority.HIGH,
            opened_at=OPENED_AT,
            reason="wrong team",
        )
    )


@pytest.mark.parametrize("status", Status)
def test_a_ticket_is_not_transferred_to_where_it_is(status):
    given(*REACHING[status]).when(lambda ticket: ticket.transfer(BILLING, reason="", at=NOW)).then_refused(
        AlreadyInDepartment
    )


def test_a_resolved_ticket_remembers_who_resolved_it_and_is_with_nobody():
    given(OPENED, ROUTED, ASSIGNED).when(lambda ticket: ticket.resolve(resolution="Sent again", at=LATER)).then(
        RESOLVED
    )
    ticket = given(OPENED, ROUTED, ASSIGNED, RESOLVED).aggregate
    assert (ticket.agent_id, ticket.last_agent_id, ticket.resolved_at) == (None, ANNA, LATER)


def test_a_waiting_ticket_can_be_resolved_by_nobody():
    given(OPENED, ROUTED).when(lambda ticket: ticket.resolve(resolution="", at=NOW)).then(
        TicketResolved(occurred_at=NOW, department_id=BILLING)
    )


def reopening(after: timedelta, within: timedelta | None = REOPEN_WITHIN):
    return lambda ticket: ticket.reopen(reason="Still broken", at=LATER + after, within=within)


def reopened(after: timedelta) -> TicketReopened:
    return TicketReopened(
        occurred_at=LATER + after,
        department_id=BILLING,
        priority=Priority.HIGH,
        opened_at=OPENED_AT,
        reason="Still broken",
    )


ONE_MOMENT = timedelta(microseconds=1)


def test_a_ticket_may_be_reopened_for_fourteen_days():
    assert timedelta(days=14) == REOPEN_WITHIN
    given(*REACHING[R]).when(reopening(REOPEN_WITHIN)).then(reopened(REOPEN_WITHIN))
    given(*REACHING[R]).when(reopening(REOPEN_WITHIN + ONE_MOMENT)).then_refused(
        ReopenWindowPassed, saying="open a new ticket instead"
    )


def test_the_window_counts_from_the_resolution_even_when_closed_later():
    closed_later = but(CLOSED, occurred_at=LATER + timedelta(days=3))
    given(OPENED, ROUTED, ASSIGNED, RESOLVED, closed_later).when(reopening(REOPEN_WITHIN + ONE_MOMENT)).then_refused(
        ReopenWindowPassed
    )


def test_the_window_counts_from_the_closing_where_nothing_was_resolved():
    given(OPENED, ROUTED, CLOSED).when(reopening(REOPEN_WITHIN)).then(reopened(REOPEN_WITHIN))
    given(OPENED, ROUTED, CLOSED).when(reopening(REOPEN_WITHIN + ONE_MOMENT)).then_refused(ReopenWindowPassed)


def test_history_may_reopen_without_a_limit():
    years = timedelta(days=900)
    given(*REACHING[C]).when(reopening(years, within=None)).then(reopened(years))


def test_the_window_starts_anew_with_each_resolution():
    again = reopened(timedelta(days=13))
    resolved_again = TicketResolved(occurred_at=LATER + timedelta(days=14), department_id=BILLING)
    given(*REACHING[R], again, resolved_again).when(reopening(timedelta(days=27))).then(reopened(timedelta(days=27)))


def test_reopenings_are_counted():
    ticket = given(*REACHING[C], reopened(timedelta(days=1)), CLOSED, reopened(timedelta(days=2))).aggregate
    assert ticket.reopen_count == 2
    assert (ticket.resolved_at, ticket.closed_at) == (None, None)


def test_a_new_priority_is_recorded():
    given(OPENED, ROUTED).when(DECISIONS["change_priority"]).then(
        TicketPriorityChanged(occurred_at=NOW, priority=Priority.URGENT)
    )


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CLOSED])
def test_the_priority_that_it_has_already_is_nothing_new(status):
    given(*REACHING[status]).when(lambda ticket: ticket.change_priority(Priority.HIGH, at=NOW)).then_nothing()


def test_a_closed_tickets_priority_stays_even_if_it_is_the_same():
    given(*REACHING[C]).when(lambda ticket: ticket.change_priority(Priority.HIGH, at=NOW)).then_refused(
        TransitionRefused
    )


def test_what_is_queued_again_carries_the_present_priority():
    raised = TicketPriorityChanged(occurred_at=LATER, priority=Priority.URGENT)
    for name in ("unassign", "transfer"):
        ticket = DECISIONS[name](given(OPENED, ROUTED, ASSIGNED, raised).aggregate)
        assert ticket.collect_events()[0].fact.priority is Priority.URGENT


def test_priorities_from_the_most_urgent():
    assert sorted(Priority, key=lambda priority: priority.rank) == [
        Priority.URGENT,
        Priority.HIGH,
        Priority.NORMAL,
        Priority.LOW,
    ]


# What a queue knows of a ticket.


def waiting(version: int, priority: Priority = Priority.HIGH, department: DepartmentId = BILLING) -> WaitingTicket:
    return WaitingTicket(STREAM, version, department, priority, OPENED_AT)


def followed(*facts: Fact) -> WaitingTicket | None:
    known = None
    for version, fact in enumerate(facts, 1):
        known = waiting_after(DomainEvent(STREAM, version, fact), known)
    return known


@pytest.mark.parametrize("status", Status)
def test_a_queue_holds_a_ticket_exactly_while_it_is_queued(status):
    assert (followed(*REACHING[status]) is not None) == (status is Status.QUEUED)


@pytest.mark.parametrize("name", ["unassign", "transfer"])
def test_a_queue_holds_it_again_when_it_comes_back(name):
    fact = DECISIONS[name](given(OPENED, ROUTED, ASSIGNED).aggregate).collect_events()[0].fact
    assert followed(OPENED, ROUTED, ASSIGNED, fact) == waiting(4, department=fact.waits_in)


def test_a_queue_follows_the_priority_of_what_waits():
    raised = TicketPriorityChanged(occurred_at=LATER, priority=Priority.URGENT)
    assert followed(OPENED, ROUTED, raised) == waiting(3, Priority.URGENT)
    assert followed(OPENED, ROUTED, ASSIGNED, raised) is None


def test_a_claim_is_the_assignment_at_the_version_that_follows():
    claim = waiting(2).claim(ANNA, reasons=None, by=AssignedBy.POLICY, at=LATER)
    assert (claim.originator_id, claim.originator_version, claim.fact) == (STREAM, 3, ASSIGNED)
