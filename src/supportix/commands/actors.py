"""Who sends a command, and what that person may do with a given ticket."""

from uuid import UUID

import msgspec

from supportix.domain.agent import Agent
from supportix.domain.errors import Forbidden, NotFound
from supportix.domain.ticket import Ticket
from supportix.identity.roles import PERMISSIONS, Permission, Role


class Actor(msgspec.Struct, frozen=True):
    """The sender. For agents, `id` is also the id of their Agent stream."""

    id: UUID
    role: Role

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]

    def must_have(self, permission: Permission) -> None:
        """Refused: Forbidden, naming the permission."""
        if not self.may(permission):
            raise Forbidden(f"permission {permission.value!r} was expected; role {self.role.value!r} doesn't have it")


def must_see(actor: Actor, ticket: Ticket, agent: Agent | None) -> None:
    """Refused: NotFound. Whoever may not see a ticket isn't told that it exists. `agent`: the actor's, if it is one."""
    if actor.may(Permission.TICKETS_READ_ALL):
        return
    if actor.may(Permission.TICKETS_READ_OWN) and ticket.requester_id == actor.id:
        return
    if agent is not None and (ticket.department_id in agent.department_ids or ticket.agent_id == agent.id):
        return
    raise NotFound(f"no ticket has the id {ticket.id}")


def must_work_on(actor: Actor, ticket: Ticket) -> None:
    """Refused: Forbidden. Agents work on what they hold; supervisors on everything."""
    actor.must_have(Permission.TICKETS_WORK)
    if actor.role is Role.AGENT and ticket.agent_id != actor.id:
        raise Forbidden(
            f"ticket {ticket.number} is not with you; the agent who holds it, or a supervisor, was expected"
        )
