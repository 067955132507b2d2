"""A desk in a database, brought into a state by sending commands as customers, agents, supervisors and admins do."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
import psycopg

from supportix.bootstrap import Core
from supportix.commands.actors import Actor
from supportix.commands.agents import AgentAnswer, RegisterAgent
from supportix.commands.departments import DepartmentAnswer
from supportix.commands.desk import Outcome
from supportix.commands.tickets import AssignTicket, OpenTicket, TicketAnswer, TicketCommand
from supportix.domain.agent import Availability
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket_words import Channel, Priority
from supportix.identity.roles import Role
from supportix.store.committer import Command

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ADMIN = Actor(UUID("00000000-0000-7000-8000-0000000000ad"), Role.ADMIN)
SUPERVISOR = Actor(UUID("00000000-0000-7000-8000-000000000050"), Role.SUPERVISOR)
AnswerT = TypeVar("AnswerT")


class Scene:
    """Sends commands to a core. Each happens a second after the one before."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._seconds = count()

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=next(self._seconds))

    async def department(self, name: str | None = None, policy: str = "round_robin") -> DepartmentId:
        outcome = await self.core.departments.create(name or f"D {uuid4()}", policy, ADMIN, Command(), at=self.now)
        return DepartmentId(answer(outcome, DepartmentAnswer).department_id)

    async def agent(self, *departments: DepartmentId, capacity: int = 2, online: bool = True) -> Actor:
        agent_id = AgentId(uuid4())
        registration = RegisterAgent(agent_id=agent_id, name="Anna Beck", department_ids=departments, capacity=capacity)
        await self.core.agents.register(registration, ADMIN, Command(), without_account, at=self.now)
        if online:
            await self.set_availability(agent_id, Availability.ONLINE)
        return Actor(agent_id, Role.AGENT)

    async def set_availability(self, agent_id: UUID, availability: Availability) -> AgentAnswer:
        outcome = await self.core.agents.change_availability(
            agent_id, availability, ADMIN, Command(), None, at=self.now
        )
        return answer(outcome, AgentAnswer)

    async def ticket(self, department: DepartmentId, customer: Actor | None = None) -> TicketAnswer:
        """A waiting ticket."""
        sender = customer or a_customer()
        command = opening(department, requester_id=CustomerId(sender.id))
        return answer(await self.core.tickets.open(command, sender, Command(), at=self.now), TicketAnswer)

    async def assigned_ticket(self, department: DepartmentId, agent: Actor) -> TicketAnswer:
        ticket = await self.ticket(department)
        return await self.send(AssignTicket(ticket_id=TicketId(ticket.ticket_id), agent_id=AgentId(agent.id)))

    async def send(self, command: TicketCommand, actor: Actor = SUPERVISOR) -> TicketAnswer:
        return answer(await self.core.tickets.carry_out(command, actor, Command(), at=self.now), TicketAnswer)


def opening(department: DepartmentId | None, **changes: Any) -> OpenTicket:
    details = {
        "subject": "No invoice",
        "description": "",
        "requester_id": CustomerId(uuid4()),
        "priority": Priority.NORMAL,
        "channel": Channel.API,
        "department_id": department,
    }
    return OpenTicket(**(details | changes))


def a_customer() -> Actor:
    return Actor(uuid4(), Role.CUSTOMER)


def answer(outcome: Outcome, kind: type[AnswerT]) -> AnswerT:
    return msgspec.json.decode(outcome.answer, type=kind)


async def without_account(_: psycopg.AsyncConnection[Any]) -> None:
    """Who logs in is of no interest here."""
