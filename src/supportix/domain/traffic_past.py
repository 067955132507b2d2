"""A department's traffic from before this desk: counts per interval, as another system had them.

Owns the streams of pasts, one per department: emits TrafficPastRecorded.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID, uuid5

import msgspec

from supportix.domain.aggregate import Aggregate, Fact
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import DepartmentId

QUARTER_SECONDS = 900
MOST_QUARTERS = 100
"""The longest interval is a day of 25 hours."""
MOST_INTERVALS = 100
"""Of one event: a day of quarter hours, also of 25 hours."""
LARGEST_COUNT = 1_000_000_000
FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
"""Before that, local clocks weren't off by whole quarter hours everywhere."""


class PastInterval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What came in `quarters` quarter hours from `begin` on. Stored in events: never rename a field.

    `handle_seconds`: agents' time for all of these resolutions together; None where it isn't known.
    """

    begin: datetime
    arrivals: int
    resolutions: int = 0
    handle_seconds: int | None = None
    quarters: int = 1

    @property
    def end(self) -> datetime:
        return self.begin + timedelta(seconds=self.quarters * QUARTER_SECONDS)

    @property
    def numbers(self) -> range:
        """The quarter hours that it covers, counted from 1970."""
        first = int(self.begin.timestamp()) // QUARTER_SECONDS
        return range(first, first + self.quarters)

    def must_be_sound(self, *, by: datetime) -> None:
        """Refused: PastIntervalInvalid, also where it ends later than `by`."""
        if self.begin.tzinfo is None or self.begin.timestamp() % QUARTER_SECONDS:
            raise PastIntervalInvalid(f"{self.begin.isoformat()} was given; the start of a quarter hour was expected")
        if not 1 <= self.quarters <= MOST_QUARTERS:
            raise PastIntervalInvalid(f"{self.quarters} quarter hours were given; 1 to {MOST_QUARTERS} were expected")
        if self.begin < FIRST_MOMENT or self.end > by:
            raise PastIntervalInvalid(
                f"{self.begin.isoformat()} to {self.end.isoformat()} was given; "
                f"a time from {FIRST_MOMENT.year} to {by.isoformat(timespec='seconds')} was expected"
            )
        for name in ("arrivals", "resolutions", "handle_seconds"):
            count = getattr(self, name) or 0
            if not 0 <= count <= LARGEST_COUNT:
                raise PastIntervalInvalid(f"{name} {count} was given; 0 to {LARGEST_COUNT} was expected")
        if self.handle_seconds is not None and not self.resolutions:
            raise PastIntervalInvalid("handle_seconds without resolutions; the time of how many was expected")


# Names in TOPIC and the names of fields are the storage format of years of history: never change them. A field may be
# added where it has a default that means what was meant before; anything else is a new version.


class TrafficPastRecorded(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`step_seconds`: for how long each count was told: 900, 3600, or 86400 for days, which may have other lengths."""

    TOPIC: ClassVar[str] = "traffic_past.recorded.v1"
    department_id: DepartmentId
    step_seconds: int
    intervals: tuple[PastInterval, ...]

    def apply(self, past: "TrafficPast") -> None:
        past.department_id = self.department_id
        for interval in self.intervals:
            past.known.update(dict.fromkeys(interval.numbers, interval))


class TrafficPast(Aggregate, kw_only=True):
    """What is recorded of one department, by quarter hours counted from 1970."""

    department_id: DepartmentId = DepartmentId(UUID(int=0))
    known: dict[int, PastInterval] = {}

    def overlapping(self, interval: PastInterval) -> PastInterval | None:
        """What is recorded of some of its time already, if anything: the earliest."""
        return next((self.known[number] for number in interval.numbers if number in self.known), None)

    def record_intervals(
        self, department_id: DepartmentId, intervals: Sequence[PastInterval], *, step_seconds: int, at: datetime
    ) -> "TrafficPast":
        """Record these, in order of time, in events of bounded size. Refused: PastIntervalInvalid, PastOverlaps."""
        ends = FIRST_MOMENT
        for interval in intervals:
            interval.must_be_sound(by=at)
            if interval.begin < ends:
                raise PastIntervalInvalid(f"an interval from {ends.isoformat()} on was expected, in order of time")
            if self.overlapping(interval) is not None:
                raise PastOverlaps(f"the time from {interval.begin.isoformat()} on is recorded already")
            ends = interval.end
        for chunk in _chunks(intervals):
            self.record(
                TrafficPastRecorded(
                    occurred_at=at, department_id=department_id, step_seconds=step_seconds, intervals=tuple(chunk)
                )
            )
        return self


def traffic_past_id(department_id: UUID) -> UUID:
    """The stream that holds a department's past."""
    return uuid5(department_id, "traffic past")


def _chunks(intervals: Sequence[PastInterval]) -> Iterator[Sequence[PastInterval]]:
    return (intervals[first : first + MOST_INTERVALS] for first in range(0, len(intervals), MOST_INTERVALS))


class PastIntervalInvalid(InvalidInput):
    """An interval of a traffic's past doesn't hold together."""


class PastOverlaps(Conflict):
    """Some of that time is recorded already."""


TrafficPastRecorded.AGGREGATE = TrafficPast
