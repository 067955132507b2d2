"""Commands on tickets. Wherever a ticket changes hands, the agent's stream changes in the same append."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from supportix.commands.actors import Actor, must_see, must_work_on
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.commands.known_departments import KnownDepartments
from supportix.commands.lending import lent_to
from supportix.commands.numbers import TicketNumbers
from supportix.commands.waiting import previous_agent
from supportix.domain.agent import Agent
from supportix.domain.demand import Demand
from supportix.domain.department import Department
from supportix.domain.errors import Forbidden, InvalidInput, NotFound
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket, TicketHasAgent, open_ticket
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, Status
from supportix.identity.roles import Permission, Role
from supportix.policies import POLICIES
from supportix.policies.assignment import nobody
from supportix.routing.book import Request
from supportix.routing.router import Router
from supportix.store.committer import Command
from supportix.store.errors import StaleVersion


class OpenTicket(msgspec.Struct, frozen=True, kw_only=True):
    """Open a ticket for a requester; where neither department nor request type is named, routing decides."""

    subject: str
    description: str
    requester_id: CustomerId
    priority: Priority
    channel: Channel
    tags: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    department_id: DepartmentId | None = None
    request_type: str | None = None


class TicketCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done with one ticket; refused where `expected_version` is given and isn't the present one."""

    ticket_id: TicketId
    expected_version: int | None = None


class AssignTicket(TicketCommand, frozen=True, kw_only=True):
    """`force`: whatever the agent's capacity and skills are, for `reason`."""

    agent_id: AgentId
    force: bool = False
    reason: str = ""


class ReassignTicket(AssignTicket, frozen=True, kw_only=True):
    """From the agent who has it to another one, in one step."""


class UnassignTicket(TicketCommand, frozen=True, kw_only=True):
    reason: str = ""


class TransferTicket(TicketCommand, frozen=True, kw_only=True):
    department_id: DepartmentId
    reason: str = ""


class StartWork(TicketCommand, frozen=True, kw_only=True):
    pass


class AwaitCustomer(TicketCommand, frozen=True, kw_only=True):
    pass


class CustomerAnswered(TicketCommand, frozen=True, kw_only=True):
    pass


class ResolveTicket(TicketCommand, frozen=True, kw_only=True):
    resolution: str = ""


class CloseTicket(TicketCommand, frozen=True, kw_only=True):
    reason: str = ""


class ReopenTicket(TicketCommand, frozen=True, kw_only=True):
    reason: str = ""


class ChangePriority(TicketCommand, frozen=True, kw_only=True):
    priority: Priority


class DecideOnTags(TicketCommand, frozen=True, kw_only=True):
    """On some of the tags that a model suggested."""

    tags: tuple[str, ...]


class AcceptTags(DecideOnTags, frozen=True, kw_only=True):
    pass


class DismissTags(DecideOnTags, frozen=True, kw_only=True):
    pass


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


class UnknownAgent(InvalidInput):
    """There is no such agent."""


class Tickets:
    """Carries out commands on tickets."""

    def __init__(
        self, desk: SupportDesk, numbers: TicketNumbers, departments: KnownDepartments, router: Router
    ) -> None:
        self._desk = desk
        self._numbers = numbers
        self._departments = departments
        self._router = router

    async def open(self, command: OpenTicket, actor: Actor, envelope: Command, *, at: datetime) -> Outcome:
        """Refused: Forbidden, UnknownDepartment, UnknownRequestType, RequestTypeElsewhere, SubjectMissing."""
        actor.must_have(Permission.TICKETS_OPEN)
        routed = await self._router.route(_request(command), tags=command.tags)
        department = await self._departments.get(routed.decision.department_id)
        ticket = open_ticket(
            TicketId(uuid7()),
            number=await self._numbers.next(at.year),
            subject=command.subject,
            description=command.description,
            requester_id=command.requester_id,
            priority=command.priority,
            channel=command.channel,
            tags=command.tags,
            department_id=routed.decision.department_id,
            step=routed.decision.step,
            evidence=routed.decision.evidence,
            suggested=routed.suggestion(at=at),
            demand=department.demand(
                command.priority,
                command.channel,
                since=at,
                skills=command.skills,
                preferred_agent_id=await self._previous_agent(department, command.requester_id),
            ),
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

    async def _previous_agent(self, department: Department, requester_id: CustomerId) -> AgentId | None:
        """Whoever last had a ticket of this customer in the department, where its policy goes by that."""
        policy = POLICIES.get(department.policy)
        if policy is None or policy.preferred is nobody:
            return None
        return await previous_agent(self._desk.pool, requester_id, department.id)

    async def _demand(
        self, ticket: Ticket, department_id: UUID, priority: Priority, *, since: datetime, preferred: AgentId | None
    ) -> Demand:
        """What the ticket asks for in a department, on its present terms."""
        department = await self._departments.get(department_id)
        return department.demand(
            priority, ticket.channel, since=since, skills=ticket.demand.skills, preferred_agent_id=preferred
        )

    async def _assign(self, work: Work, ticket: Ticket, command: AssignTicket, actor: Actor, at: datetime) -> None:
        takes_it_on = actor.role is Role.AGENT and command.agent_id == actor.id
        actor.must_have(Permission.TICKETS_WORK if takes_it_on else Permission.TICKETS_ASSIGN)
        if command.force:
            actor.must_have(Permission.TICKETS_FORCE)
        try:
            agent = await work.load(Agent, command.agent_id)
        except NotFound:
            raise UnknownAgent(f"no agent has the id {command.agent_id}") from None
        ticket.assign(command.agent_id, at=at, by=AssignedBy.PERSON)
        ticket_id, department_id, requirement = TicketId(ticket.id), ticket.department_id, ticket.demand.requirement
        lent = await lent_to(work, agent, ticket, at=at)
        if command.force and agent.obstacle(requirement) is not None:
            agent.force(ticket_id, department_id, at=at, requirement=requirement, lent=lent, reason=command.reason)
        else:
            agent.reserve(ticket_id, department_id, at=at, requirement=requirement, lent=lent)

    async def _reassign(self, work: Work, ticket: Ticket, command: ReassignTicket, actor: Actor, at: datetime) -> None:
        actor.must_have(Permission.TICKETS_ASSIGN)
        holder = ticket.agent_id
        if holder == command.agent_id:
            raise TicketHasAgent(f"ticket {ticket.number} is with agent {holder} already; name another one")
        ticket.unassign(reason=command.reason, at=at)
        await _release(work, holder, ticket, at)
        await self._assign(work, ticket, command, actor, at)

    async def _unassign(self, work: Work, ticket: Ticket, command: UnassignTicket, actor: Actor, at: datetime) -> None:
        if not actor.may(Permission.TICKETS_ASSIGN):
            must_work_on(actor, ticket)
        holder = ticket.agent_id
        ticket.unassign(reason=command.reason, at=at)
        await _release(work, holder, ticket, at)

    async def _transfer(self, work: Work, ticket: Ticket, command: TransferTicket, actor: Actor, at: datetime) -> None:
        actor.must_have(Permission.TICKETS_TRANSFER)
        holder = ticket.agent_id
        demand = await self._demand(
            ticket, command.department_id, ticket.priority, since=ticket.opened_at, preferred=None
        )
        ticket.transfer(command.department_id, reason=command.reason, at=at, demand=demand)
        await _release(work, holder, ticket, at)

    async def _start_work(self, _work: Work, ticket: Ticket, _: StartWork, actor: Actor, at: datetime) -> None:
        must_work_on(actor, ticket)
        ticket.start_work(at=at)

    async def _await_customer(self, _work: Work, ticket: Ticket, _: AwaitCustomer, actor: Actor, at: datetime) -> None:
        must_work_on(actor, ticket)
        ticket.await_customer(at=at)

    async def _customer_answered(
        self, _work: Work, ticket: Ticket, _: CustomerAnswered, actor: Actor, at: datetime
    ) -> None:
        if not (actor.may(Permission.TICKETS_ANSWER_OWN) and ticket.requester_id == actor.id):
            actor.must_have(Permission.TICKETS_WORK)
        ticket.customer_answered(at=at)

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
        demand = await self._demand(
            ticket, ticket.department_id, ticket.priority, since=at, preferred=ticket.last_agent_id
        )
        ticket.reopen(reason=command.reason, at=at, demand=demand)

    async def _prioritise(
        self, _work: Work, ticket: Ticket, command: ChangePriority, actor: Actor, at: datetime
    ) -> None:
        if actor.role is Role.CUSTOMER:
            raise Forbidden("permission 'tickets.prioritise' was expected; say in the ticket's text why it is urgent")
        if not actor.may(Permission.TICKETS_PRIORITISE):
            must_work_on(actor, ticket)
        now = ticket.demand
        demand = await self._demand(
            ticket,
            ticket.department_id,
            command.priority,
            since=ticket.opened_at,
            preferred=now.preferred_agent_id,
        )
        kept = msgspec.structs.replace(demand, returned=now.returned)
        ticket.change_priority(command.priority, at=at, demand=kept if kept != now else None)

    async def _accept_tags(self, _work: Work, ticket: Ticket, command: AcceptTags, actor: Actor, at: datetime) -> None:
        actor.must_have(Permission.TICKETS_WORK)
        ticket.accept_tags(command.tags, at=at)

    async def _dismiss_tags(
        self, _work: Work, ticket: Ticket, command: DismissTags, actor: Actor, at: datetime
    ) -> None:
        actor.must_have(Permission.TICKETS_WORK)
        ticket.dismiss_tags(command.tags, at=at)

    _steps: ClassVar[dict[type[TicketCommand], Callable[..., Awaitable[None]]]] = {
        AssignTicket: _assign,
        ReassignTicket: _reassign,
        UnassignTicket: _unassign,
        TransferTicket: _transfer,
        StartWork: _start_work,
        AwaitCustomer: _await_customer,
        CustomerAnswered: _customer_answered,
        ResolveTicket: _resolve,
        CloseTicket: _close,
        ReopenTicket: _reopen,
        ChangePriority: _prioritise,
        AcceptTags: _accept_tags,
        DismissTags: _dismiss_tags,
    }


def _request(command: OpenTicket) -> Request:
    return Request(
        subject=command.subject,
        description=command.description,
        requester_id=command.requester_id,
        channel=command.channel,
        department_id=command.department_id,
        request_type=command.request_type,
    )


async def _release(work: Work, holder: AgentId | None, ticket: Ticket, at: datetime) -> None:
    if holder is not None:
        agent = await work.load(Agent, holder)
        agent.release(TicketId(ticket.id), at=at)
