"""When an agent is on duty: weekly shifts in a time zone, less leave.

A shift lasts from one local time to another. Where clocks are set back, a time that comes twice is the first of both;
where they are set forward, a time that is skipped counts as if they had not been (RFC 5545, 3.3.5).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from supportix.domain.aggregate import PersonalText
from supportix.domain.errors import InvalidInput

MINUTES_A_DAY = 24 * 60
WEEKDAYS = range(7)
MOST_SHIFTS = 50
MOST_LEAVES = 200
LAST_YEAR = 9_998
"""A year more is kept free, to reckon with days after the end of a leave."""
_A_WEEK = range(-1, 8)
"""The days to look at from any moment on: a shift that began yesterday may last, and the weekday's own comes again."""


class Shift(msgspec.Struct, frozen=True, gc=False):
    """One span of a weekday, 0 for Monday: minutes of the local day, `end` not included. Nights are two shifts."""

    weekday: int
    start: int
    end: int


class Leave(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A time off, `end` not included."""

    begin: datetime
    end: datetime
    reason: PersonalText = ""


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An agent's duty. Without shifts it is on duty always, except on leave. Stored in events: never rename a field."""

    time_zone: str = "UTC"
    shifts: tuple[Shift, ...] = ()
    leave: tuple[Leave, ...] = ()

    def on_duty(self, at: datetime) -> bool:
        if any(leave.begin <= at < leave.end for leave in self.leave):
            return False
        if not self.shifts:
            return True
        return any(begin <= at < end for begin, end in self._spans(at, range(-1, 1)))

    def next_change(self, after: datetime) -> datetime | None:
        """When duty next begins or ends; None where it never does."""
        now = self.on_duty(after)
        starts = {after, *(leave.end for leave in self.leave if leave.end > after)}
        moments = {moment for start in starts for span in self._spans(start, _A_WEEK) for moment in span}
        moments.update(moment for leave in self.leave for moment in (leave.begin, leave.end))
        return next((each for each in sorted(moments) if each > after and self.on_duty(each) is not now), None)

    def _spans(self, moment: datetime, days: range) -> Iterator[tuple[datetime, datetime]]:
        """When shifts begin and end on these days, counted from the local day of `moment`."""
        if not self.shifts:
            return
        zone = ZoneInfo(self.time_zone)
        today = moment.astimezone(zone).date()
        for ahead in days:
            day = today + timedelta(days=ahead)
            for shift in self.shifts:
                if shift.weekday == day.weekday():
                    yield _moment(day, shift.start, zone), _moment(day, shift.end, zone)

    def must_be_sound(self) -> None:
        """Refused: ScheduleInvalid."""
        if not is_time_zone(self.time_zone):
            raise ScheduleInvalid(
                f"time zone {self.time_zone!r} isn't known; a name such as Europe/Lisbon was expected"
            )
        if len(self.shifts) > MOST_SHIFTS or len(self.leave) > MOST_LEAVES:
            raise ScheduleInvalid(
                f"{len(self.shifts)} shifts and {len(self.leave)} times of leave were given; "
                f"at most {MOST_SHIFTS} and {MOST_LEAVES} were expected"
            )
        for shift in self.shifts:
            if not (shift.weekday in WEEKDAYS and 0 <= shift.start < shift.end <= MINUTES_A_DAY):
                raise ScheduleInvalid("a shift was expected to end after it starts, on the same day")
        for leave in self.leave:
            if leave.begin >= leave.end:
                raise ScheduleInvalid(f"leave from {leave.begin.isoformat()} was expected to end after that")
            if leave.end.year > LAST_YEAR:
                raise ScheduleInvalid(f"leave was expected to end by the year {LAST_YEAR}; without end, let it be that")


ALWAYS = Schedule()
"""No shifts and no leave."""


def is_time_zone(name: str) -> bool:
    """Whether it is a name of the IANA time zone database. What a machine calls `localtime` means nothing elsewhere."""
    try:
        return ZoneInfo(name).key != "localtime"
    except (KeyError, ValueError, OSError):
        return False


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    if minute == MINUTES_A_DAY:
        day, minute = day + timedelta(days=1), 0
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)


class ScheduleInvalid(InvalidInput):
    """The shifts or the leave make no schedule."""
