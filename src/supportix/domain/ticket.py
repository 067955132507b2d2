"""A ticket's life, from opening to closing.

Owns the streams of tickets: emits TicketOpened, TicketTagsSuggested, TicketTagsAccepted, TicketTagsDismissed,
TicketRouted, TicketAssigned, TicketUnassigned, TicketTransferred, TicketWorkStarted, TicketAwaitingCustomer,
TicketCustomerAnswered, TicketResolved, TicketClosed, TicketReopened and TicketPriorityChanged.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from supportix.domain.aggregate import Aggregate
from supportix.domain.demand import NO_DEMAND, Demand, stored_demand
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, MergeId, TicketId
from supportix.domain.routing import RoutingEvidence
from supportix.domain.ticket_facts import (
    Reasons,
    TicketAssigned,
    TicketAwaitingCustomer,
    TicketClosed,
    TicketCustomerAnswered,
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
from supportix.domain.ticket_words import TRANSITIONS, AssignedBy, Channel, Priority, RoutingStep, Status, Unassigned

REOPEN_WITHIN = timedelta(days=14)
"""How long after it was resolved a ticket may be reopened."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""Stands in a ticket that has no events yet."""


class Ticket(Aggregate, kw_only=True):
    """A ticket's state, as far as decisions need it.

    Its home is the department that it was routed to, or that a person transferred it to; a merge may have moved it on.
    """

    number: str = ""
    requester_id: CustomerId = CustomerId(UUID(int=0))
    department_id: DepartmentId = DepartmentId(UUID(int=0))
    home_department_id: DepartmentId = DepartmentId(UUID(int=0))
    agent_id: AgentId | None = None
    last_agent_id: AgentId | None = None
    priority: Priority = Priority.NORMAL
    channel: Channel = Channel.API
    tags: tuple[str, ...] = ()
    suggested_tags: tuple[str, ...] = ()
    demand: Demand = NO_DEMAND
    status: Status = Status.QUEUED
    opened_at: datetime = NEVER
    queued_at: datetime = NEVER
    assigned_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    reopen_count: int = 0

    def assign(self, agent_id: AgentId, *, at: datetime, by: AssignedBy, reasons: Reasons | None = None) -> "Ticket":
        """Give the waiting ticket to an agent. Refused: TicketHasAgent, TransitionRefused."""
        if self.agent_id is not None:
            raise TicketHasAgent(f"ticket {self.number} is with agent {self.agent_id}; unassign it first")
        self._must_allow(Status.ASSIGNED)
        return self.record(
            TicketAssigned(
                occurred_at=at, agent_id=agent_id, department_id=self.department_id, assigned_by=by, reasons=reasons
            )
        )

    def unassign(self, *, reason: str, at: datetime, cause: Unassigned = Unassigned.BY_PERSON) -> "Ticket":
        """Put the ticket back into its department's queue, at the head where its agent didn't see to it.

        Refused: TicketHasNoAgent.
        """
        agent_id = self._holder()
        demand = msgspec.structs.replace(self.demand, returned=cause is not Unassigned.BY_PERSON)
        return self.record(
            TicketUnassigned(
                occurred_at=at,
                agent_id=agent_id,
                department_id=self.department_id,
                priority=self.priority,
                opened_at=self.opened_at,
                demand=stored_demand(demand),
                reason=reason,
                cause=cause,
            )
        )

    def transfer(
        self,
        department_id: DepartmentId,
        *,
        reason: str,
        at: datetime,
        demand: Demand = NO_DEMAND,
        merge_id: MergeId | None = None,
    ) -> "Ticket":
        """Move the ticket to another department's queue, with the demand that it has there.

        Refused: AlreadyInDepartment, TransitionRefused.
        """
        if department_id == self.department_id:
            raise AlreadyInDepartment(f"ticket {self.number} is in that department already; name another one")
        self._must_allow(Status.QUEUED, verb="transferred")
        if self.status in {Status.RESOLVED, Status.CLOSED}:
            raise TransitionRefused(f"ticket {self.number} is {self.status}; reopen it before you transfer it")
        return self.record(
            TicketTransferred(
                occurred_at=at,
                from_department_id=self.department_id,
                to_department_id=department_id,
                from_agent_id=self.agent_id,
                priority=self.priority,
                opened_at=self.opened_at,
                demand=stored_demand(demand),
                reason=reason,
                merge_id=merge_id,
            )
        )

    def start_work(self, *, at: datetime) -> "Ticket":
        """The agent works on it, or works on it again after the customer answered."""
        self._must_allow(Status.IN_PROGRESS)
        return self.record(TicketWorkStarted(occurred_at=at))

    def await_customer(self, *, at: datetime) -> "Ticket":
        self._must_allow(Status.PENDING)
        return self.record(TicketAwaitingCustomer(occurred_at=at))

    def customer_answered(self, *, at: datetime) -> "Ticket":
        """Refused: TransitionRefused, unless it waits for the customer."""
        if self.status is not Status.PENDING:
            raise TransitionRefused(f"ticket {self.number} is {self.status} and doesn't wait for the customer")
        return self.record(TicketCustomerAnswered(occurred_at=at))

    def resolve(self, *, resolution: str, at: datetime) -> "Ticket":
        self._must_allow(Status.RESOLVED)
        return self.record(
            TicketResolved(
                occurred_at=at, department_id=self.department_id, agent_id=self.agent_id, resolution=resolution
            )
        )

    def close(self, *, reason: str, at: datetime) -> "Ticket":
        self._must_allow(Status.CLOSED)
        return self.record(TicketClosed(occurred_at=at, department_id=self.department_id, reason=reason))

    def reopen(
        self,
        *,
        reason: str,
        at: datetime,
        demand: Demand = NO_DEMAND,
        within: timedelta | None = REOPEN_WITHIN,
    ) -> "Ticket":
        """Queue it again. Refused: TicketNotEnded, ReopenWindowPassed; `within` None sets no limit (imports)."""
        if self.status not in {Status.RESOLVED, Status.CLOSED}:
            raise TicketNotEnded(
                f"ticket {self.number} is {self.status}; only a resolved or closed one can be reopened"
            )
        ended_at = self.resolved_at or self.closed_at
        if within is not None and ended_at is not None and at - ended_at > within:
            raise ReopenWindowPassed(
                f"ticket {self.number} ended at {ended_at.isoformat()}; "
                f"it can be reopened within {within.days} days of that, open a new ticket instead"
            )
        return self.record(
            TicketReopened(
                occurred_at=at,
                department_id=self.department_id,
                priority=self.priority,
                opened_at=self.opened_at,
                demand=stored_demand(demand),
                reason=reason,
            )
        )

    def change_priority(self, priority: Priority, *, at: datetime, demand: Demand | None = None) -> "Ticket":
        """Nothing is recorded where it has that priority already. `demand` is the one that it has from now on.

        Refused: TransitionRefused when it is closed.
        """
        if self.status is Status.CLOSED:
            raise TransitionRefused(f"ticket {self.number} is closed; its priority can no longer change")
        if priority is not self.priority:
            self.record(TicketPriorityChanged(occurred_at=at, priority=priority, demand=demand))
        return self

    def accept_tags(self, tags: Iterable[str], *, at: datetime) -> "Ticket":
        """Take over these of the tags that a model suggested. Refused: TagsNotSuggested."""
        return self.record(TicketTagsAccepted(occurred_at=at, tags=self._suggested(tags)))

    def dismiss_tags(self, tags: Iterable[str], *, at: datetime) -> "Ticket":
        """Let go of these of the tags that a model suggested. Refused: TagsNotSuggested."""
        return self.record(TicketTagsDismissed(occurred_at=at, tags=self._suggested(tags)))

    def _suggested(self, tags: Iterable[str]) -> tuple[str, ...]:
        """Each once. Refused: TagsNotSuggested, also where none is named."""
        named = tuple(dict.fromkeys(tags))
        others = [tag for tag in named if tag not in self.suggested_tags]
        if others or not named:
            left = ", ".join(map(repr, self.suggested_tags)) or "none"
            raise TagsNotSuggested(
                f"{', '.join(map(repr, others)) or 'no tag'} was named; of the tags suggested for ticket {self.number} "
                f"these are undecided: {left}"
            )
        return named

    def _holder(self) -> AgentId:
        if self.agent_id is None:
            raise TicketHasNoAgent(f"ticket {self.number} is {self.status} and with no agent")
        return self.agent_id

    def _must_allow(self, status: Status, verb: str | None = None) -> None:
        if status not in TRANSITIONS[self.status]:
            allowed = ", ".join(sorted(TRANSITIONS[self.status]))
            raise TransitionRefused(
                f"ticket {self.number} is {self.status} and can't be {verb or status}; it can become: {allowed}"
            )


def open_ticket(
    ticket_id: TicketId,
    *,
    number: str,
    subject: str,
    description: str,
    requester_id: CustomerId,
    priority: Priority,
    channel: Channel,
    tags: tuple[str, ...],
    department_id: DepartmentId,
    step: RoutingStep,
    at: datetime,
    demand: Demand = NO_DEMAND,
    external_reference: str | None = None,
    evidence: RoutingEvidence | None = None,
    suggested: TicketTagsSuggested | None = None,
) -> Ticket:
    """A new ticket, routed to its department's queue. Refused: SubjectMissing."""
    if not subject.strip():
        raise SubjectMissing("a subject of at least one visible character was expected")
    ticket = Ticket(id=ticket_id)
    ticket.record(
        TicketOpened(
            occurred_at=at,
            number=number,
            subject=subject,
            description=description,
            requester_id=requester_id,
            priority=priority,
            channel=channel,
            tags=tags,
            external_reference=external_reference,
        )
    )
    if suggested is not None:
        ticket.record(suggested)
    return ticket.record(
        TicketRouted(
            occurred_at=at,
            department_id=department_id,
            step=step,
            evidence=evidence,
            priority=priority,
            opened_at=at,
            demand=stored_demand(demand),
        )
    )


class TransitionRefused(Conflict):
    """The ticket's status doesn't allow that."""


class TicketHasAgent(Conflict):
    """The ticket has an agent already."""


class TicketHasNoAgent(Conflict):
    """The ticket has no agent."""


class AlreadyInDepartment(Conflict):
    """The ticket is in that department already."""


class TicketNotEnded(Conflict):
    """The ticket has not ended."""


class ReopenWindowPassed(Conflict):
    """The time in which the ticket could be reopened has passed."""


class TagsNotSuggested(Conflict):
    """The tags aren't among those that are suggested and undecided."""


class SubjectMissing(InvalidInput):
    """A ticket needs a subject."""


for _fact in (
    TicketOpened,
    TicketTagsSuggested,
    TicketTagsAccepted,
    TicketTagsDismissed,
    TicketRouted,
    TicketAssigned,
    TicketUnassigned,
    TicketTransferred,
    TicketWorkStarted,
    TicketAwaitingCustomer,
    TicketCustomerAnswered,
    TicketResolved,
    TicketClosed,
    TicketReopened,
    TicketPriorityChanged,
):
    _fact.AGGREGATE = Ticket
