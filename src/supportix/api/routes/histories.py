"""A ticket's timeline, and why each of its agents got it: read from the ticket's stream itself, so never behind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Read
from supportix.api.endpoints import query
from supportix.api.exclusions import ExcludedAgent, excluded_agents
from supportix.api.routes.ticket_reads import READING, TAG
from supportix.api.timeline import Person, TimelineEntry, told
from supportix.commands.actors import must_see
from supportix.domain.agent import Agent
from supportix.domain.errors import NotFound
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import Reasons, TicketAssigned, TicketResolved, TicketTransferred, TicketUnassigned
from supportix.domain.ticket_words import AssignedBy
from supportix.identity.roles import Permission, Role
from supportix.projections.log_queries import senders
from supportix.store.log import LogEntry


class Timeline(msgspec.Struct, frozen=True):
    """All that happened to a ticket, in order."""

    ticket_id: UUID
    items: tuple[TimelineEntry, ...]


class AssignmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A time with an agent, and why it was this one. `reasons` are null where a person chose."""

    agent: Person
    department_id: UUID
    assigned_by: AssignedBy
    assigned_at: datetime
    ended_at: datetime | None
    position: int
    chosen_by: Person | None
    reasons: Reasons | None
    candidate_names: dict[str, str]
    """The names of the candidates in `reasons`, by agent id."""
    excluded_agents: tuple[ExcludedAgent, ...]
    """Who of the department's agents could not take it, and why: by replay. Counts alone where they are over 200."""


class Assignments(msgspec.Struct, frozen=True):
    """Every time with an agent, in order."""

    ticket_id: UUID
    items: tuple[AssignmentView, ...]


@query("/tickets/{ticket_id}/timeline", needs=READING, tag=TAG, refusals=(NotFound,))
async def get_timeline(call: Call, ticket_id: UUID) -> Read[Timeline]:
    """Read what happened to a ticket, who did it, and when. Internal reasons are for staff alone."""
    position, entries = await _stream(call, ticket_id)
    actors = await senders(call.backend.database, [entry.command_id for entry in entries])
    people = await _people(call, [actor for actor in actors.values() if actor is not None])
    for_staff = call.sender.role is not Role.CUSTOMER
    items = []
    for entry in entries:
        actor_id = actors.get(entry.command_id)
        items.append(told(entry, people[actor_id] if actor_id else None, for_staff=for_staff))
    return Read(Timeline(ticket_id, tuple(items)), position)


@query(
    "/tickets/{ticket_id}/assignments", needs=any_of(Permission.TICKETS_READ_DEPARTMENT), tag=TAG, refusals=(NotFound,)
)
async def get_assignments(call: Call, ticket_id: UUID) -> Read[Assignments]:
    """Read which agents had a ticket, and why each was chosen: policy, candidates, exclusions and tie-break."""
    position, entries = await _stream(call, ticket_id)
    actors = await senders(call.backend.database, [entry.command_id for entry in entries])
    assigned = [entry.fact for entry in entries if isinstance(entry.fact, TicketAssigned)]
    considered = [each.agent_id for fact in assigned if fact.reasons for each in fact.reasons.candidates]
    named = [*considered, *(fact.agent_id for fact in assigned), *(actor for actor in actors.values() if actor)]
    people = await _people(call, named)
    excluded = {
        entry.position: await excluded_agents(call.backend, entry, entry.fact, entry.fact.reasons)
        for entry in entries
        if isinstance(entry.fact, TicketAssigned)
        and entry.fact.reasons is not None
        and entry.fact.assigned_by is AssignedBy.POLICY
    }
    return Read(Assignments(ticket_id, tuple(_assignments(entries, actors, people, excluded))), position)


async def _stream(call: Call, ticket_id: UUID) -> tuple[int, Sequence[LogEntry]]:
    """The ticket's events, and a position up to which they are all there. Refused: NotFound."""
    desk = call.backend.core.desk
    position = await desk.reading.head()
    entries = await desk.reading.stream(ticket_id)
    ticket: object = None
    if entries and entries[0].fact.AGGREGATE is Ticket:
        for entry in entries:
            ticket = entry.event.mutate(ticket if isinstance(ticket, Ticket) else None)
    if not isinstance(ticket, Ticket):
        raise NotFound(f"no ticket has the id {ticket_id}")
    agent = await desk.load(Agent, call.actor.id) if call.actor.role is Role.AGENT else None
    must_see(call.actor, ticket, agent)
    return max(position, entries[-1].position), entries


async def _people(call: Call, account_ids: Sequence[UUID]) -> dict[UUID, Person]:
    """Everyone of these by id; who has no account any more, or never had one, goes by the id."""
    accounts = await call.backend.accounts.by_ids(set(account_ids))
    people = {each: Person(each, str(each), None) for each in account_ids}
    return people | {each.id: Person(each.id, each.display_name, each.role) for each in accounts.values()}


def _assignments(
    entries: Sequence[LogEntry],
    actors: Mapping[UUID, UUID | None],
    people: Mapping[UUID, Person],
    excluded: Mapping[int, tuple[ExcludedAgent, ...]],
) -> Sequence[AssignmentView]:
    found: list[AssignmentView] = []
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, TicketAssigned):
            actor_id = actors.get(entry.command_id)
            chosen_by = people[actor_id] if actor_id else None
            found.append(_assignment(entry, fact, chosen_by, people, excluded.get(entry.position, ())))
        elif found and found[-1].ended_at is None and isinstance(fact, _ENDING):
            found[-1] = msgspec.structs.replace(found[-1], ended_at=fact.occurred_at)
    return found


def _assignment(
    entry: LogEntry,
    fact: TicketAssigned,
    chosen_by: Person | None,
    people: Mapping[UUID, Person],
    excluded: tuple[ExcludedAgent, ...],
) -> AssignmentView:
    candidates = fact.reasons.candidates if fact.reasons else ()
    return AssignmentView(
        agent=people[fact.agent_id],
        department_id=fact.department_id,
        assigned_by=fact.assigned_by,
        assigned_at=fact.occurred_at,
        ended_at=None,
        position=entry.position,
        chosen_by=chosen_by,
        reasons=fact.reasons,
        candidate_names={str(each.agent_id): people[each.agent_id].name for each in candidates},
        excluded_agents=excluded,
    )


_ENDING = (TicketUnassigned, TicketTransferred, TicketResolved)

ENDPOINTS = (get_timeline, get_assignments)
