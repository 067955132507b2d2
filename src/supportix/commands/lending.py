"""Giving and taking work across a pool: whose queues are one, who is lent to whom, and the pool's own record of it."""

from datetime import datetime

from supportix.commands.desk import Work
from supportix.domain.agent import Agent, Lent
from supportix.domain.department import Department
from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge import Merge, MergeState
from supportix.domain.ticket import Ticket


async def pool_of(work: Work, department_id: DepartmentId) -> Merge | None:
    """The formed pool that the department takes part in. Refused: NotFound."""
    merge_id = (await work.load(Department, department_id)).merge_id
    merge = await work.load(Merge, merge_id) if merge_id is not None else None
    return merge if merge is not None and merge.state is MergeState.POOLED else None


async def lent_to(work: Work, agent: Agent, ticket: Ticket, *, at: datetime) -> Lent | None:
    """How the agent comes to take a ticket of its partner's, recorded on the pool's stream with the same command.

    None where it is its own department's, or where no pool lends it.
    """
    if ticket.department_id in agent.department_ids:
        return None
    pool = await pool_of(work, ticket.department_id)
    partner = pool.partner_of(ticket.department_id) if pool is not None else None
    if pool is None or partner not in agent.department_ids:
        return None
    pool.share([TicketId(ticket.id)], at=at)
    return Lent(partner, MergeId(pool.id))


async def queues_to_pull_from(work: Work, agent: Agent, department_id: DepartmentId) -> tuple[DepartmentId, ...]:
    """The department's queue, and its partner's with it while a pool makes them one.

    Refused: NotFound, and NotInDepartment and AgentUnavailable where the agent serves neither or takes no work now.
    """
    pool = await pool_of(work, department_id)
    partner = pool.partner_of(department_id) if pool is not None else None
    is_lent = department_id not in agent.department_ids and partner in agent.department_ids
    agent.must_be_there(partner if is_lent and partner is not None else department_id)
    return (department_id,) if partner is None else (department_id, partner)
