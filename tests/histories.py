"""Random histories: a small support desk on which any sequence of steps is tried, and the log that comes of it.

Decisions are those of the domain; what it refuses leaves no trace, as in real life.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple, TypeVar
from uuid import UUID

from hypothesis import strategies as st

from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.aggregate import Aggregate, DomainEvent
from supportix.domain.department import Department, create_department
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import AssignedBy, Channel, Priority, RoutingStep, Status, Ticket, open_ticket
from supportix.policies import POLICIES
from supportix.policies.dispatch import DispatchBoard

START = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
WORDS = ("Printer", "", "Größe 3 ½", "「請求書」", 'quote " and \\ and \\u0000', "null", "{}", "tab\tand\nline", "🧾")
AggregateT = TypeVar("AggregateT", bound=Aggregate)


class Step(NamedTuple):
    """Something to try; the numbers choose on what, modulo what there is."""

    name: str
    which: int
    what: int
    minutes: int


class Desk:
    """All aggregates as they stand, the events that led there, and a dispatch board that followed them."""

    def __init__(self) -> None:
        self.now = START
        self.log: list[DomainEvent] = []
        self.commands: list[list[DomainEvent]] = []
        self.state: dict[UUID, Aggregate] = {}
        self.board = DispatchBoard()
        self._ids = (UUID(int=number) for number in count(0x1000))

    def all(self, kind: type[AggregateT]) -> list[AggregateT]:
        return [each for each in self.state.values() if isinstance(each, kind)]

    def pick(self, kind: type[AggregateT], number: int) -> AggregateT | None:
        """A copy to decide on; None while there is none of the kind."""
        all_of = self.all(kind)
        return all_of[number % len(all_of)].copy() if all_of else None

    def new_id(self) -> UUID:
        return next(self._ids)

    def attempt(self, step: Step) -> None:
        """Carry the step out, unless there is nothing to do it with or the domain refuses it."""
        self.now += timedelta(minutes=step.minutes)
        try:
            self.save(_STEPS[step.name](self, step))
        except Refusal:
            return

    def save(self, events: Sequence[DomainEvent]) -> None:
        """Append the events of one command."""
        for event in events:
            self.state[event.originator_id] = event.mutate(self.state.get(event.originator_id))
            self.log.append(event)
            self.board.fold(len(self.log), event)
        if events:
            self.commands.append(list(events))


def staffed_desk(*, departments: int = 2, agents: int = 3, capacity: int = 2) -> Desk:
    """A desk of which half the agents serve two departments, all of them online."""
    desk = Desk()
    for number in range(departments):
        desk.save(_found(desk, Step("found department", number, number, 0)))
    ids = [DepartmentId(each.id) for each in desk.all(Department)]
    for number in range(agents):
        serves = (ids[number % departments], ids[0]) if number % 2 else (ids[number % departments],)
        agent = register_agent(
            AgentId(desk.new_id()), name=f"Agent {number}", department_ids=serves, capacity=capacity, at=desk.now
        )
        desk.save(agent.change_availability(Availability.ONLINE, at=desk.now).collect_events())
    return desk


def history(steps: Sequence[Step], **staff: int) -> Desk:
    desk = staffed_desk(**staff)
    for step in steps:
        desk.attempt(step)
    return desk


def _found(desk: Desk, step: Step) -> list[DomainEvent]:
    policy = sorted(POLICIES)[step.what % len(POLICIES)]
    name = f"Department {len(desk.all(Department))}"
    return list(create_department(DepartmentId(desk.new_id()), name=name, policy=policy, at=desk.now).collect_events())


def _open(desk: Desk, step: Step) -> list[DomainEvent]:
    department = desk.pick(Department, step.which)
    ticket = open_ticket(
        TicketId(desk.new_id()),
        number=f"SUP-2026-{len(desk.log):06}",
        subject=f"No {step.what}",
        description=WORDS[step.what % len(WORDS)],
        requester_id=CustomerId(UUID(int=step.what)),
        priority=list(Priority)[step.what % len(Priority)],
        channel=list(Channel)[step.what % len(Channel)],
        tags=WORDS[: step.what % 4],
        department_id=DepartmentId(department.id),
        step=RoutingStep.REQUEST,
        at=desk.now,
        external_reference=WORDS[step.what % len(WORDS)] or None,
    )
    return list(ticket.collect_events())


def _distribute(desk: Desk, step: Step) -> list[DomainEvent]:
    decisions = desk.board.decide(desk.board.ready(), at=desk.now, by=AssignedBy.POLICY, limit=step.what + 1)
    return desk.board.events_of(decisions, at=desk.now)


def _assign(desk: Desk, step: Step) -> list[DomainEvent]:
    ticket, agent = desk.pick(Ticket, step.which), desk.pick(Agent, step.what)
    if ticket is None or agent is None:
        return []
    ticket.assign(AgentId(agent.id), at=desk.now, by=AssignedBy.PERSON)
    agent.reserve(TicketId(ticket.id), ticket.department_id, at=desk.now)
    return [*ticket.collect_events(), *agent.collect_events()]


def _on_ticket(decide: Callable[[Desk, Ticket, Step], Ticket]) -> Callable[[Desk, Step], list[DomainEvent]]:
    """A step on a ticket, which its agent lets go of where the ticket leaves it."""

    def carry_out(desk: Desk, step: Step) -> list[DomainEvent]:
        ticket = desk.pick(Ticket, step.which)
        if ticket is None:
            return []
        holder = ticket.agent_id
        events = list(decide(desk, ticket, step).collect_events())
        if holder is not None and ticket.agent_id is None:
            agent = desk.state[holder].copy()
            events += agent.release(TicketId(ticket.id), at=desk.now).collect_events()
        return events

    return carry_out


def _on_agent(decide: Callable[[Desk, Agent, Step], Agent]) -> Callable[[Desk, Step], list[DomainEvent]]:
    def carry_out(desk: Desk, step: Step) -> list[DomainEvent]:
        agent = desk.pick(Agent, step.which)
        return list(decide(desk, agent, step).collect_events()) if agent else []

    return carry_out


def _on_department(
    decide: Callable[[Desk, Department, Step], Department],
) -> Callable[[Desk, Step], list[DomainEvent]]:
    def carry_out(desk: Desk, step: Step) -> list[DomainEvent]:
        department = desk.pick(Department, step.which)
        return list(decide(desk, department, step).collect_events()) if department else []

    return carry_out


def _some_departments(desk: Desk, step: Step) -> tuple[DepartmentId, ...]:
    return tuple(
        DepartmentId(each.id) for n, each in enumerate(desk.all(Department)) if step.what & (1 << n) or n == step.what
    )


def _register(desk: Desk, step: Step) -> list[DomainEvent]:
    agent = register_agent(
        AgentId(desk.new_id()),
        name=WORDS[step.what % len(WORDS)],
        department_ids=_some_departments(desk, step),
        capacity=step.which,
        at=desk.now,
    )
    return list(agent.collect_events())


_STEPS: dict[str, Callable[[Desk, Step], list[DomainEvent]]] = {
    "open": _open,
    "distribute": _distribute,
    "assign": _assign,
    "unassign": _on_ticket(lambda desk, ticket, _: ticket.unassign(reason="", at=desk.now)),
    "transfer": _on_ticket(
        lambda desk, ticket, step: ticket.transfer(
            DepartmentId(desk.pick(Department, step.what).id), reason="", at=desk.now
        )
    ),
    "start": _on_ticket(lambda desk, ticket, _: ticket.start_work(at=desk.now)),
    "await": _on_ticket(lambda desk, ticket, _: ticket.await_customer(at=desk.now)),
    "resolve": _on_ticket(
        lambda desk, ticket, step: ticket.resolve(resolution=WORDS[step.what % len(WORDS)], at=desk.now)
    ),
    "close": _on_ticket(lambda desk, ticket, _: ticket.close(reason="", at=desk.now)),
    "reopen": _on_ticket(lambda desk, ticket, _: ticket.reopen(reason="", at=desk.now)),
    "prioritise": _on_ticket(
        lambda desk, ticket, step: ticket.change_priority(list(Priority)[step.what % len(Priority)], at=desk.now)
    ),
    "register agent": _register,
    "availability": _on_agent(
        lambda desk, agent, step: agent.change_availability(
            list(Availability)[step.what % len(Availability)], at=desk.now
        )
    ),
    "capacity": _on_agent(lambda desk, agent, step: agent.change_capacity(step.what % 4, at=desk.now)),
    "departments": _on_agent(
        lambda desk, agent, step: agent.change_departments(_some_departments(desk, step), at=desk.now)
    ),
    "found department": _found,
    "rename": _on_department(lambda desk, department, step: department.rename(f"Renamed {step.what}", at=desk.now)),
    "policy": _on_department(
        lambda desk, department, step: department.change_policy(
            sorted(POLICIES)[step.what % len(POLICIES)], at=desk.now
        )
    ),
    "pause": _on_department(lambda desk, department, _: department.pause_assignment(reason="", at=desk.now)),
    "resume": _on_department(lambda desk, department, _: department.resume_assignment(at=desk.now)),
}

_OFTEN = ["open"] * 9 + ["distribute"] * 4 + ["resolve"] * 6 + ["assign"] * 3 + ["availability", "reopen"] * 2
_STEP = st.builds(
    Step, st.sampled_from(_OFTEN + sorted(_STEPS)), st.integers(0, 7), st.integers(0, 7), st.sampled_from((0, 1, 7))
)

STEPS = st.one_of(st.lists(_STEP, max_size=12), st.lists(_STEP, min_size=40, max_size=80))
"""Any sequence of steps, a few or many; tickets come and go more often than departments."""


def queue(desk: Desk, department_id: UUID) -> list[Ticket]:
    """The waiting tickets of a department in the order in which they are served, found without a board."""
    waiting = [
        each for each in desk.all(Ticket) if each.status is Status.QUEUED and each.department_id == department_id
    ]
    return sorted(waiting, key=lambda ticket: (ticket.priority.rank, ticket.opened_at, ticket.id.int))
