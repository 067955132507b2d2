"""When an agent is on duty: weekly shifts in a time zone, less leave."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from supportix.domain.errors import InvalidInput

MINUTES_A_DAY = 24 * 60
WEEKDAYS = range(7)
MOST_SHIFTS = 50
MOST_LEAVES = 200
_A_WEEK = 8
"""Days to look ahead, so that the same weekday's shift comes again whatever the hour."""


class Shift(msgspec.Struct, frozen=True, gc=False):
    """One span of a weekday, 0 for Monday: minutes of the local day, `end` not included. Nights are two shifts."""

    weekday: int
    start: int
    end: int


class Leave(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A time off, `end` not included."""

    begin: datetime
    end: datetime
    reason: str = ""


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
        local = at.astimezone(ZoneInfo(self.time_zone))
        minute = local.hour * 60 + local.minute
        return any(shift.weekday == local.weekday() and shift.start <= minute < shift.end for shift in self.shifts)

    def next_change(self, after: datetime) -> datetime | None:
        """When duty next begins or ends; None where it never does."""
        now = self.on_duty(after)
        starts = [after, *(leave.end for leave in self.leave if leave.end > after)]
        moments = {moment for start in starts for moment in self._shift_bounds(start)}
        moments.update(moment for leave in self.leave for moment in (leave.begin, leave.end))
        return next((each for each in sorted(moments) if each > after and self.on_duty(each) is not now), None)

    def _shift_bounds(self, start: datetime) -> Iterator[datetime]:
        """The beginnings and ends of the shifts in the week from `start` on, by the clock on the wall."""
        if not self.shifts:
            return
        zone = ZoneInfo(self.time_zone)
        first = start.astimezone(zone).date()
        for ahead in range(_A_WEEK):
            day = first + timedelta(days=ahead)
            for shift in self.shifts:
                if shift.weekday == day.weekday():
                    yield _moment(day, shift.start, zone)
                    yield _moment(day, shift.end, zone)

    def must_be_sound(self) -> None:
        """Refused: ScheduleInvalid."""
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ScheduleInvalid(
                f"time zone {self.time_zone!r} isn't known; a name such as Europe/Lisbon was expected"
            ) from None
        for shift in self.shifts:
            if not (shift.weekday in WEEKDAYS and 0 <= shift.start < shift.end <= MINUTES_A_DAY):
                raise ScheduleInvalid("a shift was expected to end after it starts, on the same day")
        for leave in self.leave:
            if leave.begin >= leave.end:
                raise ScheduleInvalid(f"leave from {leave.begin.isoformat()} was expected to end after that")


ALWAYS = Schedule()
"""No shifts and no leave."""


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    if minute == MINUTES_A_DAY:
        day, minute = day + timedelta(days=1), 0
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)


class ScheduleInvalid(InvalidInput):
    """The shifts or the leave make no schedule."""
