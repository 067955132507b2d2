"""Queues and loads: what supervisors and agents look at all day."""

from uuid import UUID

from supportix.api.access import any_of
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import command, query
from supportix.api.inputs import Nothing
from supportix.api.paging import ByName, ByNameInDepartment, page_of
from supportix.commands.desk import Outcome
from supportix.commands.pulling import NothingToTake, take_next
from supportix.commands.tickets import TicketAnswer
from supportix.domain.agent import AgentUnavailable, NotInDepartment
from supportix.domain.errors import Forbidden, NotFound
from supportix.identity.roles import Permission, Role
from supportix.projections.agent_queries import LoadView, load_page
from supportix.projections.department_queries import (
    NameKey,
    PlaceKey,
    QueueEntry,
    QueueSummary,
    department_detail,
    queue_page,
    queue_summaries,
    serves,
)

TAG = "Operations"


@query("/queues", needs=any_of(Permission.QUEUES_READ), tag=TAG)
async def list_queues(call: Call, query: ByName) -> Read[Page[QueueSummary]]:
    """Summarise each department's queue. Agents see those of their departments."""
    behind, limit = query.start(call.backend.cursors, "queues")
    served_by = call.sender.account_id if call.sender.role is Role.AGENT else None
    found = await queue_summaries(call.backend.database, served_by=served_by, behind=behind, limit=limit + 1)
    page = page_of(call.backend.cursors, "queues", found.value, limit, lambda row: NameKey(row.name, row.department_id))
    return Read(page, found.position)


@query("/queues/{department_id}", needs=any_of(Permission.QUEUES_READ), tag=TAG, refusals=(NotFound,))
async def get_queue(call: Call, department_id: UUID, query: ByName) -> Read[Page[QueueEntry]]:
    """List what waits in a department, in the order in which it will be served."""
    backend = call.backend
    own = call.sender.role is not Role.AGENT or await serves(backend.database, call.sender.account_id, department_id)
    if not own or (await department_detail(backend.database, department_id)).value is None:
        raise NotFound(f"no department has the id {department_id}")
    listing = f"queue {department_id}"
    behind = backend.cursors.read(listing, query.cursor, PlaceKey) if query.cursor else None
    found = await queue_page(backend.database, department_id, behind=behind, limit=query.limit + 1)
    page = page_of(
        backend.cursors,
        listing,
        found.value,
        query.limit,
        lambda entry: PlaceKey(entry.priority.rank, entry.kept_back, entry.due_at, entry.opened_at, entry.ticket_id),
    )
    return Read(page, found.position)


@command(
    "POST",
    "/queues/{department_id}/next",
    needs=any_of(Permission.TICKETS_WORK),
    tag=TAG,
    answer=TicketAnswer,
    refusals=(Forbidden, NotFound, NotInDepartment, AgentUnavailable, NothingToTake),
)
async def take_next_ticket(call: Call, department_id: UUID, body: Nothing) -> Outcome:  # noqa: ARG001 - checked to be empty.
    """Take the first waiting ticket that you can take now. For agents.

    While two departments pool their teams, their queues are one.
    """
    return await take_next(call.backend.core.desk, department_id, call.actor, call.envelope, at=call.at)


@query("/loads", needs=any_of(Permission.LOADS_READ), tag=TAG)
async def list_loads(call: Call, query: ByNameInDepartment) -> Read[Page[LoadView]]:
    """List agents with what they hold, by name."""
    behind, limit = query.start(call.backend.cursors, "loads")
    found = await load_page(call.backend.database, department_id=query.department_id, behind=behind, limit=limit + 1)
    page = page_of(call.backend.cursors, "loads", found.value, limit, lambda row: NameKey(row.name, row.agent_id))
    return Read(page, found.position)


ENDPOINTS = (list_queues, get_queue, take_next_ticket, list_loads)
