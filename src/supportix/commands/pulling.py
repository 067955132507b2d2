"""Pulling: an agent takes the first waiting ticket that it can take, instead of being given one."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from supportix.commands.actors import Actor
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.commands.lending import lent_to, queues_to_pull_from
from supportix.commands.tickets import TicketAnswer
from supportix.commands.waiting import waiting_tickets
from supportix.domain.agent import Agent
from supportix.domain.errors import Conflict, Forbidden
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import AssignedBy, Status
from supportix.identity.roles import Permission, Role
from supportix.store.committer import Command
from supportix.store.errors import CorruptEvent

MOST_LOOKED_AT = 100
"""So many waiting tickets are looked at, at most, for one that an agent can take."""


class NothingToTake(Conflict):
    """Nothing waits in that queue that the agent could take."""


async def take_next(
    desk: SupportDesk, department_id: UUID, actor: Actor, envelope: Command, *, at: datetime
) -> Outcome:
    """Give the agent who asks the first waiting ticket of a department that it can take.

    While a pool lasts, its two departments' queues are one, in the order of a queue. Refused: Forbidden, NotFound,
    NotInDepartment, AgentUnavailable, NothingToTake.
    """
    actor.must_have(Permission.TICKETS_WORK)
    if actor.role is not Role.AGENT:
        raise Forbidden("only agents take tickets from a queue; assign it to one instead")

    async def decide(work: Work) -> TicketAnswer:
        agent = await work.load(Agent, actor.id)
        queues = await queues_to_pull_from(work, agent, DepartmentId(department_id))
        ticket = await _first(desk, agent, queues)
        work.add(ticket)
        ticket.assign(AgentId(agent.id), at=at, by=AssignedBy.PULL)
        lent = await lent_to(work, agent, ticket, at=at)
        requirement = ticket.demand.requirement
        agent.reserve(TicketId(ticket.id), ticket.department_id, at=at, requirement=requirement, lent=lent)
        return TicketAnswer.of(ticket)

    return await desk.carry_out(envelope, decide)


async def _first(desk: SupportDesk, agent: Agent, queues: Collection[DepartmentId]) -> Ticket:
    """The first ticket that the agent can take, as its stream has it. Refused: NothingToTake.

    Queues tell of tickets as they were a moment ago, and go on telling of those whose streams can't be read.
    """
    for ticket_id, requirement in await waiting_tickets(desk.pool, queues, MOST_LOOKED_AT):
        if agent.obstacle(requirement) is not None:
            continue
        try:
            ticket = await desk.load(Ticket, ticket_id)
        except CorruptEvent:
            continue
        waits = ticket.status is Status.QUEUED and ticket.department_id in queues
        if waits and agent.obstacle(ticket.demand.requirement) is None:
            return ticket
    raise NothingToTake(
        f"nothing waits there that agent {agent.id} could take now; {agent.free} of its points are free"
    )
