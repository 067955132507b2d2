"""The words of forecasts, as they stand in events: what is forecast, how sure it is, and how a model was chosen.

Counts are tickets that arrive in a department, at its home. Stored in events: never rename a field.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from math import isfinite
from uuid import UUID

import msgspec

from supportix.domain.errors import InvalidInput
from supportix.domain.ids import DepartmentId

DESK_ID = UUID("00000000-0000-7000-8000-00000000de5c")
"""Stands for the whole desk where series are told apart by an id; no department has it."""
DESK, DESK_NAME = "desk", "the whole desk"
"""What it is called by programs, and by people."""


def department_of(series_id: UUID) -> DepartmentId | None:
    """Whose series it is; None: the whole desk's."""
    return None if series_id == DESK_ID else DepartmentId(series_id)


def hour_of(moment: datetime) -> datetime:
    """The begin of the UTC hour in which a moment lies."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class Horizon(StrEnum):
    """How far a forecast looks ahead, and in which steps."""

    DAY = "day"
    """The next 24 hours, hour by hour. Its first hour is the one that is scored as `next hour`."""
    FORTNIGHT = "fortnight"
    """The next 14 days, hour by hour."""


class Confidence(StrEnum):
    """How much of a past a forecast rests on."""

    NONE = "none"
    """Less than a day: a guess from departments like it, or from nothing."""
    LOW = "low"
    """Less than two weeks: the days of a week aren't told apart yet."""
    NORMAL = "normal"


LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Which quantiles are issued: the median, and the bounds of the 50, 80 and 95 % intervals."""

HOUR_SECONDS = 3_600
FEWEST_HOURS = 2


class Steps(msgspec.Struct, frozen=True, gc=False):
    """Forecast counts of steps of equal length, the first of which begins at `begin`.

    `means`: one each. `quantiles`: one row for each of LEVELS, of one each.
    """

    begin: datetime
    step_seconds: int
    means: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]

    def begin_of(self, place: int) -> datetime:
        return self.begin + timedelta(seconds=place * self.step_seconds)

    def quantiles_of(self, place: int) -> tuple[float, ...]:
        """Of one step, at LEVELS."""
        return tuple(row[place] for row in self.quantiles)

    @property
    def end(self) -> datetime:
        return self.begin_of(len(self.means))

    def must_be_of_hours(self) -> None:
        """Those who are told a forecast of hours rely on its shape, and stored numbers have to be numbers.

        Refused: StepsInvalid.
        """
        if self.step_seconds != HOUR_SECONDS or len(self.means) < FEWEST_HOURS:
            raise StepsInvalid(
                f"{len(self.means)} steps of {self.step_seconds} s; steps of an hour were expected, "
                f"{FEWEST_HOURS} at least: this hour and the next"
            )
        if [len(row) for row in self.quantiles] != [len(self.means)] * len(LEVELS):
            raise StepsInvalid(f"{len(LEVELS)} rows of quantiles were expected, each of {len(self.means)} numbers")
        if not all(isfinite(each) and each >= 0 for each in chain(self.means, *self.quantiles)):
            raise StepsInvalid("finite numbers that aren't negative were expected of counts")


class StepsInvalid(InvalidInput):
    """The steps of a forecast don't have the shape that is expected."""


class CandidateScore(msgspec.Struct, frozen=True, gc=False):
    """How a candidate did in the rolling evaluation on the series' own past. None where it couldn't be fitted."""

    name: str
    wape: float | None = None
    mase: float | None = None
    crps: float | None = None
    why_not: str = ""


class HourScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What became of the forecast of one hour.

    `pinball`: mean over LEVELS of the pinball loss. `naive_error`: what the count a week before missed by; None where
    there was none. `rank`: the share of the forecast distribution below the actual count, drawn within the count's own
    share (randomised PIT), so that it is uniform where the distribution is right.
    """

    hour: datetime
    lead_hours: int
    mean: float
    actual: int
    pinball: float
    rank: float
    naive_error: float | None = None
    level: float = 0.0
    """The naive's typical miss in this department, against which errors are scaled (MASE); 0: not known."""
