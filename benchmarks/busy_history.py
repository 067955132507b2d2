"""A desk's history of any length, made by the domain's own decisions.

Each ticket is opened, given to an agent with reasons, worked, answered, resolved and closed, while hundreds of others
are on their way.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from supportix.commands.desk import stored
from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.aggregate import Aggregate, DomainEvent
from supportix.domain.department import create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket, open_ticket
from supportix.domain.ticket_facts import ConsideredAgent, Reasons
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep
from supportix.store.committer import Command, GroupCommitter, NewEvent

DEPARTMENTS, AGENTS, CUSTOMERS = 10, 200, 1_000
OPEN_AT_ONCE = 400
EVENTS_PER_TICKET = 9
CHUNK_EVENTS = 4_000
START = datetime(2024, 1, 1, 8, tzinfo=UTC)
DESCRIPTION = "It happens since Monday, on two machines, with the newest version. Restarting did not help. " * 2
_STEPS = ((0, "assign"), (10, "start"), (120, "ask"), (200, "start"), (300, "resolve"), (OPEN_AT_ONCE - 1, "close"))


class BusyHistory:
    """Events in the log's order. `seed` keeps the streams of several histories apart."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._departments = [DepartmentId(self._id(1, n)) for n in range(DEPARTMENTS)]
        self._agents: list[Agent] = []
        self._tickets: deque[Ticket] = deque(maxlen=OPEN_AT_ONCE)
        self._opened = 0

    def events(self, count: int) -> Iterator[NewEvent]:
        """At least so many; the agents and departments come first."""
        made = 0
        for event in self._setting() if not self._agents else ():
            made += 1
            yield stored(event)
        while made < count:
            for event in self._next():
                made += 1
                yield stored(event)

    def _setting(self) -> Iterator[DomainEvent]:
        for n, department_id in enumerate(self._departments):
            name = f"Department {self._seed}.{n}"
            yield from create_department(department_id, name=name, policy="least_busy", at=START).collect_events()
        for n in range(AGENTS):
            agent = register_agent(
                AgentId(self._id(2, n)),
                name=f"Agent {n}",
                department_ids=(self._departments[n % DEPARTMENTS],),
                capacity=100,
                at=START,
            ).change_availability(Availability.ONLINE, at=START)
            self._agents.append(agent)
            yield from agent.collect_events()

    def _next(self) -> Iterator[DomainEvent]:
        """One more ticket opens, and some that are open move on."""
        n = self._opened
        at = START + timedelta(seconds=30 * n)
        self._opened += 1
        ticket = open_ticket(
            TicketId(self._id(3, n)),
            number=f"SUP-2024-{self._seed}{n:07}",
            subject="Printer is on fire",
            description=DESCRIPTION,
            requester_id=CustomerId(UUID(int=n % CUSTOMERS)),
            priority=list(Priority)[n % 4],
            channel=Channel.EMAIL,
            tags=("printer",),
            department_id=self._departments[n % DEPARTMENTS],
            step=RoutingStep.REQUEST,
            at=at,
        )
        self._tickets.append(ticket)
        yield from ticket.collect_events()
        for age, step in _STEPS:
            if age < len(self._tickets):
                number = n - age
                yield from self._move_on(self._tickets[-1 - age], self._agents[number % AGENTS], step, at)

    def _move_on(self, ticket: Ticket, agent: Agent, step: str, at: datetime) -> Iterator[DomainEvent]:
        also: tuple[Aggregate, ...] = ()
        if step == "assign":
            agent.reserve(TicketId(ticket.id), ticket.department_id, at=at)
            ticket.assign(AgentId(agent.id), at=at, by=AssignedBy.POLICY, reasons=self._reasons(agent))
            also = (agent,)
        elif step == "start":
            ticket.start_work(at=at)
        elif step == "ask":
            ticket.await_customer(at=at)
        elif step == "resolve":
            ticket.resolve(resolution="It was unplugged.", at=at)
            agent.release(TicketId(ticket.id), at=at)
            also = (agent,)
        else:
            ticket.close(reason="no answer", at=at)
        for aggregate in (ticket, *also):
            yield from aggregate.collect_events()

    def _reasons(self, agent: Agent) -> Reasons:
        return Reasons(
            policy="least_busy",
            policy_version=1,
            based_on=max(1, self._opened),
            eligible=20,
            candidates=tuple(
                ConsideredAgent(AgentId(each.id), each.open_work, each.capacity, 1)
                for each in (agent, *self._agents[:4])
            ),
            excluded={"offline": 3},
            tie_break="equal load; longest since a turn",
        )

    def _id(self, kind: int, n: int) -> UUID:
        """Looks like a UUIDv7; its last byte varies as theirs do."""
        mixed = (n * 0x9E3779B97F4A7C15 ^ self._seed << 40 ^ kind << 52) & (1 << 62) - 1
        return UUID(int=(n + 1 + (kind << 44)) << 80 | 7 << 76 | 0b10 << 62 | mixed)


async def append_history(committer: GroupCommitter, history: BusyHistory, count: int) -> int:
    """Write at least so many events, as an import does; returns how many."""
    written = 0
    chunk: list[NewEvent] = []
    for event in history.events(count):
        chunk.append(event)
        if len(chunk) >= CHUNK_EVENTS:
            written += len(chunk)
            await committer.append(chunk, Command())
            chunk = []
    if chunk:
        written += len(chunk)
        await committer.append(chunk, Command())
    return written
