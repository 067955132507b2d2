"""A waiting ticket, as its queue knows it."""

from datetime import UTC, datetime

import msgspec

from supportix.domain.aggregate import DomainEvent
from supportix.domain.demand import NO_DEMAND, Demand, Requirement
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.ticket_facts import (
    Reasons,
    TicketAssigned,
    TicketPriorityChanged,
    TicketQueued,
    TicketTagsAccepted,
    TicketTagsDismissed,
)
from supportix.domain.ticket_words import AssignedBy, Priority

QueueOrder = tuple[int, bool, datetime, datetime, int]

NEVER_DUE = datetime(9999, 12, 31, tzinfo=UTC)
"""Stands for the due time of a ticket that has none."""


class WaitingTicket(msgspec.Struct, frozen=True, gc=False):
    """A ticket as its queue knows it: enough to order it and to claim it at the version at which it waits."""

    ticket_id: TicketId
    version: int
    department_id: DepartmentId
    priority: Priority
    opened_at: datetime
    demand: Demand = NO_DEMAND

    @property
    def order(self) -> QueueOrder:
        """Queues are served by priority, then what came back, then by when it is due, then by age."""
        demand = self.demand
        return (self.priority.rank, not demand.returned, demand.due_at or NEVER_DUE, self.opened_at, self.ticket_id.int)

    @property
    def requirement(self) -> Requirement:
        return self.demand.requirement

    def claim(self, agent_id: AgentId, *, reasons: Reasons, by: AssignedBy, at: datetime) -> DomainEvent:
        """The event that gives it to an agent. It can be saved only while the ticket waits at this version."""
        fact = TicketAssigned(
            occurred_at=at, agent_id=agent_id, department_id=self.department_id, assigned_by=by, reasons=reasons
        )
        return DomainEvent(self.ticket_id, self.version + 1, fact)


def waiting_after(event: DomainEvent, before: WaitingTicket | None) -> WaitingTicket | None:
    """The ticket as its queue knows it after one more event of its stream; None while it waits in no queue."""
    fact = event.fact
    if isinstance(fact, TicketQueued):
        ticket_id = TicketId(event.originator_id)
        demand = fact.demand or NO_DEMAND
        return WaitingTicket(ticket_id, event.originator_version, fact.waits_in, fact.priority, fact.opened_at, demand)
    if isinstance(fact, TicketPriorityChanged) and before is not None:
        demand = fact.demand or before.demand
        return msgspec.structs.replace(before, version=event.originator_version, priority=fact.priority, demand=demand)
    if isinstance(fact, TicketTagsAccepted | TicketTagsDismissed) and before is not None:
        return msgspec.structs.replace(before, version=event.originator_version)
    return None
