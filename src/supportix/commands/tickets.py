"""Commands on tickets. Wherever a ticket changes hands, the agent's stream changes in the same append."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from supportix.commands.actors import Actor, must_see, must_work_on
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.commands.lending import lent_to
from supportix.commands.numbers import TicketNumbers
from supportix.domain.agent import Agent
from supportix.domain.department import Department
from supportix.domain.errors import Forbidden, InvalidInput, NotFound
from supportix.domain.ids import TRIAGE_DEPARTMENT_ID, AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import AssignedBy, Channel, Priority, RoutingStep, Status, Ticket, open_ticket
from supportix.identity.roles import Permission, Role
from supportix.store.committer import Command
from supportix.store.errors import StaleVersion


class OpenTicket(msgspec.Struct, frozen=True, kw_only=True):
    """Open a ticket for a requester; without a department it goes to triage."""

    subject: str
    description: str
    requester_id: CustomerId
    priority: Priority
    channel: Channel
    tags: tuple[str, ...] = ()
    department_id: DepartmentId | None = None


class TicketCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done with one ticket; refused where `expected_version` is given and isn't the present one."""

    ticket_id: TicketId
    expected_version: int | None = None


class AssignTicket(TicketCommand, frozen=True, kw_only=True):
    agent_id: AgentId


class UnassignTicket(TicketCommand, frozen=True, kw_only=True):
    reason: str = ""


class TransferTicket(TicketCommand, frozen=True, kw_only=True):
    department_id: DepartmentId
    reason: str = ""


class StartWork(TicketCommand, frozen=True, kw_only=True):
    pass


class AwaitCustomer(TicketCommand, frozen=True, kw_only=True):
    pass


class ResolveTicket(TicketCommand, frozen=True, kw_only=True):
    resolution: str = ""


class CloseTicket(TicketCommand, frozen=True, kw_only=True):
    reason: str = ""


class ReopenTicket(TicketCommand, frozen=True, kw_only=True):
    reason: str = ""


class ChangePriority(TicketCommand, frozen=True, kw_only=True):
    priority: Priority


class TicketAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The ticket right after a command. `version` is what If-Match wants next."""

    ticket_id: UUID
    number: str
    status: Status
    priority: Priority
    department_id: UUID
    agent_id: UUID | None
    version: int

    @classmethod
    def of(cls, ticket: Ticket) -> "TicketAnswer":
        return cls(
            ticket_id=ticket.id,
            number=ticket.number,
            status=ticket.status,
            priority=ticket.priority,
            department_id=ticket.department_id,
            agent_id=ticket.agent_id,
            version=ticket.version,
        )


class UnknownDepartment(InvalidInput):
    """There is no such department."""


class UnknownAgent(InvalidInput):
    """There is no such agent."""


class Tickets:
    """Carries out commands on tickets."""

    def __init__(self, desk: SupportDesk, numbers: TicketNumbers) -> None:
        self._desk = desk
        self._numbers = numbers
        self._departments: set[UUID] = set()

    async def open(self, command: OpenTicket, actor: Actor, envelope: Command, *, at: datetime) -> Outcome:
        """Refused: Forbidden, UnknownDepartment, SubjectMissing."""
        actor.must_have(Permission.TICKETS_OPEN)
        department_id = command.department_id or TRIAGE_DEPARTMENT_ID
        await self.must_be_department(department_id)
        ticket = open_ticket(
            TicketId(uuid7()),
            number=await self._numbers.next(at.year),
            subject=command.subject,
            description=command.description,
            requester_id=command.requester_id,
            priority=command.priority,
            channel=command.channel,
            tags=command.tags,
            department_id=department_id,
            step=RoutingStep.TRIAGE if command.department_id is None else RoutingStep.REQUEST,
            at=at,
        )

        async def decide(work: Work) -> TicketAnswer:
            work.add(ticket)
            return TicketAnswer.of(ticket)

        return await self._desk.carry_out(envelope, decide, retry=False)

    async def carry_out(self, command: TicketCommand, actor: Actor, envelope: Command, *, at: datetime) -> Outcome:
        """Carry out any command on one ticket. Refused: NotFound, Forbidden, StaleVersion, and as the ticket says."""
        step = self._steps[type(command)]

        async def decide(work: Work) -> TicketAnswer:
            ticket = await work.load(Ticket, command.ticket_id)
            agent = await work.load(Agent, actor.id) if actor.role is Role.AGENT else None
            must_see(actor, ticket, agent)
            if command.expected_version not in (None, ticket.version):
                raise StaleVersion(f"version {command.expected_version} was expected, it is {ticket.version} now")
            await step(self, work, ticket, command, actor, at)
            return TicketAnswer.of(ticket)

        return await self._desk.carry_out(envelope, decide, retry=True)

    async def must_be_department(self, department_id: UUID) -> None:
        """Refused: UnknownDepartment. Departments never vanish, so a known one needs no second look."""
        if department_id in self._departments:
            return
        try:
            await self._desk.load(Department, department_id)
        except NotFound:
            unknown = f"no department has the id {department_id}; list them to see which there are"
            raise UnknownDepartment(unknown) from None
        self._departments.add(department_id)

    async def _assign(self, work: Work, ticket: Ticket, command: AssignTicket, actor: Actor, at: datetime) -> None:
        takes_it_on = actor.role is Role.AGENT and command.agent_id == actor.id
        actor.must_have(Permission.TICKETS_WORK if takes_it_on else Permission.TICKETS_ASSIGN)
        try:
            agent = await work.load(Agent, command.agent_id)
        except NotFound:
            raise UnknownAgent(f"no agent has the id {command.agent_id}") from None
        ticket.assign(command.agent_id, at=at, by=AssignedBy.PERSON)
        lent = await lent_to(work, agent, ticket, at=at)
        agent.reserve(TicketId(ticket.id), ticket.department_id, at=at, lent=lent)

    async def _unassign(self, work: Work, ticket: Ticket, command: UnassignTicket, actor: Actor, at: datetime) -> None:
        if not actor.may(Permission.TICKETS_ASSIGN):
            must_work_on(actor, ticket)
        holder = ticket.agent_id
        ticket.unassign(reason=command.reason, at=at)
        await _release(work, holder, ticket, at)

    async def _transfer(self, work: Work, ticket: Ticket, command: TransferTicket, actor: Actor, at: datetime) -> None:
        actor.must_have(Permission.TICKETS_TRANSFER)
        await self.must_be_department(command.department_id)
        holder = ticket.agent_id
        ticket.transfer(command.department_id, reason=command.reason, at=at)
        await _release(work, holder, ticket, at)

    async def _start_work(self, _work: Work, ticket: Ticket, _: StartWork, actor: Actor, at: datetime) -> None:
        must_work_on(actor, ticket)
        ticket.start_work(at=at)

    async def _await_customer(self, _work: Work, ticket: Ticket, _: AwaitCustomer, actor: Actor, at: datetime) -> None:
        must_work_on(actor, ticket)
        ticket.await_customer(at=at)

    async def _resolve(self, work: Work, ticket: Ticket, command: ResolveTicket, actor: Actor, at: datetime) -> None:
        must_work_on(actor, ticket)
        holder = ticket.agent_id
        ticket.resolve(resolution=command.resolution, at=at)
        await _release(work, holder, ticket, at)

    async def _close(self, _work: Work, ticket: Ticket, command: CloseTicket, actor: Actor, at: datetime) -> None:
        if not (actor.may(Permission.TICKETS_CLOSE_OWN) and ticket.requester_id == actor.id):
            actor.must_have(Permission.TICKETS_WORK)
        ticket.close(reason=command.reason, at=at)

    async def _reopen(self, _work: Work, ticket: Ticket, command: ReopenTicket, actor: Actor, at: datetime) -> None:
        if not (actor.may(Permission.TICKETS_REOPEN_OWN) and ticket.requester_id == actor.id):
            actor.must_have(Permission.TICKETS_WORK)
        ticket.reopen(reason=command.reason, at=at)

    async def _prioritise(
        self, _work: Work, ticket: Ticket, command: ChangePriority, actor: Actor, at: datetime
    ) -> None:
        if actor.role is Role.CUSTOMER:
            raise Forbidden("permission 'tickets.prioritise' was expected; say in the ticket's text why it is urgent")
        if not actor.may(Permission.TICKETS_PRIORITISE):
            must_work_on(actor, ticket)
        ticket.change_priority(command.priority, at=at)

    _steps: ClassVar[dict[type[TicketCommand], Callable[..., Awaitable[None]]]] = {
        AssignTicket: _assign,
        UnassignTicket: _unassign,
        TransferTicket: _transfer,
        StartWork: _start_work,
        AwaitCustomer: _await_customer,
        ResolveTicket: _resolve,
        CloseTicket: _close,
        ReopenTicket: _reopen,
        ChangePriority: _prioritise,
    }


async def _release(work: Work, holder: AgentId | None, ticket: Ticket, at: datetime) -> None:
    if holder is not None:
        agent = await work.load(Agent, holder)
        agent.release(TicketId(ticket.id), at=at)
