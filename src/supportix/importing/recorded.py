"""Mode `recorded`: the history's own steps, one for one. Its assignments keep their agents, as policy `imported`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from operator import itemgetter

from supportix.domain.ids import AgentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import ConsideredAgent, Reasons
from supportix.domain.ticket_words import AssignedBy, Priority
from supportix.importing.identities import Identities
from supportix.importing.setting import IMPORTED_POLICY, agent_of
from supportix.importing.staffing import timeline
from supportix.importing.steps import (
    AssignedTo,
    Closed,
    MovedToDepartment,
    PriorityChanged,
    Reopened,
    Resolved,
    Step,
    TicketHistory,
    Unassigned,
    WaitingOnCustomer,
)
from supportix.importing.tickets import Openings
from supportix.importing.writer import ChunkWriter


class Recorded:
    """Writes each step as the events that it was."""

    def __init__(self, writer: ChunkWriter, identities: Identities, openings: Openings) -> None:
        self._writer = writer
        self._identities = identities
        self._openings = openings
        self._tickets: dict[str, Ticket] = {}
        self._steps_left: dict[str, int] = {}

    async def write(self, histories: Sequence[TicketHistory], done: Callable[[int], None]) -> None:
        """Write all; `done` is told how many steps are written, openings among them."""
        numbers = self._openings.number_all(histories)
        for count, (_, history, step) in enumerate(_in_order(histories), 1):
            if step is None:
                self._open(history, numbers[history.number])
            else:
                self._take(history, step)
            await self._writer.flush_when_full()
            if count % 1_000 == 0:
                done(count)

    def _open(self, history: TicketHistory, number: str) -> None:
        ticket = self._openings.open(history, number, self._identities.department(history.department))
        self._writer.record(ticket)
        if history.steps:
            self._tickets[history.number] = ticket
            self._steps_left[history.number] = len(history.steps)

    def _take(self, history: TicketHistory, step: Step) -> None:
        self._apply(self._tickets[history.number], step)
        self._steps_left[history.number] -= 1
        if self._steps_left[history.number] == 0:
            del self._tickets[history.number], self._steps_left[history.number]

    def _apply(self, ticket: Ticket, step: Step) -> None:
        at = step.at
        match step:
            case AssignedTo(agent=name):
                self._assign(ticket, self._identities.agent(name), at)
            case Unassigned():
                self._give_back(ticket, lambda: ticket.unassign(reason="", at=at), at)
            case MovedToDepartment(department=name):
                department_id = self._identities.department(name)
                self._give_back(ticket, lambda: ticket.transfer(department_id, reason="", at=at), at)
            case Resolved():
                self._give_back(ticket, lambda: ticket.resolve(resolution="", at=at), at)
            case Reopened():
                agent_id = ticket.last_agent_id
                self._writer.record(ticket.reopen(reason="", at=at, within=None))
                if step.agent is not None and agent_id is not None:
                    self._assign(ticket, agent_id, at)
            case _:
                self._writer.record(_in_place(ticket, step))

    def _assign(self, ticket: Ticket, agent_id: AgentId, at: datetime) -> None:
        agent = agent_of(self._writer, agent_id)
        reasons = Reasons(
            policy=IMPORTED_POLICY,
            policy_version=1,
            based_on=self._writer.based_on,
            eligible=1,
            candidates=(ConsideredAgent(agent_id, agent.open_work, agent.capacity, 0),),
        )
        ticket.assign(agent_id, at=at, by=AssignedBy.HISTORY, reasons=reasons)
        self._writer.record(ticket, agent.reserve(TicketId(ticket.id), ticket.department_id, at=at))

    def _give_back(self, ticket: Ticket, change: Callable[[], Ticket], at: datetime) -> None:
        holder = ticket.agent_id
        change()
        if holder is None:
            self._writer.record(ticket)
        else:
            self._writer.record(ticket, agent_of(self._writer, holder).release(TicketId(ticket.id), at=at))


def _in_place(ticket: Ticket, step: Step) -> Ticket:
    """A step that leaves the ticket with whoever has it."""
    match step:
        case WaitingOnCustomer():
            return ticket.await_customer(at=step.at)
        case Closed():
            return ticket.close(reason="", at=step.at)
        case PriorityChanged(priority=priority):
            return ticket.change_priority(Priority(priority), at=step.at)
        case _:
            return ticket.start_work(at=step.at)


def _in_order(histories: Sequence[TicketHistory]) -> Iterator[tuple[datetime, TicketHistory, Step | None]]:
    """Openings and steps by time; at the same instant, openings first."""
    openings = ((history.opened_at, history, None) for history in sorted(histories, key=lambda each: each.opened_at))
    steps = ((step.at, history, step) for history, step in timeline(histories))
    return merge(openings, steps, key=itemgetter(0))
