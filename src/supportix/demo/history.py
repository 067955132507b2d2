"""Thirty days of tickets up to a given moment, drawn at random by a fixed seed."""

import random
from datetime import datetime, timedelta

from supportix.demo.script import (
    CHANNELS,
    DEPARTMENTS,
    DETAILS,
    FIRST_NAMES,
    HOURLY_SHARE,
    LAST_NAMES,
    PRIORITIES,
    WEEKDAY_SHARE,
    DemoDepartment,
)
from supportix.importing.staffing import Staffing
from supportix.importing.steps import AssignedTo, Closed, Resolved, TicketHistory

DAYS = 30
TICKETS_PER_DAY = 260
CUSTOMERS = 400
CAPACITY = 3


class Scribe:
    """Writes tickets. The same seed writes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a demo's dice.
        names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
        self.customers = tuple(self._random.sample(names, CUSTOMERS))

    def ticket(self, number: int, at: datetime) -> TicketHistory:
        """A ticket that opens at this moment, and closes two days after its resolution."""
        department = self.department()
        steps = (AssignedTo(at, department.agents[0]), Resolved(at), Closed(at + timedelta(days=2)))
        return TicketHistory(
            number=f"DEMO-{number}",
            requester=self._random.choice(self.customers),
            channel=self._weighted(CHANNELS),
            subject=self._random.choice(department.subjects),
            description=self._random.choice(DETAILS),
            tags=(department.tag,),
            opened_at=at,
            department=department.name,
            priority=self._weighted(PRIORITIES),  # type: ignore[arg-type]
            steps=steps,
        )

    def department(self) -> DemoDepartment:
        return self._random.choices(DEPARTMENTS, [department.share for department in DEPARTMENTS])[0]

    def handle_seconds(self, department: DemoDepartment) -> int:
        """Lognormal, as handle times are (Brown et al. 2005), with the department's median."""
        return max(60, round(department.handle_minutes * 60 * self._random.lognormvariate(0.0, 0.7)))

    def arrivals(self, start: datetime, end: datetime) -> list[datetime]:
        """A Poisson process whose rate follows the hour and the weekday."""
        moments: list[datetime] = []
        hour = start
        while hour < end:
            rate = TICKETS_PER_DAY * HOURLY_SHARE[hour.hour] / sum(HOURLY_SHARE) * WEEKDAY_SHARE[hour.weekday()]
            moment = hour + timedelta(hours=self._random.expovariate(rate))
            while moment < min(hour + timedelta(hours=1), end):
                moments.append(moment)
                moment += timedelta(hours=self._random.expovariate(rate))
            hour += timedelta(hours=1)
        return moments

    def _weighted(self, choices: tuple[tuple[str, float], ...]) -> str:
        return self._random.choices([name for name, _ in choices], [share for _, share in choices])[0]


def thirty_days(now: datetime, seed: int) -> tuple[list[TicketHistory], Staffing]:
    """The tickets opened in the thirty days before `now`, and who works on them."""
    scribe = Scribe(seed)
    start = (now - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    histories = [scribe.ticket(n, at) for n, at in enumerate(scribe.arrivals(start, now), 1)]
    by_name = {department.name: department for department in DEPARTMENTS}
    staffing = Staffing(
        departments=tuple(department.name for department in DEPARTMENTS),
        agents=tuple(agent for department in DEPARTMENTS for agent in department.agents),
        agents_of={department.name: department.agents for department in DEPARTMENTS},
        capacity={agent: CAPACITY for department in DEPARTMENTS for agent in department.agents},
        handle_seconds={history.number: scribe.handle_seconds(by_name[history.department]) for history in histories},
        estimated=frozenset(),
    )
    return histories, staffing
