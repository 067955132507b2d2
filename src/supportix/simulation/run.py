"""Answers a question: what happened, the same simulated, and each alternative, measured alike and side by side."""

import gc
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.commands.known_departments import UnknownDepartment
from supportix.domain.department import Department
from supportix.domain.merge import Merge
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Priority
from supportix.policies.assignment import nobody
from supportix.policies.registry import POLICIES
from supportix.simulation.engine import Engine
from supportix.simulation.handling import HandleTimes
from supportix.simulation.happened import real_meter, real_visits
from supportix.simulation.helping import Helping
from supportix.simulation.measuring import Figures, Meter, Visit, Window, figures
from supportix.simulation.moments import micros
from supportix.simulation.question import Alternative, NothingToReplay, Question
from supportix.simulation.reproducing import Reproduction, Span, reproduce
from supportix.simulation.staffing import Roster, Staffing
from supportix.simulation.trace import Trace, trace_of
from supportix.store.log import EventLog, LogEntry

PAGE = 5_000

Progress = Callable[[str, int, int], None]
"""Told the stage, what is done of it, and its total."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the comparison."""

    name: str
    figures: Figures


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. It depends on the question and on the log up to `position`, and on nothing else.

    `runs`: what happened, the same simulated, then the alternatives. The second differs from the first by what the
    simulation leaves out, so alternatives are best held against it.
    """

    question: Question
    position: int
    departments: int
    sampled_handle_times: int
    reproduction: Reproduction
    runs: tuple[Run, ...]


async def read_log(pool: AsyncConnectionPool[Any], progress: Progress, until: int | None = None) -> list[LogEntry]:
    """The log up to a position, or to its present head. Raises CorruptEvent."""
    log = EventLog(pool)
    head = await log.head() if until is None else until
    entries: list[LogEntry] = []
    position = 0
    while position < head:
        page = await log.after(position, min(PAGE, head - position))
        if not page:
            break
        entries += page
        position = page[-1].position
        progress("reading the log", position, head)
    gc.freeze()  # None of it is garbage; looking through it again and again costs a tenth of the time.
    return entries


def compare(entries: Sequence[LogEntry], question: Question, progress: Progress) -> Comparison:
    """Answer a question about a log. Refused: what `Question.must_hold` refuses, UnknownDepartment,
    StaffingBelowNothing, NothingToReplay.
    """
    question.must_hold()
    desk = Simulated(trace_of(entries), question)
    span = Span(since=question.since, until=question.until, department_id=desk.window.department_id)
    head = desk.trace.position
    reproduction = reproduce(entries, span, lambda position: progress("reproducing", position, head))
    progress("reproducing", head, head)
    for alternative in question.alternatives:
        desk.staffing(alternative)  # What can't be is refused before anything is simulated.
    as_it_was = desk.run("simulated as it was", Alternative(), progress)
    runs = [desk.happened(), as_it_was]
    unmerged: Simulated | None = None
    for alternative in question.alternatives:
        if alternative == Alternative():
            continue
        if alternative.merge_threshold is not None:
            unmerged = unmerged or Simulated(trace_of(entries, merges=False), question)
            runs.append(unmerged.run(alternative.name, alternative, progress))
        elif desk.changes_nothing(alternative):
            runs.append(msgspec.structs.replace(as_it_was, name=alternative.name))
        else:
            runs.append(desk.run(alternative.name, alternative, progress))
    return Comparison(
        question=question,
        position=desk.trace.position,
        departments=len(desk.departments),
        sampled_handle_times=desk.times.sampled,
        reproduction=reproduction,
        runs=tuple(runs),
    )


class Simulated:
    """A trace, the window of a question on it, and runs of it. Refused: UnknownDepartment, NothingToReplay."""

    def __init__(self, trace: Trace, question: Question) -> None:
        self.trace = trace
        self.times = HandleTimes(trace, question.seed)
        since = micros(question.since) if question.since else 0
        until = micros(question.until) if question.until else trace.last_at + 1
        self._roster = Roster(trace, Window(since, until))
        chosen = self._department(question.department) if question.department else None
        self.window = Window(since, until, chosen)
        self.departments = frozenset([chosen] if chosen else self._roster.names)
        self._targets = {Priority(each): minutes * 60 for each, minutes in question.target_minutes.items()}
        self._arrivals = [n for n, ticket in enumerate(trace.tickets) if ticket.stays and self._opens_within(n)]
        if not self._arrivals:
            raise NothingToReplay("no ticket was opened in that time; another --since or --until was expected")

    def happened(self) -> Run:
        until = self.window.until
        meter = real_meter(self.trace.agent_events, self.window)
        return self._measured("happened", real_visits(self.trace, until), meter, self.staffing(Alternative()))

    def run(self, name: str, alternative: Alternative, progress: Progress) -> Run:
        """Simulate one alternative and measure it. Refused: as `staffing` says."""
        engine = self.simulate(name, alternative, progress)
        return self._measured(name, engine.visits.values(), engine.meter, self.staffing(alternative), engine.moved)

    def simulate(self, name: str, alternative: Alternative, progress: Progress) -> Engine:
        """Run one alternative to the window's end. Refused: as `staffing` says."""
        staffing = self.staffing(alternative)
        marks = alternative.merge_threshold
        helping = Helping(marks, self._roster.names) if marks else None
        policy = POLICIES[alternative.policy] if alternative.policy else None
        remembering = self.departments if policy is not None and policy.preferred is not nobody else frozenset()
        engine = Engine(self.trace, self.times, self.window, helping, remembering)
        self._warm_up(engine, staffing)
        total = len(self._arrivals)
        changes = [change for change in self.trace.changes if change.at >= self.window.since]
        engine.run(staffing.after(changes, self.window.since), self._arrivals, lambda n: progress(name, n, total))
        progress(name, total, total)
        return engine

    def staffing(self, alternative: Alternative) -> Staffing:
        """Refused: StaffingBelowNothing, ChangeOutOfRange, UnknownDepartment."""
        return Staffing(self._roster, alternative, self.departments, self._by_department(alternative))

    def changes_nothing(self, alternative: Alternative) -> bool:
        """Whether things were so anyway, such as a policy that every department had; merges are left out of account."""
        return self.staffing(alternative).is_as(self.trace.changes)

    def _warm_up(self, engine: Engine, staffing: Staffing) -> None:
        """Bring an engine to where the desk really was when the window begins; then change what is to be otherwise."""
        begun = self.window.since
        changes = list(takewhile(lambda change: change.at < begun, self.trace.changes))
        staff = (change for change in changes if change.fact.AGGREGATE in {Department, Merge})
        happened = [*staff, *takewhile(lambda change: change.at < begun, self.trace.agent_events)]
        happened += takewhile(lambda change: change.at < begun, self.trace.claims)
        happened += staffing.before(changes, begun)
        for change in sorted(happened, key=lambda each: each[:2]):
            engine.fold_change(change)
        for number, ticket in enumerate(self.trace.tickets):
            place = bisect_left(ticket.stays, begun, key=lambda stay: stay.queued_at) - 1
            if place >= 0:
                self._take_up(engine, number, place)
        for change in changes:
            if change.fact.AGGREGATE is Ticket:
                engine.fold_change(change)
        for change in staffing.beginning(engine.board, begun):
            engine.fold_change(change)

    def _take_up(self, engine: Engine, number: int, place: int) -> None:
        """A ticket whose stay of that number is the last one to have begun before the window."""
        stays = self.trace.tickets[number].stays
        ended_at = stays[place].ended_at
        if ended_at is None or ended_at >= self.window.since:
            engine.resume(number, place)
        elif place + 1 < len(stays):
            engine.schedule_return(number, place + 1)

    def _opens_within(self, number: int) -> bool:
        return self.window.since <= self.trace.tickets[number].stays[0].queued_at < self.window.until

    def _measured(self, name: str, visits: Iterable[Visit], meter: Meter, staffing: Staffing, moved: int = 0) -> Run:
        chosen = self.window.department_id
        agents = staffing.of(chosen) if chosen is not None else None
        return Run(
            name=name,
            figures=figures(self.trace.tickets, visits, meter, self.window, self._targets, agents, moved),
        )

    def _by_department(self, alternative: Alternative) -> dict[UUID, int]:
        changes: Counter[UUID] = Counter()
        for change in alternative.agents:
            named = [self._department(change.department)] if change.department else None
            for department_id in named or sorted(self.departments):
                if named or self._roster.serving[department_id]:
                    changes[department_id] += change.by
        return changes

    def _department(self, wanted: str) -> UUID:
        """By name, whatever its case, or by id. Refused: UnknownDepartment."""
        names = self._roster.names
        for department_id, name in names.items():
            if wanted.casefold() in {name.casefold(), str(department_id)}:
                return department_id
        known = ", ".join(sorted(names.values()))
        raise UnknownDepartment(f"there is no department {wanted!r}; one of these was expected: {known}")
