"""What to tell of a ticket's event, and whom. Folds the tickets' own state, so that it needs no rules besides theirs.

The state is taken from the log, exact at every version: telling doesn't depend on how far the read models are.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog

from supportix.domain.aggregate import DomainEvent, fold
from supportix.domain.ids import AgentId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import (
    TicketAssigned,
    TicketAwaitingCustomer,
    TicketClosed,
    TicketCustomerAnswered,
    TicketOpened,
    TicketPriorityChanged,
    TicketQueued,
    TicketReopened,
    TicketResolved,
    TicketTagsAccepted,
    TicketWorkStarted,
)
from supportix.domain.ticket_words import Status
from supportix.realtime.frames import OwnTicketChanged, TicketChanged, Topic, text_of
from supportix.realtime.seats import EVERYONE, Change, Key, department, holder, requester
from supportix.store.errors import CorruptEvent
from supportix.store.log import EventLog, LogEntry

KEPT_TICKETS = 20_000
_NO_DEPARTMENT = UUID(int=0)

_FOR_CUSTOMERS = (
    TicketOpened,
    TicketQueued,
    TicketAssigned,
    TicketWorkStarted,
    TicketAwaitingCustomer,
    TicketCustomerAnswered,
    TicketResolved,
    TicketClosed,
    TicketReopened,
    TicketPriorityChanged,
    TicketTagsAccepted,
)
"""Customers are told of these. A new kind of fact is for staff only until it is listed here."""

_log = structlog.get_logger(__name__)


class TicketStates:
    """Tickets as of one position of the log, the latest that were touched."""

    def __init__(self, log: EventLog, epoch: str) -> None:
        self._log = log
        self._epoch = epoch
        self._kept: OrderedDict[UUID, Ticket] = OrderedDict()

    async def prepare(self, events: Iterable[tuple[int, DomainEvent]]) -> None:
        """Read the tickets whose first of these events isn't their first at all, as they stood before it."""
        known_until: dict[UUID, int] = {}
        for _, event in events:
            if event.fact.AGGREGATE is Ticket and event.originator_id not in self._kept:
                known_until.setdefault(event.originator_id, event.originator_version - 1)
        missing = {ticket_id: version for ticket_id, version in known_until.items() if version > 0}
        for ticket_id, entries in (await self._read(list(missing))).items():
            earlier = [entry.event for entry in entries if entry.version <= missing[ticket_id]]
            ticket = fold(earlier)
            if isinstance(ticket, Ticket) and ticket.version == missing[ticket_id]:
                self._kept[ticket_id] = ticket

    def change(self, position: int, event: DomainEvent) -> tuple[Change, frozenset[UUID]] | None:
        """The change, and the departments whose queues it may touch. None where there is nothing to tell."""
        if event.fact.AGGREGATE is not Ticket:
            return None
        known = self._kept.get(event.originator_id)
        if (known.version if known else 0) != event.originator_version - 1:
            self._kept.pop(event.originator_id, None)  # An event of it can't be read; its state is unknown from here.
            return None
        concerned, queues = _concerned(known), _queue(known)
        ticket = event.mutate(known)
        if not isinstance(ticket, Ticket):
            raise TypeError(f"{event.originator_id} is no ticket")
        self._keep(ticket)
        audience = concerned | _concerned(ticket)
        return self._told(position, event, audience, ticket), queues | _queue(ticket)

    def _told(self, position: int, event: DomainEvent, audience: frozenset[Key], ticket: Ticket) -> Change:
        own = OwnTicketChanged(
            epoch=self._epoch,
            position=position,
            ticket_id=ticket.id,
            number=ticket.number,
            version=ticket.version,
            happened=event.fact.TOPIC.split(".")[1],
            occurred_at=event.fact.occurred_at,
            status=ticket.status,
            priority=ticket.priority,
            department_id=None if ticket.department_id == _NO_DEPARTMENT else ticket.department_id,
        )
        full = {name: getattr(own, name) for name in own.__struct_fields__}
        return Change(
            position=position,
            topic=Topic.TICKETS,
            audience=audience,
            text=text_of(TicketChanged(**full, agent_id=_shown_agent(ticket))),
            own_text=text_of(own) if isinstance(event.fact, _FOR_CUSTOMERS) else None,
            ticket_id=ticket.id,
        )

    def _keep(self, ticket: Ticket) -> None:
        self._kept[ticket.id] = ticket
        self._kept.move_to_end(ticket.id)
        if len(self._kept) > KEPT_TICKETS:
            self._kept.popitem(last=False)

    async def _read(self, ticket_ids: Sequence[UUID]) -> dict[UUID, list[LogEntry]]:
        """Their streams; a stream with an event that can't be read is left out."""
        if not ticket_ids:
            return {}
        try:
            return dict(await self._log.streams(ticket_ids))
        except CorruptEvent as error:
            if len(ticket_ids) == 1:
                _log.warning("ticket can't be followed live", ticket=str(ticket_ids[0]), why=str(error))
                return {}
        half = len(ticket_ids) // 2
        return await self._read(ticket_ids[:half]) | await self._read(ticket_ids[half:])


def _concerned(ticket: Ticket | None) -> frozenset[Key]:
    """Whom a ticket concerns. A change is told to those before and after it: some learn that it left them."""
    if ticket is None:
        return frozenset()
    keys = {EVERYONE, requester(ticket.requester_id), department(ticket.department_id)}
    return frozenset(keys if ticket.agent_id is None else keys | {holder(ticket.agent_id)})


def _queue(ticket: Ticket | None) -> frozenset[UUID]:
    """The department whose queue the ticket waits in, if it does."""
    if ticket is None or ticket.status is not Status.QUEUED or ticket.department_id == _NO_DEPARTMENT:
        return frozenset()
    return frozenset({ticket.department_id})


def _shown_agent(ticket: Ticket) -> AgentId | None:
    """Who holds the ticket or, once it is resolved, who resolved it: the agent that the ticket list shows."""
    return ticket.last_agent_id if ticket.resolved_at is not None else ticket.agent_id
