"""A ticket's history for people: one entry per event of its stream, without what is for staff where customers read."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec

from supportix.domain.aggregate import Fact
from supportix.domain.routing import RoutingEvidence, SuggestedTag
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
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep
from supportix.identity.roles import Role
from supportix.store.log import LogEntry


class Person(msgspec.Struct, frozen=True):
    """Who did it."""

    account_id: UUID
    name: str
    role: Role | None


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Something that happened. `actor` is null where Supportix itself did it."""

    at: datetime
    version: int
    position: int
    actor: Person | None


class Opened(Entry, frozen=True, kw_only=True, tag="ticket-opened"):
    """The ticket was opened."""

    number: str
    subject: str
    description: str
    requester_id: UUID
    priority: Priority
    channel: Channel
    tags: tuple[str, ...]


class Routed(Entry, frozen=True, kw_only=True, tag="ticket-routed"):
    """It was routed to a department. `evidence` is for staff, and null where the request named the department."""

    department_id: UUID
    step: RoutingStep
    evidence: RoutingEvidence | None


class TagsSuggested(Entry, frozen=True, kw_only=True, tag="ticket-tags-suggested"):
    """A model added tags of its own. They are for staff, and null for others."""

    tags: tuple[SuggestedTag, ...] | None
    model_version: int | None


class TagsAccepted(Entry, frozen=True, kw_only=True, tag="ticket-tags-accepted"):
    """Somebody took over tags that were suggested."""

    tags: tuple[str, ...]


class TagsDismissed(Entry, frozen=True, kw_only=True, tag="ticket-tags-dismissed"):
    """Somebody let go of tags that were suggested. They are for staff, and null for others."""

    tags: tuple[str, ...] | None


class Assigned(Entry, frozen=True, kw_only=True, tag="ticket-assigned"):
    """An agent got it. `reasons` are for staff, and null where a person chose."""

    agent_id: UUID
    department_id: UUID
    assigned_by: AssignedBy
    reasons: Reasons | None


class Unassigned(Entry, frozen=True, kw_only=True, tag="ticket-unassigned"):
    """It went back to the queue. `reason` is for staff."""

    agent_id: UUID
    department_id: UUID
    reason: str | None


class Transferred(Entry, frozen=True, kw_only=True, tag="ticket-transferred"):
    """It moved to another department, by a merge where one is named. `reason` and `merge_id` are for staff."""

    from_department_id: UUID
    to_department_id: UUID
    from_agent_id: UUID | None
    reason: str | None
    merge_id: UUID | None


class WorkStarted(Entry, frozen=True, kw_only=True, tag="ticket-work-started"):
    """The agent began to work on it, or went on."""


class AwaitingCustomer(Entry, frozen=True, kw_only=True, tag="ticket-awaiting-customer"):
    """The customer is asked for something."""


class CustomerAnswered(Entry, frozen=True, kw_only=True, tag="ticket-customer-answered"):
    """The customer gave what was asked for."""


class Resolved(Entry, frozen=True, kw_only=True, tag="ticket-resolved"):
    """It was resolved."""

    agent_id: UUID | None
    department_id: UUID
    resolution: str


class Closed(Entry, frozen=True, kw_only=True, tag="ticket-closed"):
    """It was closed."""

    department_id: UUID
    reason: str


class Reopened(Entry, frozen=True, kw_only=True, tag="ticket-reopened"):
    """It went back to the queue after it had ended."""

    department_id: UUID
    reason: str


class PriorityChanged(Entry, frozen=True, kw_only=True, tag="ticket-priority-changed"):
    """It became more or less urgent."""

    priority: Priority


TimelineEntry = (
    Opened
    | TagsSuggested
    | TagsAccepted
    | TagsDismissed
    | Routed
    | Assigned
    | Unassigned
    | Transferred
    | WorkStarted
    | AwaitingCustomer
    | CustomerAnswered
    | Resolved
    | Closed
    | Reopened
    | PriorityChanged
)


_ENTRIES: dict[type[Fact], type[TimelineEntry]] = {
    TicketOpened: Opened,
    TicketTagsSuggested: TagsSuggested,
    TicketTagsAccepted: TagsAccepted,
    TicketTagsDismissed: TagsDismissed,
    TicketRouted: Routed,
    TicketAssigned: Assigned,
    TicketUnassigned: Unassigned,
    TicketTransferred: Transferred,
    TicketWorkStarted: WorkStarted,
    TicketAwaitingCustomer: AwaitingCustomer,
    TicketCustomerAnswered: CustomerAnswered,
    TicketResolved: Resolved,
    TicketClosed: Closed,
    TicketReopened: Reopened,
    TicketPriorityChanged: PriorityChanged,
}
_FOR_STAFF: dict[type[TimelineEntry], frozenset[str]] = {
    TagsSuggested: frozenset({"tags", "model_version"}),
    TagsDismissed: frozenset({"tags"}),
    Routed: frozenset({"evidence"}),
    Assigned: frozenset({"reasons"}),
    Unassigned: frozenset({"reason"}),
    Transferred: frozenset({"reason", "merge_id"}),
}


def told(entry: LogEntry, actor: Person | None, *, for_staff: bool) -> TimelineEntry:
    """The entry for an event of a ticket's stream. Its own fields have the names that they have in the fact."""
    fact = entry.fact
    kind = _ENTRIES[type(fact)]
    hidden = frozenset() if for_staff else _FOR_STAFF.get(kind, frozenset())
    own: dict[str, Any] = {name: None if name in hidden else getattr(fact, name) for name in _own_fields(kind)}
    return kind(at=fact.occurred_at, version=entry.version, position=entry.position, actor=actor, **own)


@cache
def _own_fields(kind: type[TimelineEntry]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in Entry.__struct_fields__)
