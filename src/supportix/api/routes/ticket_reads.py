"""Reading tickets: the list and one of them."""

from typing import Annotated
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import query
from supportix.api.inputs import CursorText, Ids, Limit, Moment, SearchText, Tags, TicketNumber, TicketReference
from supportix.domain.errors import NotFound
from supportix.domain.ticket_words import Channel, Priority, Status
from supportix.identity.roles import Permission, Role
from supportix.identity.tokens import Principal
from supportix.projections.ticket_queries import (
    TicketDetail,
    TicketFilter,
    TicketKey,
    TicketScope,
    TicketSort,
    TicketSummary,
    ticket_detail,
    ticket_page,
)

TAG = "Tickets"
READING = any_of(Permission.TICKETS_READ_OWN, Permission.TICKETS_READ_DEPARTMENT, Permission.TICKETS_READ_ALL)


class TicketListQuery(TicketFilter, frozen=True, kw_only=True):
    """Which tickets to list. Of several values of one parameter any fits."""

    department_id: Ids = ()
    agent_id: Ids = ()
    requester_id: Ids = ()
    status: Annotated[tuple[Status, ...], msgspec.Meta(max_length=20)] = ()
    priority: Annotated[tuple[Priority, ...], msgspec.Meta(max_length=20)] = ()
    channel: Annotated[tuple[Channel, ...], msgspec.Meta(max_length=20)] = ()
    tag: Tags = ()
    number: TicketNumber | None = None
    opened_after: Moment | None = None
    opened_before: Moment | None = None
    q: SearchText | None = None
    sort: TicketSort = TicketSort.LATEST_OPENED
    limit: Limit = 50
    cursor: CursorText | None = None


def scope_of(principal: Principal) -> TicketScope:
    """The tickets that this person may see."""
    if principal.may(Permission.TICKETS_READ_ALL):
        return TicketScope()
    if principal.role is Role.AGENT:
        return TicketScope(agent_id=principal.account_id)
    return TicketScope(requester_id=principal.account_id)


@query("/tickets", needs=READING, tag=TAG)
async def list_tickets(call: Call, query: TicketListQuery) -> Read[Page[TicketSummary]]:
    """List the tickets that you may see: customers their own, agents those of their departments or with them."""
    listing = f"tickets {query.sort}"
    cursors = call.backend.cursors
    behind = cursors.read(listing, query.cursor, TicketKey) if query.cursor else None
    found = await ticket_page(
        call.backend.database, scope_of(call.sender), query, sort=query.sort, behind=behind, limit=query.limit + 1
    )
    items = tuple(found.value[: query.limit])
    more = len(found.value) > query.limit
    next_cursor = cursors.make(listing, TicketKey.of(items[-1], query.sort)) if more else None
    return Read(Page(items, next_cursor), found.position)


@query("/tickets/{ticket}", needs=READING, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_ticket(call: Call, ticket: TicketReference) -> Read[TicketDetail]:
    """Read one ticket, by id or number. A waiting ticket tells its place in the queue.

    `If-None-Match` is answered with 304 unless the ticket waits, since its place can change while its version doesn't.
    """
    numbered = ticket.startswith("SUP-")
    found = await ticket_detail(
        call.backend.database,
        scope_of(call.sender),
        ticket_id=None if numbered else UUID(ticket),
        number=ticket if numbered else None,
        now=call.at,
    )
    if found.value is None:
        raise NotFound(f"no ticket is known as {ticket}")
    settled = found.value.status is not Status.QUEUED
    return Read(found.value, found.position, version=found.value.version, revalidates=settled)


ENDPOINTS = (list_tickets, get_ticket)
