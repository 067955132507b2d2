"""What happens to tickets, as it is stored."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import msgspec

from supportix.domain.aggregate import Fact, PersonalText
from supportix.domain.demand import NO_DEMAND, Demand
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, MergeId
from supportix.domain.routing import RoutingEvidence, SuggestedTag
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep, Status, Unassigned

if TYPE_CHECKING:
    from supportix.domain.ticket import Ticket

# Names in TOPIC and the names of fields are the storage format of years of history: never change them. A field may be
# added where it has a default that means what was meant before; anything else is a new version.


class ConsideredAgent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An agent that could have had the ticket: what it held then, and its turn (0: never had one).

    `open_work` and `capacity` in points; `proficiency` in hundredths of a level, 0 where no skill was asked for.
    """

    agent_id: AgentId
    open_work: int
    capacity: int
    last_turn: int
    proficiency: int = 0


class Reasons(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Why a policy chose this agent. Enough to prove the choice by replay.

    `based_on` is the position P of the log up to which the chooser knew it; beyond that it knew only the earlier
    events of its own command, the n-th of which counts as standing at P + n. `candidates` are the first few in the
    policy's order, the chosen one first. `demand` is what the ticket asked for; None: nothing.
    """

    policy: str
    policy_version: int
    based_on: int
    eligible: int
    candidates: tuple[ConsideredAgent, ...]
    excluded: dict[str, int] = {}
    tie_break: str = ""
    demand: Demand | None = None


class TicketOpened(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.opened.v1"
    number: str
    subject: PersonalText
    description: PersonalText = ""
    requester_id: CustomerId
    priority: Priority = Priority.NORMAL
    channel: Channel = Channel.API
    tags: tuple[str, ...] = ()
    external_reference: str | None = None

    def apply(self, ticket: "Ticket") -> None:
        ticket.number = self.number
        ticket.tags = self.tags
        ticket.requester_id = self.requester_id
        ticket.priority = self.priority
        ticket.channel = self.channel
        ticket.opened_at = self.occurred_at
        ticket.status = Status.QUEUED


class TicketTagsSuggested(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A model adds tags of its own, told apart from those that people gave. It stands before the first routing."""

    TOPIC: ClassVar[str] = "ticket.tags_suggested.v1"
    tags: tuple[SuggestedTag, ...]
    model_version: int

    def apply(self, ticket: "Ticket") -> None:
        ticket.suggested_tags = tuple(tag.name for tag in self.tags)


class TicketTagsAccepted(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Somebody agreed with a model: from here on these of its suggestions are tags as people give them."""

    TOPIC: ClassVar[str] = "ticket.tags_accepted.v1"
    tags: tuple[str, ...]

    def apply(self, ticket: "Ticket") -> None:
        ticket.tags = tuple(dict.fromkeys((*ticket.tags, *self.tags)))
        ticket.suggested_tags = tuple(tag for tag in ticket.suggested_tags if tag not in self.tags)


class TicketTagsDismissed(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Somebody disagreed with a model: these of its suggestions don't suit the ticket."""

    TOPIC: ClassVar[str] = "ticket.tags_dismissed.v1"
    tags: tuple[str, ...]

    def apply(self, ticket: "Ticket") -> None:
        ticket.suggested_tags = tuple(tag for tag in ticket.suggested_tags if tag not in self.tags)


class TicketQueued(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The ticket waits in a department's queue. Carries what the queue is ordered by, for those who follow the log."""

    priority: Priority
    opened_at: datetime
    demand: Demand | None = None

    @property
    def waits_in(self) -> DepartmentId:
        """The department whose queue it is."""
        raise NotImplementedError


class TicketRouted(TicketQueued, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.routed.v1"
    department_id: DepartmentId
    step: RoutingStep
    evidence: RoutingEvidence | None = None

    @property
    def waits_in(self) -> DepartmentId:
        return self.department_id

    def apply(self, ticket: "Ticket") -> None:
        ticket.department_id = self.department_id
        ticket.home_department_id = self.department_id
        ticket.demand = self.demand or NO_DEMAND
        ticket.queued_at = self.occurred_at


class TicketAssigned(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.assigned.v1"
    agent_id: AgentId
    department_id: DepartmentId
    assigned_by: AssignedBy = AssignedBy.POLICY
    reasons: Reasons | None = None

    def apply(self, ticket: "Ticket") -> None:
        ticket.agent_id = self.agent_id
        ticket.assigned_at = self.occurred_at
        ticket.status = Status.ASSIGNED


class TicketUnassigned(TicketQueued, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.unassigned.v1"
    agent_id: AgentId
    department_id: DepartmentId
    reason: PersonalText = ""
    cause: Unassigned = Unassigned.BY_PERSON

    @property
    def waits_in(self) -> DepartmentId:
        return self.department_id

    def apply(self, ticket: "Ticket") -> None:
        ticket.agent_id = None
        ticket.demand = self.demand or NO_DEMAND
        ticket.status = Status.QUEUED
        ticket.queued_at = self.occurred_at


class TicketTransferred(TicketQueued, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.transferred.v1"
    from_department_id: DepartmentId
    to_department_id: DepartmentId
    from_agent_id: AgentId | None = None
    reason: PersonalText = ""
    merge_id: MergeId | None = None
    """The merge that moved it; the ticket's home stays where it was."""

    @property
    def waits_in(self) -> DepartmentId:
        return self.to_department_id

    def apply(self, ticket: "Ticket") -> None:
        ticket.agent_id = None
        ticket.demand = self.demand or NO_DEMAND
        ticket.department_id = self.to_department_id
        if self.merge_id is None:
            ticket.home_department_id = self.to_department_id
        ticket.status = Status.QUEUED
        ticket.queued_at = self.occurred_at


class TicketWorkStarted(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.work_started.v1"

    def apply(self, ticket: "Ticket") -> None:
        ticket.status = Status.IN_PROGRESS


class TicketAwaitingCustomer(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.awaiting_customer.v1"

    def apply(self, ticket: "Ticket") -> None:
        ticket.status = Status.PENDING


class TicketCustomerAnswered(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What was asked of the customer has come. Its agent goes on with it, or it is taken back from one who is gone."""

    TOPIC: ClassVar[str] = "ticket.customer_answered.v1"

    def apply(self, ticket: "Ticket") -> None:
        ticket.status = Status.IN_PROGRESS


class TicketResolved(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.resolved.v1"
    department_id: DepartmentId
    agent_id: AgentId | None = None
    resolution: PersonalText = ""

    def apply(self, ticket: "Ticket") -> None:
        ticket.status = Status.RESOLVED
        ticket.resolved_at = self.occurred_at
        ticket.agent_id = None
        ticket.last_agent_id = self.agent_id


class TicketClosed(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.closed.v1"
    department_id: DepartmentId
    reason: PersonalText = ""

    def apply(self, ticket: "Ticket") -> None:
        ticket.status = Status.CLOSED
        ticket.closed_at = self.occurred_at


class TicketReopened(TicketQueued, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.reopened.v1"
    department_id: DepartmentId
    reason: PersonalText = ""

    @property
    def waits_in(self) -> DepartmentId:
        return self.department_id

    def apply(self, ticket: "Ticket") -> None:
        ticket.status = Status.QUEUED
        ticket.demand = self.demand or NO_DEMAND
        ticket.reopen_count += 1
        ticket.resolved_at = None
        ticket.closed_at = None
        ticket.queued_at = self.occurred_at


class TicketPriorityChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "ticket.priority_changed.v1"
    priority: Priority
    demand: Demand | None = None

    def apply(self, ticket: "Ticket") -> None:
        ticket.priority = self.priority
        ticket.demand = self.demand or ticket.demand
