"""What the traffic history ought to say of a log, ticket by ticket and as slowly as one may."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from supportix.domain.aggregate import DomainEvent, Fact
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import (
    TicketAssigned,
    TicketAwaitingCustomer,
    TicketClosed,
    TicketCustomerAnswered,
    TicketReopened,
    TicketResolved,
    TicketRouted,
    TicketTransferred,
    TicketUnassigned,
    TicketWorkStarted,
)
from supportix.domain.traffic_past import TrafficPastRecorded
from supportix.projections.traffic_history import HANDLE_TIME_EDGES, quarter_of

COLUMNS = (
    "arrivals",
    "past_arrivals",
    "assignments",
    "resolutions",
    "abandonments",
    "handled",
    "handle_seconds",
)


class Traffic(NamedTuple):
    """Rows of the tables `traffic_history` and `handle_times`; the spans of `traffic_pasts` by department."""

    quarters: set[tuple]
    handle_times: set[tuple]
    pasts: dict[UUID, dict[int, list[datetime]]]


def traffic_of(log: Sequence[DomainEvent]) -> Traffic:
    quarters: Counter = Counter()
    times: Counter = Counter()
    streams: dict[UUID, list[Fact]] = {}
    for event in log:
        if event.fact.AGGREGATE is Ticket:
            streams.setdefault(event.originator_id, []).append(event.fact)
        elif isinstance(event.fact, TrafficPastRecorded):
            _count_past(event.fact, quarters)
    for facts in streams.values():
        _count_ticket(facts, quarters, times)
    keys = {key for key, _ in quarters}
    return Traffic(
        {(*key, *(quarters[key, column] for column in COLUMNS)) for key in keys},
        {(*key, count) for key, count in times.items()},
        _spans([event.fact for event in log if isinstance(event.fact, TrafficPastRecorded)]),
    )


def _count_ticket(facts: list[Fact], quarters: Counter, times: Counter) -> None:
    home, abandoned = None, False
    for number, fact in enumerate(facts):
        so_far = facts[:number]
        if isinstance(fact, TicketRouted):
            home = fact.department_id
        elif isinstance(fact, TicketTransferred) and fact.merge_id is None:
            home = fact.to_department_id
        key = (home, quarter_of(fact.occurred_at))
        if isinstance(fact, TicketRouted):
            quarters[key, "arrivals"] += 1
        elif isinstance(fact, TicketAssigned):
            quarters[key, "assignments"] += 1
        elif isinstance(fact, TicketResolved):
            quarters[key, "resolutions"] += 1
            if fact.agent_id is not None:
                seconds = _handle_seconds([*so_far, fact], fact.agent_id)
                quarters[key, "handled"] += 1
                quarters[key, "handle_seconds"] += seconds
                bucket = max(each for each, edge in enumerate(HANDLE_TIME_EDGES) if edge <= seconds)
                times[home, fact.occurred_at.astimezone(UTC).date(), bucket] += 1
        elif isinstance(fact, TicketClosed):
            began_to_be_served = any(isinstance(each, TicketAssigned | TicketResolved) for each in so_far)
            if not began_to_be_served and not abandoned:
                quarters[key, "abandonments"] += 1
                abandoned = True


def _handle_seconds(facts: list[Fact], resolved_by: UUID) -> int:
    """The time between each two facts counts for who held the ticket then, unless it waited for its customer."""
    total, holder, pending = timedelta(0), None, False
    for fact, following in pairwise(facts):
        if isinstance(fact, TicketReopened):
            total = timedelta(0)
        if isinstance(fact, TicketAssigned):
            holder, pending = fact.agent_id, False
        elif isinstance(fact, TicketUnassigned | TicketTransferred | TicketResolved):
            holder = None
        elif isinstance(fact, TicketAwaitingCustomer):
            pending = True
        elif isinstance(fact, TicketWorkStarted | TicketCustomerAnswered):
            pending = False
        if holder == resolved_by and not pending:
            total += following.occurred_at - fact.occurred_at
    return round(total.total_seconds())


def _count_past(fact: TrafficPastRecorded, quarters: Counter) -> None:
    """One by one, each to the next quarter hour in turn."""
    for each in fact.intervals:
        totals = {"arrivals": each.arrivals, "past_arrivals": each.arrivals, "resolutions": each.resolutions}
        if each.handle_seconds is not None:
            totals |= {"handled": each.resolutions, "handle_seconds": each.handle_seconds}
        for column, total in totals.items():
            for number in range(total):
                begin = each.begin + timedelta(minutes=15) * (number % each.quarters)
                quarters[(fact.department_id, begin), column] += 1


def _spans(facts: list[TrafficPastRecorded]) -> dict[UUID, dict[int, list[datetime]]]:
    ends: dict[tuple[UUID, int], list[datetime]] = {}
    for fact in facts:
        for each in fact.intervals:
            ends.setdefault((fact.department_id, fact.step_seconds), []).extend((each.begin, each.end))
    return {
        department_id: {
            step: [min(found), max(found)] for (other, step), found in ends.items() if other == department_id
        }
        for department_id, _ in ends
    }
