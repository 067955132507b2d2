"""Assigning by hand across a pool: whether an agent is lent to a ticket's department; the pool's own record of it."""

from datetime import datetime

from supportix.commands.desk import Work
from supportix.domain.agent import Agent, Lent
from supportix.domain.department import Department
from supportix.domain.ids import MergeId, TicketId
from supportix.domain.merge import Merge, MergeState
from supportix.domain.ticket import Ticket


async def lent_to(work: Work, agent: Agent, ticket: Ticket, *, at: datetime) -> Lent | None:
    """How the agent comes to take a ticket of its partner's, recorded on the pool's stream with the same command.

    None where it is its own department's, or where no pool lends it.
    """
    if ticket.department_id in agent.department_ids:
        return None
    merge_id = (await work.load(Department, ticket.department_id)).merge_id
    if merge_id is None:
        return None
    merge = await work.load(Merge, merge_id)
    partner = merge.partner_of(ticket.department_id)
    if merge.state is not MergeState.POOLED or partner is None or partner not in agent.department_ids:
        return None
    merge.share([TicketId(ticket.id)], at=at)
    return Lent(partner, MergeId(merge.id))
