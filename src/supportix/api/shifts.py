"""Spans of weekdays as they come in from outside: agents' shifts, and departments' opening hours."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from supportix.domain.schedule import Shift

Clock = Annotated[
    str,
    Meta(pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", description="Local time of day.", examples=["09:00"]),
]


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class NewShift(Struct, frozen=True, forbid_unknown_fields=True):
    """A span of a weekday. A night is two shifts: one to 24:00 and one from 00:00."""

    weekday: Weekday
    start: Clock
    end: Clock

    @property
    def shift(self) -> Shift:
        return Shift(list(Weekday).index(self.weekday), _minute(self.start), _minute(self.end))


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
