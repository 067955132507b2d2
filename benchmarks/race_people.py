"""The people of a race: each a process with a core of its own, who sends one command after the other until time is up.

They look at a ticket and do what its state suggests, while everybody else does the same. A careless one breaks one rule
on purpose, so that the race can be shown to be found out:

    reservation   gives a ticket to an agent without reserving the agent's capacity
    capacity      reserves on an agent without looking how much it holds already
    claim         gives away a ticket that somebody holds
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import ClassVar, NamedTuple
from uuid import UUID, uuid4

import uvloop
from psycopg_pool import PoolTimeout

from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.actors import Actor
from supportix.commands.desk import Work
from supportix.commands.tickets import (
    AssignTicket,
    OpenTicket,
    ReassignTicket,
    ReopenTicket,
    ResolveTicket,
    TicketAnswer,
    TicketCommand,
    TransferTicket,
    UnassignTicket,
)
from supportix.domain.agent import Agent, Availability, WorkReserved
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, Status
from supportix.identity.roles import Role
from supportix.settings import Settings
from supportix.store.committer import Command

CARELESS = ("reservation", "capacity", "claim")
MOST_CAPACITY = 4
SKILL = "french"


class Place(NamedTuple):
    """What everybody races on."""

    url: str
    departments: list[UUID]
    agents: dict[UUID, set[UUID]]
    """With the departments that each serves."""
    tickets: list[UUID]


def person(place: Place, seed: int, careless: str | None, control: Connection) -> None:
    """The whole life of a process: says that it is ready, is told when to end, and says what it did."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_race(place, seed, careless, control))


async def _race(place: Place, seed: int, careless: str | None, control: Connection) -> None:
    async with open_core(Settings(database_url=place.url, pool_size=2)) as core:
        someone = Person(core, place, random.Random(seed), careless)
        await core.desk.reading.head()  # Connects.
        control.send("ready")
        ends = control.recv()
        while time.monotonic() < ends:
            try:
                await someone.act()
            except PoolTimeout:  # Where so many share a machine, a look at a ticket may take too long.
                someone.outcomes["look", "PoolTimeout"] += 1
        control.send(someone.outcomes)


class Person:
    """A supervisor and an admin in one, with nothing to lose."""

    def __init__(self, core: Core, place: Place, dice: random.Random, careless: str | None) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """(command, "done" or the name of its refusal) -> how often."""
        self._core = core
        self._place = place
        self._dice = dice
        self._careless = careless
        self._supervisor, self._admin = Actor(uuid4(), Role.SUPERVISOR), Actor(uuid4(), Role.ADMIN)

    async def act(self) -> None:
        """One thing to one ticket, or now and then to an agent, or a new ticket."""
        if self._careless is not None and self._dice.random() < 0.2:
            await self._count("careless", self._be_careless(self._careless))
            return
        chance = self._dice.random()
        if chance < 0.03:
            await self._open()
        elif chance < 0.10:
            await self._change_availability()
        elif chance < 0.14:
            await self._change_capacity()
        elif chance < 0.60:
            await self._move(self._dice.choice(self._place.tickets))
        else:
            agent = await self._core.desk.load(Agent, self._an_agent())
            if agent.work:
                await self._move(UUID(self._dice.choice(list(agent.work))))

    async def _move(self, ticket_id: UUID) -> None:
        ticket = await self._core.desk.load(Ticket, ticket_id)
        await self._send(self._move_of(ticket))

    def _an_agent(self, department_id: UUID | None = None) -> AgentId:
        """Any agent, or nearly always one who serves the department."""
        while True:
            agent_id = self._dice.choice(list(self._place.agents))
            if department_id in (None, *self._place.agents[agent_id]) or self._dice.random() < 0.02:
                return AgentId(agent_id)

    def _move_of(self, ticket: Ticket) -> TicketCommand:
        """What this ticket's state suggests; by the time that it is sent the ticket may have moved on."""
        ticket_id = TicketId(ticket.id)
        if ticket.status is Status.QUEUED:
            transfers = self._dice.random() < 0.1
            return self._transfer(ticket_id) if transfers else self._assign(ticket)
        if ticket.status in {Status.RESOLVED, Status.CLOSED}:
            return ReopenTicket(ticket_id=ticket_id)
        return self._dice.choice(
            (
                ResolveTicket(ticket_id=ticket_id),
                ResolveTicket(ticket_id=ticket_id),
                UnassignTicket(ticket_id=ticket_id),
                ReassignTicket(ticket_id=ticket_id, agent_id=self._an_agent(ticket.department_id)),
                ReassignTicket(ticket_id=ticket_id, agent_id=self._an_agent(ticket.department_id)),
                self._transfer(ticket_id),
                self._assign(ticket),
            )
        )

    def _assign(self, ticket: Ticket) -> AssignTicket:
        return AssignTicket(ticket_id=TicketId(ticket.id), agent_id=self._an_agent(ticket.department_id))

    def _transfer(self, ticket_id: TicketId) -> TransferTicket:
        return TransferTicket(
            ticket_id=ticket_id, department_id=DepartmentId(self._dice.choice(self._place.departments))
        )

    async def _send(self, command: TicketCommand) -> None:
        name = type(command).__name__
        await self._count(name, self._core.tickets.carry_out(command, self._supervisor, Command(), at=utc_now()))

    async def _open(self) -> None:
        customer = Actor(uuid4(), Role.CUSTOMER)
        command = OpenTicket(
            subject="No invoice",
            description="",
            requester_id=CustomerId(customer.id),
            priority=self._dice.choice(list(Priority)),
            channel=Channel.API,
            skills=self._dice.choice(((), (), (SKILL,))),
            department_id=DepartmentId(self._dice.choice(self._place.departments)),
        )
        await self._count("OpenTicket", self._core.tickets.open(command, customer, Command(), at=utc_now()))

    async def _change_availability(self) -> None:
        availability = self._dice.choice([Availability.ONLINE] * 4 + list(Availability))
        agent_id = self._an_agent()
        changing = self._core.agents.change_availability(
            agent_id, availability, self._admin, Command(), None, at=utc_now()
        )
        await self._count("ChangeAvailability", changing)

    async def _change_capacity(self) -> None:
        agent_id, capacity = self._an_agent(), self._dice.randint(1, MOST_CAPACITY)
        changing = self._core.agents.change_capacity(agent_id, capacity, self._admin, Command(), None, at=utc_now())
        await self._count("ChangeCapacity", changing)

    async def _count(self, name: str, sending: Awaitable[object]) -> None:
        try:
            await sending
        except (Refusal, PoolTimeout) as refusal:
            self.outcomes[name, type(refusal).__name__] += 1
        else:
            self.outcomes[name, "done"] += 1

    async def _be_careless(self, how: str) -> None:
        ticket_id, agent_id = self._dice.choice(self._place.tickets), self._an_agent()
        if how == "claim":
            held = (await self._core.desk.load(Agent, self._an_agent())).work
            ticket_id = UUID(self._dice.choice(list(held))) if held else ticket_id

        async def decide(work: Work) -> TicketAnswer:
            ticket, agent = await work.load(Ticket, ticket_id), await work.load(Agent, agent_id)
            self._mistakes[how](ticket, agent)
            return TicketAnswer.of(ticket)

        await self._core.desk.carry_out(Command(), decide)

    @staticmethod
    def _skip_the_reservation(ticket: Ticket, agent: Agent) -> None:
        ticket.assign(AgentId(agent.id), at=utc_now(), by=AssignedBy.PERSON)

    @staticmethod
    def _ignore_the_capacity(ticket: Ticket, agent: Agent) -> None:
        ticket.assign(AgentId(agent.id), at=utc_now(), by=AssignedBy.PERSON)
        agent.must_be_there(ticket.department_id)
        agent.record(
            WorkReserved(
                occurred_at=utc_now(),
                ticket_id=TicketId(ticket.id),
                department_id=ticket.department_id,
                weight=ticket.demand.weight,
            )
        )

    @staticmethod
    def _ignore_the_holder(ticket: Ticket, agent: Agent) -> None:
        fact = TicketAssigned(
            occurred_at=utc_now(),
            agent_id=AgentId(agent.id),
            department_id=ticket.department_id,
            assigned_by=AssignedBy.PERSON,
        )
        agent.reserve(TicketId(ticket.id), ticket.department_id, at=utc_now(), requirement=ticket.demand.requirement)
        ticket.record(fact)

    _mistakes: ClassVar[dict[str, Callable[[Ticket, Agent], None]]] = {
        "reservation": _skip_the_reservation,
        "capacity": _ignore_the_capacity,
        "claim": _ignore_the_holder,
    }
