"""How long an agent holds each ticket: as long as one really did, pending time included, whoever gets it.

The time pending counts, since a ticket that waits for its customer keeps its place with the agent. Stays that had not
ended when the log ended are the only random thing in a simulation: their times are drawn from those of the department
that are longer than what had passed already, once for all alternatives, by the seed.
"""

from bisect import bisect_right
from collections import defaultdict
from random import Random
from uuid import UUID

from supportix.simulation.moments import SECOND
from supportix.simulation.trace import Stay, Trace

UNKNOWN_HANDLE_TIME = 1_800 * SECOND
"""Where no ticket of the log was ever handled; half an hour is a guess, not a finding."""


class HandleTimes:
    """The handle time of every stay of a trace, in microseconds. `sampled` counts those that were drawn."""

    def __init__(self, trace: Trace, seed: int) -> None:
        self.sampled = 0
        self._ended_at = trace.last_at
        self._random = Random(seed)  # noqa: S311 - repeatable, and no secret.
        self._known: dict[UUID, list[int]] = defaultdict(list)
        for ticket in trace.tickets:
            for stay in ticket.stays:
                if stay.held_for is not None:
                    self._known[stay.department_id].append(stay.held_for)
        for times in self._known.values():
            times.sort()
        self._all = sorted(time for times in self._known.values() for time in times)
        self._times = [[self._time(stay) for stay in ticket.stays] for ticket in trace.tickets]

    def of(self, ticket: int, stay: int) -> int:
        """Of the stay of that number, of the trace's ticket of that number."""
        return self._times[ticket][stay]

    def _time(self, stay: Stay) -> int:
        if stay.ended_at is not None:
            return stay.held_for or 0
        self.sampled += 1
        passed = self._ended_at - stay.taken_at if stay.taken_at is not None else -1
        times = self._known.get(stay.department_id, self._all)
        longer = bisect_right(times, passed)
        if longer == len(times):
            return max(passed, UNKNOWN_HANDLE_TIME)
        return times[self._random.randrange(longer, len(times))]
