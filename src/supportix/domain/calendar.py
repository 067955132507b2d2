"""What is known beforehand of a department's days: when it is open, its country's holidays, and events to come."""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

import msgspec

from supportix.domain.errors import Conflict, InvalidInput, NotFound
from supportix.domain.ids import KnownEventId
from supportix.domain.schedule import LAST_YEAR, MINUTES_A_DAY, MOST_SHIFTS, WEEKDAYS, Shift, is_time_zone

MOST_KNOWN_EVENTS = 500
LONGEST_EVENT_NAME = 100

_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)


class BusinessCalendar(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """When a department is open. Without opening hours it always is. Stored in events: never rename a field.

    `country`: whose public holidays count, as ISO 3166-1 alpha-2, with a subdivision of ISO 3166-2 where they differ
    within it: `PT`, `US-CA`.
    """

    time_zone: str = "UTC"
    opening: tuple[Shift, ...] = ()
    country: str | None = None

    def must_be_sound(self) -> None:
        """Refused: CalendarInvalid."""
        if not is_time_zone(self.time_zone):
            raise CalendarInvalid(
                f"time zone {self.time_zone!r} isn't known; a name such as Europe/Lisbon was expected"
            )
        if self.country is not None and not _COUNTRY.fullmatch(self.country):
            raise CalendarInvalid(f"country {self.country!r} was given; a code such as PT or US-CA was expected")
        _must_be_opening(self.opening)


class EventKind(StrEnum):
    """What a known event is; the values are stored."""

    CAMPAIGN = "campaign"
    OUTAGE = "outage"
    CLOSURE = "closure"
    OTHER = "other"


class KnownEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that moves the traffic or hides it, `end` not included. Stored in events: never rename a field."""

    event_id: KnownEventId
    name: str
    kind: EventKind
    begin: datetime
    end: datetime

    def must_be_sound(self) -> None:
        """Refused: KnownEventInvalid."""
        if not self.name.strip() or len(self.name) > LONGEST_EVENT_NAME:
            raise KnownEventInvalid(
                f"a name of at least one visible character and at most {LONGEST_EVENT_NAME} was expected"
            )
        if self.begin.tzinfo is None or self.end.tzinfo is None:
            raise KnownEventInvalid("a begin and an end with a time zone were expected")
        if self.begin >= self.end:
            raise KnownEventInvalid(f"an end after {self.begin.isoformat()} was expected")
        if self.end.year > LAST_YEAR:
            raise KnownEventInvalid(f"an end by the year {LAST_YEAR} was expected")


def _must_be_opening(opening: Sequence[Shift]) -> None:
    if len(opening) > MOST_SHIFTS:
        raise CalendarInvalid(f"{len(opening)} opening hours were given; at most {MOST_SHIFTS} were expected")
    for each in opening:
        if not (each.weekday in WEEKDAYS and 0 <= each.start < each.end <= MINUTES_A_DAY):
            raise CalendarInvalid("opening hours were expected to end after they start, on the same day")
    for one, other in pairwise(sorted(opening, key=lambda each: (each.weekday, each.start))):
        if one.weekday == other.weekday and other.start < one.end:
            raise CalendarInvalid("opening hours that don't overlap were expected; two of one weekday do")


class CalendarInvalid(InvalidInput):
    """The time zone, the opening hours or the country make no calendar."""


class KnownEventInvalid(InvalidInput):
    """A known event has no name or no duration."""


class TooManyKnownEvents(Conflict):
    """The department knows as many events as it can."""


class KnownEventNotFound(NotFound):
    """The department knows no such event."""
