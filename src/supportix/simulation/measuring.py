"""What is measured of a run, the same for what happened and for what is simulated.

A ticket's wait lasts from its opening until an agent first has it, or until it ends without one; where neither had come
by the end of the run, until then. A ticket breaks its target where it is resolved later, or was due and isn't resolved
by the end of the run. Load is points held per point offered, over the time in which agents were online and on duty.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple
from uuid import UUID

import msgspec

from supportix.domain.agent import Agent, Availability
from supportix.domain.ticket_words import Priority
from supportix.simulation.moments import SECOND
from supportix.simulation.trace import TicketTrace


class Visit(NamedTuple):
    """One stay in a run: in microseconds from when to when it waited, and when it ended; None: not by the run's end."""

    ticket: int
    stay: int
    queued_at: int
    left_at: int | None
    agent_id: UUID | None
    ended_at: int | None


class Window(NamedTuple):
    """Which tickets are measured: those opened from `since` on and before `until`, where the run ends. Microseconds."""

    since: int
    until: int
    department_id: UUID | None = None


class Waits(msgspec.Struct, frozen=True):
    """Of the tickets' waits, in seconds."""

    mean: float
    p50: float
    p90: float
    p99: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. `breaches` None: no ticket has a target. `queue_seconds`: mean time in queues by priority."""

    tickets: int
    taken: int
    waiting: int
    """Opened, not taken and not ended by the run's end."""
    waits: Waits
    breaches: int | None
    with_target: int
    queue_seconds: dict[str, float]
    assignments: int
    reassignments: int
    """Assignments of a ticket beyond its first."""
    utilisation: float
    """The share of the points of agents at work that were taken, over time."""
    gini: float
    """Of the agents' own utilisation: 0 where all carry the same share of what they can."""
    moved: int = 0
    """Waiting tickets that a simulated merge moved to another department."""


class Meter:
    """Sums up what agents held and what they offered, in points times microseconds, within a window."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._last: dict[UUID, tuple[int, int, int]] = {}
        self.held: Counter[UUID] = Counter()
        self.offered: Counter[UUID] = Counter()

    def see(self, at: int, agent: Agent) -> None:
        """Told of every change of an agent, in the order of time."""
        at_work = agent.availability is Availability.ONLINE and agent.on_duty and agent.department_ids
        offered = agent.capacity if at_work else 0
        self._add(agent.id, at)
        self._last[agent.id] = (at, min(agent.open_work, offered), offered)

    def finish(self) -> "Meter":
        for agent_id in self._last:
            self._add(agent_id, self._window.until)
        return self

    def _add(self, agent_id: UUID, until: int) -> None:
        since, held, offered = self._last.get(agent_id, (0, 0, 0))
        lasted = min(until, self._window.until) - max(since, self._window.since)
        if offered and lasted > 0:
            self.held[agent_id] += held * lasted
            self.offered[agent_id] += offered * lasted


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values doesn't exceed (nearest rank); 0.0 where none is."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0


def gini(loads: Iterable[float]) -> float:
    """Gini coefficient of non-negative loads: 0 where all are equal, near 1 where one carries all (Gini 1912)."""
    ordered = sorted(loads)
    total = sum(ordered)
    if total == 0:
        return 0.0
    count = len(ordered)
    return 2 * sum(rank * load for rank, load in enumerate(ordered, 1)) / (count * total) - (count + 1) / count


def figures(
    tickets: Sequence[TicketTrace],
    visits: Iterable[Visit],
    meter: Meter,
    window: Window,
    targets: Mapping[Priority, int],
    agents: frozenset[UUID] | None = None,
    moved: int = 0,
) -> Figures:
    """Measure a run. `targets`: by priority, seconds from the opening to the resolution, for tickets without their own.

    `agents`: whose load counts; None: everybody's.
    """
    of_ticket: dict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        if window.since <= tickets[visit.ticket].opened_at < window.until:
            of_ticket[visit.ticket].append(visit)
    tally = _Tally(tickets, window, targets)
    for ticket, visited in of_ticket.items():
        tally.add(ticket, visited)
    counted = [agent for agent in meter.offered if agents is None or agent in agents]
    offered = sum(meter.offered[agent] for agent in counted)
    return tally.figures(
        utilisation=sum(meter.held[agent] for agent in counted) / offered if offered else 0.0,
        gini=gini(meter.held[agent] / meter.offered[agent] for agent in counted),
        moved=moved,
    )


class _Tally:
    """Adds up tickets."""

    def __init__(self, tickets: Sequence[TicketTrace], window: Window, targets: Mapping[Priority, int]) -> None:
        self._tickets = tickets
        self._window = window
        self._targets = targets
        self._waits: list[float] = []
        self._queues: dict[str, list[float]] = {priority: [] for priority in Priority}
        self._taken = self._waiting = self._breaches = self._with_target = 0
        self._assignments = self._reassignments = 0

    def add(self, number: int, visits: Sequence[Visit]) -> None:
        """A ticket's visits, in their order."""
        ticket = self._tickets[number]
        here = [visit for visit in visits if self._counts(ticket, visit)]
        decisive = next((visit for visit in visits if visit.agent_id is not None), visits[-1])
        if here:
            in_queue = sum(self._left(visit) - visit.queued_at for visit in here)
            self._queues[ticket.priority].append(in_queue / SECOND)
            taken = sum(visit.agent_id is not None for visit in here)
            first = decisive.agent_id is not None and self._counts(ticket, decisive)
            self._assignments += taken
            self._reassignments += taken - first
        if self._counts(ticket, decisive):
            self._add_wait(ticket, decisive)
        last = next((visit for visit in visits if ticket.stays[visit.stay].resolves), visits[-1])
        if self._counts(ticket, last):
            self._add_resolution(ticket, last)

    def _add_wait(self, ticket: TicketTrace, decisive: Visit) -> None:
        left_at = self._left(decisive)
        self._waits.append((left_at - ticket.opened_at) / SECOND)
        self._taken += decisive.agent_id is not None
        self._waiting += decisive.left_at is None

    def _add_resolution(self, ticket: TicketTrace, last: Visit) -> None:
        """`last`: the visit at whose end the ticket is first resolved, or how far it has come."""
        stay = ticket.stays[last.stay]
        due_at = stay.due_at
        if due_at is None and ticket.priority in self._targets:
            due_at = ticket.opened_at + self._targets[ticket.priority] * SECOND
        if due_at is not None:
            self._with_target += 1
            self._breaches += (self._window.until if last.ended_at is None else last.ended_at) > due_at

    def _counts(self, ticket: TicketTrace, visit: Visit) -> bool:
        return self._window.department_id in (None, ticket.stays[visit.stay].department_id)

    def _left(self, visit: Visit) -> int:
        return self._window.until if visit.left_at is None else visit.left_at

    def figures(self, *, utilisation: float, gini: float, moved: int) -> Figures:
        ordered = sorted(self._waits)
        return Figures(
            tickets=len(ordered),
            taken=self._taken,
            waiting=self._waiting,
            waits=Waits(
                mean=sum(ordered) / len(ordered) if ordered else 0.0,
                p50=percentile(ordered, 0.5),
                p90=percentile(ordered, 0.9),
                p99=percentile(ordered, 0.99),
            ),
            breaches=self._breaches if self._with_target else None,
            with_target=self._with_target,
            queue_seconds={priority: sum(spent) / len(spent) for priority, spent in self._queues.items() if spent},
            assignments=self._assignments,
            reassignments=self._reassignments,
            utilisation=utilisation,
            gini=gini,
            moved=moved,
        )
