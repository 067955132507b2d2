"""A ticket's life, from opening to closing.

Owns the streams of tickets: emits TicketOpened, TicketTagsSuggested, TicketRouted, TicketAssigned, TicketUnassigned,
TicketTransferred, TicketWorkStarted, TicketAwaitingCustomer, TicketResolved, TicketClosed, TicketReopened and
TicketPriorityChanged.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import msgspec

from supportix.domain.aggregate import Aggregate, DomainEvent, Fact, PersonalText
from supportix.domain.demand import NO_DEMAND, Demand, Requirement, stored_demand
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, MergeId, TicketId
from supportix.domain.routing import RoutingEvidence, SuggestedTag


class Status(StrEnum):
    """Where a ticket stands."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Priority(StrEnum):
    """How urgent a ticket is; compare by `rank`."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return _RANKS[self]


_RANKS = {Priority.URGENT: 0, Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}


class Channel(StrEnum):
    """How the ticket reached us."""

    API = "api"
    PORTAL = "portal"
    EMAIL = "email"
    PHONE = "phone"
    CHAT = "chat"
    IMPORT = "import"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.QUEUED, Status.ASSIGNED, Status.RESOLVED, Status.CLOSED}),
    Status.ASSIGNED: frozenset({Status.QUEUED, Status.IN_PROGRESS, Status.PENDING, Status.RESOLVED}),
    Status.IN_PROGRESS: frozenset({Status.QUEUED, Status.PENDING, Status.RESOLVED}),
    Status.PENDING: frozenset({Status.QUEUED, Status.IN_PROGRESS, Status.RESOLVED}),
    Status.RESOLVED: frozenset({Status.QUEUED, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.QUEUED}),
}
"""From each status, the statuses that may follow."""

HELD = frozenset({Status.ASSIGNED, Status.IN_PROGRESS, Status.PENDING})
"""In these an agent has the ticket, and it counts against the agent's capacity."""

REOPEN_WITHIN = timedelta(days=14)
"""How long after it was resolved a ticket may be reopened."""


class RoutingStep(StrEnum):
    """Which step decided on the department."""

    REQUEST = "request"
    REQUEST_TYPE = "request_type"
    RULE = "rule"
    CLASSIFIER = "classifier"
    TRIAGE = "triage"
    HISTORY = "history"


class AssignedBy(StrEnum):
    """Who chose the agent."""

    POLICY = "policy"
    PERSON = "person"
    PULL = "pull"
    HISTORY = "history"


class Unassigned(StrEnum):
    """Why a ticket went back to its queue."""

    BY_PERSON = "person"
    AGENT_OFFLINE = "agent_offline"
    NOT_ANSWERED = "not_answered"


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
        """No decision depends on it."""


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
    return None


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


class SubjectMissing(InvalidInput):
    """A ticket needs a subject."""


for _fact in (
    TicketOpened,
    TicketTagsSuggested,
    TicketRouted,
    TicketAssigned,
    TicketUnassigned,
    TicketTransferred,
    TicketWorkStarted,
    TicketAwaitingCustomer,
    TicketResolved,
    TicketClosed,
    TicketReopened,
    TicketPriorityChanged,
):
    _fact.AGGREGATE = Ticket
