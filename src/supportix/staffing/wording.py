"""Spans, durations and shares in words, for people: in a department's own time zone, in English whatever the locale."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MINUTE = 60


def span(begin: datetime, end: datetime, time_zone: str) -> str:
    """As "on Tuesday 3 March from 14:00 to 16:00"; with offsets from UTC where the clocks change in between."""
    zone = ZoneInfo(time_zone)
    first, last = begin.astimezone(zone), end.astimezone(zone)
    day, clock = last.date(), f"{last:%H:%M}"
    if clock == "00:00":
        day, clock = day - timedelta(days=1), "24:00"
    since = f"{first:%H:%M}"
    if first.utcoffset() != last.utcoffset():
        since, clock = f"{since} ({_offset(first)})", f"{clock} ({_offset(last)})"
    if day == first.date():
        return f"on {_day(day)} from {since} to {clock}"
    return f"from {_day(first.date())} {since} to {_day(day)} {clock}"


def duration(seconds: float) -> str:
    """As "20 s", "90 s", "30 min", "1 h", "1 h 30 min" or "36 h"."""
    if seconds < 2 * _MINUTE or seconds % _MINUTE:
        return f"{seconds:g} s"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return " ".join(parts)


def percent(share: float) -> str:
    """In whole percent; never 100 % or 0 % of what isn't all or nothing."""
    rounded = round(share * 100)
    if rounded == 100 and share < 1:  # noqa: PLR2004 - of a hundred.
        return "over 99 %"
    return "under 1 %" if rounded == 0 and share > 0 else f"{rounded} %"


def agents(number: int, word: str) -> str:
    """As "1 more agent" or "2 more agents"."""
    return f"{number} {word} agent{'' if number == 1 else 's'}"


def _day(day: date) -> str:
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"


def _offset(moment: datetime) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
