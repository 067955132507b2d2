"""Mode `replayed`: the history's tickets at the times they came, given out by our policy.

A discrete-event simulation: tickets arrive as in the log, in the department in which the log ended them; agents,
capacities and handle times are the log's; who gets which ticket, and when, is the policy's. In a department that the
log knows no agent of, tickets end as they did there.
"""

import heapq
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from supportix.domain.aggregate import DomainEvent
from supportix.domain.ids import TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.importing.identities import Identities
from supportix.importing.setting import agent_of
from supportix.importing.staffing import Staffing
from supportix.importing.steps import Closed, Resolved, TicketHistory, situations
from supportix.importing.tickets import Openings
from supportix.importing.writer import ChunkWriter

_ARRIVAL, _RESOLUTION, _CLOSING = 2, 0, 1  # At the same instant: what frees an agent first, then what wants one.
DECISIONS_AT_ONCE = 1_000


class Replayed:
    """Runs the simulation and writes its events."""

    def __init__(
        self,
        writer: ChunkWriter,
        identities: Identities,
        openings: Openings,
        staffing: Staffing,
        until: datetime | None = None,
    ) -> None:
        self._writer = writer
        self._identities = identities
        self._openings = openings
        self._staffing = staffing
        self._until = until
        self._agenda: list[tuple[datetime, int, int]] = []
        self._histories: Sequence[TicketHistory] = ()
        self._open: dict[UUID, tuple[int, Ticket]] = {}
        self._ids: list[TicketId] = []

    async def write(self, histories: Sequence[TicketHistory], done: Callable[[int], None]) -> None:
        """Write all; `done` is told how many arrivals and endings are written."""
        self._histories = histories
        numbers = self._openings.number_all(histories)
        self._ids = [self._identities.ticket(history.number, history.opened_at) for history in histories]
        self._agenda = [(history.opened_at, _ARRIVAL, n) for n, history in enumerate(histories)]
        heapq.heapify(self._agenda)
        count = 0
        while self._agenda:
            at = self._agenda[0][0]
            if self._until is not None and at > self._until:
                return
            while self._agenda and self._agenda[0][0] == at:
                _, what, n = heapq.heappop(self._agenda)
                count += 1
                if what == _ARRIVAL:
                    self._arrive(n, numbers[histories[n].number])
                elif what == _RESOLUTION:
                    self._resolve(n, at)
                else:
                    self._close(n, at)
            self._drain(at)
            await self._writer.flush_when_full()
            if count % 500 == 0:
                done(count)

    def _arrive(self, n: int, number: str) -> None:
        history = self._histories[n]
        department = last_department(history)
        ticket = self._openings.open(history, number, self._identities.department(department))
        self._writer.record(ticket)
        self._open[ticket.id] = (n, ticket)
        if not self._staffing.agents_of.get(department):
            ended_at = _last(history, Resolved)
            if ended_at is not None:
                heapq.heappush(self._agenda, (ended_at, _RESOLUTION, n))

    def _drain(self, at: datetime) -> None:
        board = self._writer.board
        while ready := board.ready(even_paused=True):  # They are paused for the live assigner alone.
            decisions = board.decide(
                ready, at=at, by=AssignedBy.POLICY, limit=DECISIONS_AT_ONCE, based_on=self._writer.based_on
            )
            for decision in decisions:  # One after the other, as the board placed them when it decided.
                self._writer.put(decision)
            for decision in decisions:
                self._take_up(decision.claim, at)

    def _take_up(self, claim: DomainEvent, at: datetime) -> None:
        n, ticket = self._open[claim.originator_id]
        claim.mutate(ticket)
        if not isinstance(claim.fact, TicketAssigned):
            raise TypeError("a claim holds a TicketAssigned")
        self._writer.record(ticket.start_work(at=at))
        seconds = self._staffing.handle_seconds[self._histories[n].number]
        heapq.heappush(self._agenda, (at + timedelta(seconds=seconds), _RESOLUTION, n))

    def _resolve(self, n: int, at: datetime) -> None:
        _, ticket = self._open[self._ids[n]]
        holder = ticket.agent_id
        ticket.resolve(resolution="", at=at)
        if holder is None:
            self._writer.record(ticket)
        else:
            self._writer.record(ticket, agent_of(self._writer, holder).release(TicketId(ticket.id), at=at))
        history = self._histories[n]
        resolved_at, closed_at = _last(history, Resolved), _last(history, Closed)
        if resolved_at is not None and closed_at is not None:
            heapq.heappush(self._agenda, (at + max(closed_at - resolved_at, timedelta()), _CLOSING, n))

    def _close(self, n: int, at: datetime) -> None:
        _, ticket = self._open.pop(self._ids[n])
        self._writer.record(ticket.close(reason="", at=at))


def last_department(history: TicketHistory) -> str:
    """The department that had the ticket in the end."""
    department = history.department
    for _, _, now in situations(history):
        department = now.department
    return department


def _last(history: TicketHistory, kind: type[Resolved | Closed]) -> datetime | None:
    return next((step.at for step in reversed(history.steps) if isinstance(step, kind)), None)
