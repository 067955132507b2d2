"""What is known of a department's days beforehand: its zone, opening hours, public holidays, and events to come.

A calendar never looks at counts. What a holiday or an event does to them is learned (`levels`); only a closure, or what
lies outside the opening hours, is certain: nothing is forecast there, and nothing scored.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from supportix.domain.calendar import CalendarInvalid, EventKind, KnownEvent
from supportix.domain.schedule import MINUTES_A_DAY, Schedule, ScheduleInvalid, Shift

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
STEPS = (QUARTER, HOUR)
NORMAL_DAY = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_WEEKDAY_OF_EPOCH = 3
_SATURDAY = 5


class Calendar(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`opening`: local shifts of the week, empty for always. `country`: ISO 3166, or with a part: "US-CA"."""

    time_zone: str = "UTC"
    opening: tuple[Shift, ...] = ()
    country: str | None = None
    events: tuple[KnownEvent, ...] = ()

    def must_be_sound(self) -> None:
        """Refused: CalendarInvalid."""
        try:
            Schedule(time_zone=self.time_zone, shifts=self.opening).must_be_sound()
        except ScheduleInvalid as refusal:
            raise CalendarInvalid(str(refusal)) from None
        if self.country is not None:
            _holidays_of(self.country, 2000)
        for event in self.events:
            if event.begin.tzinfo is None or event.end.tzinfo is None or event.begin >= event.end:
                raise CalendarInvalid(f"event {event.name!r} was expected to end after it begins, with time zones")


ALWAYS_OPEN = Calendar()


class Slots(msgspec.Struct, frozen=True, eq=False):
    """What the calendar says of each step of a grid."""

    open: NDArray[np.bool_]
    hour_of_week: NDArray[np.int64]
    """0 for Monday 0:00 in the department's zone. A local hour that comes twice is the same one both times."""
    local_step: NDArray[np.int64]
    """Steps of local time since 1970: a day apart is the same hour of the day, also across a change of clocks."""
    day_of_month: NDArray[np.int64]
    special: NDArray[np.int64]
    """NORMAL_DAY, or a code of what is special, an index into `kinds`."""
    kinds: tuple[str, ...]
    """Of the codes: "group/name"; what is known of a group serves a name that is new."""
    outage: NDArray[np.bool_]

    def since(self, place: int) -> "Slots":
        """Without the steps before this one."""
        arrays = {name: getattr(self, name)[place:] for name in self.__struct_fields__ if name != "kinds"}
        return msgspec.structs.replace(self, **arrays)


def slots(calendar: Calendar, begin: datetime, step: timedelta, length: int) -> Slots:
    """What the calendar says of `length` steps from `begin` on. Refused: CalendarInvalid."""
    seconds = int(begin.timestamp()) + int(step.total_seconds()) * np.arange(length, dtype=np.int64)
    local = seconds + _offsets(calendar.time_zone, seconds)
    minute, days = local // 60 % MINUTES_A_DAY, local // 86_400
    weekday = (days + _WEEKDAY_OF_EPOCH) % 7
    is_open = _opening(calendar.opening, weekday, minute, int(step.total_seconds()) // 60)
    special, kinds = _special_days(calendar, days)
    outage = np.zeros(length, dtype=np.bool_)
    for event in calendar.events:
        inside = (seconds + step.total_seconds() > event.begin.timestamp()) & (seconds < event.end.timestamp())
        if event.kind is EventKind.CLOSURE:
            is_open &= ~inside
        elif event.kind is EventKind.OUTAGE:
            outage |= inside
        elif inside.any():
            special[inside] = _code(kinds, f"{event.kind}/{event.name}")
    return Slots(
        open=is_open,
        hour_of_week=weekday * 24 + minute // 60,
        local_step=local // int(step.total_seconds()),
        day_of_month=_days_of_month(days),
        special=special,
        kinds=tuple(kinds),
        outage=outage,
    )


def _offsets(time_zone: str, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Seconds to add to UTC. Looked up once an hour and less often far from a change of clocks."""
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        raise CalendarInvalid(
            f"time zone {time_zone!r} isn't known; a name such as Europe/Lisbon was expected"
        ) from None
    days, place = np.unique(seconds // 86_400, return_inverse=True)
    at_midnight = [_offset(zone, int(day) * 86_400) for day in (*days, days[-1] + 1)] if len(days) else []
    offsets = np.array(at_midnight[:-1], dtype=np.int64)[place] if len(days) else np.zeros(0, dtype=np.int64)
    for number, day in enumerate(days):
        if at_midnight[number] != _offset(zone, (int(day) + 1) * 86_400):
            inside = np.flatnonzero(place == number)
            offsets[inside] = [_offset(zone, int(each)) for each in seconds[inside]]
    return offsets


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _opening(
    shifts: Iterable[Shift], weekday: NDArray[np.int64], minute: NDArray[np.int64], step_minutes: int
) -> NDArray[np.bool_]:
    """A step is open where any of its minutes is."""
    shifts = tuple(shifts)
    is_open = np.full(len(weekday), not shifts, dtype=np.bool_)
    for shift in shifts:
        is_open |= (weekday == shift.weekday) & (minute + step_minutes > shift.start) & (minute < shift.end)
    return is_open


def _special_days(calendar: Calendar, days: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    """Holidays, and the first weekday after one, on which what was left undone comes in."""
    special, kinds = np.zeros(len(days), dtype=np.int64), ["normal/normal"]
    if calendar.country is None or not len(days):
        return special, kinds
    names = {}
    for day in range(int(days[0]) - 4, int(days[-1]) + 1):
        on = date.fromordinal(day + _EPOCH_DAY)
        if name := _holidays_of(calendar.country, on.year).get(on):
            names[day] = name
    for day, name in names.items():
        special[days == day] = _code(kinds, f"holiday/{name}")
        after = next(
            (each for each in range(day + 1, day + 5) if _weekday(each) < _SATURDAY and each not in names), None
        )
        if after is not None and _weekday(day) < _SATURDAY:
            special[days == after] = _code(kinds, "after a holiday/any")
    return special, kinds


def _weekday(day: int) -> int:
    return (day + _WEEKDAY_OF_EPOCH) % 7


def _code(kinds: list[str], kind: str) -> int:
    if kind not in kinds:
        kinds.append(kind)
    return kinds.index(kind)


def _days_of_month(days: NDArray[np.int64]) -> NDArray[np.int64]:
    as_days = days.astype("datetime64[D]")
    return np.asarray((as_days - as_days.astype("datetime64[M]")).astype(np.int64) + 1)


@lru_cache(maxsize=512)
def _holidays_of(country: str, year: int) -> dict[date, str]:
    import holidays

    code, _, part = country.partition("-")
    try:
        found = holidays.country_holidays(code, subdiv=part or None, years=year)
    except NotImplementedError:
        raise CalendarInvalid(
            f"no holidays are known for {country!r}; a country such as PT, or with a part such as US-CA, was expected"
        ) from None
    return dict(found.items())
