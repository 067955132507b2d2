"""Who did the work of a set of histories: departments, agents, how much an agent can hold, how long a ticket takes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from statistics import median

import msgspec

from supportix.importing.steps import (
    AssignedTo,
    MovedToDepartment,
    Reopened,
    Resolved,
    Step,
    TicketHistory,
    Unassigned,
    situations,
)

GIVES_BACK = (MovedToDepartment, Unassigned, Resolved)
DEFAULT_HANDLE_SECONDS = 1800
"""Where no ticket of the log was measured at all; half an hour is a guess, not a finding."""


class Staffing(msgspec.Struct, frozen=True):
    """`capacity` is the largest number of tickets an agent held at once, at least 1: enough to apply the steps in the
    order of `timeline`. `handle_seconds` has every ticket; `estimated` names those whose seconds are a median.
    """

    departments: tuple[str, ...]
    agents: tuple[str, ...]
    agents_of: dict[str, tuple[str, ...]]
    capacity: dict[str, int]
    handle_seconds: dict[str, int]
    estimated: frozenset[str]


def timeline(histories: Iterable[TicketHistory]) -> Iterator[tuple[TicketHistory, Step]]:
    """All steps of all tickets by time. At the same instant, what gives capacity back comes before what takes it: a
    ticket's steps up to its first reservation of that instant go before all others, and the rest stays together.
    """
    keyed: list[tuple[datetime, bool, int, int, TicketHistory, Step]] = []
    for position, history in enumerate(histories):
        at, reserves = history.opened_at, False
        for step in history.steps:
            reserves = (reserves and step.at == at) or _reserves(step)
            at = step.at
            keyed.append((at, reserves, position, len(keyed), history, step))
    keyed.sort(key=lambda entry: entry[:4])
    for _, _, _, _, history, step in keyed:
        yield history, step


def _reserves(step: Step) -> bool:
    return isinstance(step, AssignedTo) or (isinstance(step, Reopened) and step.agent is not None)


def staffing_of(histories: list[TicketHistory]) -> Staffing:
    agents_of: dict[str, set[str]] = {}
    for history in histories:
        agents_of.setdefault(history.department, set())
        for _, _, now in situations(history):
            agents_of.setdefault(now.department, set())
            if now.held_by is not None:
                agents_of[now.department].add(now.held_by)
    capacity = _capacity(histories)
    handle_seconds, estimated = _handle_seconds(histories)
    return Staffing(
        departments=tuple(sorted(agents_of)),
        agents=tuple(sorted(capacity)),
        agents_of={department: tuple(sorted(agents_of[department])) for department in sorted(agents_of)},
        capacity=capacity,
        handle_seconds=handle_seconds,
        estimated=frozenset(estimated),
    )


def _capacity(histories: list[TicketHistory]) -> dict[str, int]:
    holder: dict[str, str] = {}
    last_agent: dict[str, str] = {}
    held: dict[str, int] = defaultdict(int)
    peak: dict[str, int] = {}
    for history, step in timeline(histories):
        ticket = history.number
        if isinstance(step, AssignedTo):
            last_agent[ticket] = step.agent
        if _reserves(step):
            agent = holder[ticket] = last_agent[ticket]
            held[agent] += 1
            peak[agent] = max(peak.get(agent, 1), held[agent])
        elif ticket in holder and isinstance(step, GIVES_BACK):
            held[holder.pop(ticket)] -= 1
    return dict(sorted(peak.items()))


def _handle_seconds(histories: list[TicketHistory]) -> tuple[dict[str, int], set[str]]:
    measured: dict[str, int] = {}
    last_department: dict[str, str] = {}
    of_department: dict[str, list[int]] = defaultdict(list)
    for history in histories:
        seconds, department = _measured(history)
        last_department[history.number] = department
        if seconds is not None:
            measured[history.number] = seconds
            of_department[department].append(seconds)
    medians = {department: round(median(all_seconds)) for department, all_seconds in of_department.items()}
    overall = round(median(measured.values())) if measured else DEFAULT_HANDLE_SECONDS
    complete = {
        ticket: measured[ticket] if ticket in measured else medians.get(department, overall)
        for ticket, department in last_department.items()
    }
    return complete, complete.keys() - measured.keys()


def _measured(history: TicketHistory) -> tuple[int | None, str]:
    """(seconds from the first assignment to the last resolution without the time pending or resolved, last department).

    None where the ticket wasn't assigned and resolved, or where both happened in one instant: a log whose agent is
    named by the resolving change doesn't tell how long the work took.
    """
    started_at = None
    last_at, idle, total, department = history.opened_at, timedelta(), timedelta(), history.department
    resolved = False
    for step, before, now in situations(history):
        if before.state in ("pending", "resolved", "closed") and started_at is not None:
            idle += step.at - last_at
        if isinstance(step, AssignedTo) and started_at is None:
            started_at, idle = step.at, timedelta()
        if isinstance(step, Resolved) and started_at is not None:
            resolved, total = True, step.at - started_at - idle
        last_at, department = step.at, now.department
    seconds = round(total.total_seconds())
    return (seconds if resolved and seconds > 0 else None), department
