"""The forecasts of one department, or of the whole desk, that were issued on one UTC day, and what became of them.

Owns the streams of forecast days: emits ForecastIssued, ForecastUpdated and ForecastScored. What was issued can't be
changed afterwards, so accuracy is measured on what people were really told.
"""

from datetime import UTC, date, datetime
from typing import ClassVar
from uuid import UUID, uuid5

from supportix.domain.aggregate import Aggregate, Fact
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.forecast_words import DESK_ID, Confidence, Horizon, HourScore, Steps
from supportix.domain.ids import DepartmentId

# Names in TOPIC and the names of fields are the storage format of years of history: never change them, add a version.


class ForecastFact(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`department_id` None: of the whole desk."""

    department_id: DepartmentId | None = None


class ForecastIssued(ForecastFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`based_on`: the position of the log up to which arrivals were known. `model`: what made it, in words."""

    TOPIC: ClassVar[str] = "forecast.issued.v1"
    horizon: Horizon
    steps: Steps
    model: str
    confidence: Confidence
    based_on: int
    reason: str = ""
    carry: float = 0.5
    """How much of the surprise in the running hour is expected of the next."""
    quarter_shares: tuple[float, ...] = ()
    """How each hour's tickets fall on its quarters, four for each step; even ones where there are none."""

    def apply(self, day: "ForecastDay") -> None:
        day.department_id = self.department_id
        day.issued[self.horizon, self.steps.begin] = self.steps.end


class ForecastUpdated(ForecastFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What had arrived by then changed the forecast of the running hour and the next one.

    `steps` has two: the whole running hour, what has arrived included, and the next.
    """

    TOPIC: ClassVar[str] = "forecast.updated.v1"
    steps: Steps
    arrived: int
    elapsed_seconds: int

    def apply(self, day: "ForecastDay") -> None:
        day.department_id = self.department_id


class ForecastScored(ForecastFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The hours that have ended since, each against the forecast that was issued for it on this day."""

    TOPIC: ClassVar[str] = "forecast.scored.v1"
    scores: tuple[HourScore, ...]

    def apply(self, day: "ForecastDay") -> None:
        day.department_id = self.department_id
        day.scored |= dict.fromkeys(((score.hour, score.lead_hours) for score in self.scores), True)


class ForecastDay(Aggregate, kw_only=True):
    """What was issued on the day, by horizon and first step, with its end; and which hours were scored."""

    department_id: DepartmentId | None = None
    issued: dict[tuple[Horizon, datetime], datetime] = {}
    scored: dict[tuple[datetime, int], bool] = {}

    def issue(
        self,
        horizon: Horizon,
        steps: Steps,
        *,
        model: str,
        confidence: Confidence,
        based_on: int,
        reason: str,
        carry: float,
        quarter_shares: tuple[float, ...] = (),
        at: datetime,
    ) -> "ForecastDay":
        """Refused: AlreadyIssued, StepsInvalid, CarryOutOfRange."""
        steps.must_be_of_hours()
        if not 0 <= carry <= 1:
            raise CarryOutOfRange(f"{carry} of the surprise carried on; a share from 0 to 1 was expected")
        if (horizon, steps.begin) in self.issued:
            raise AlreadyIssued(
                f"one of horizon {horizon} that begins at {steps.begin:%Y-%m-%d %H:%M} was issued before"
            )
        return self.record(
            ForecastIssued(
                occurred_at=at,
                department_id=self.department_id,
                horizon=horizon,
                steps=steps,
                model=model,
                confidence=confidence,
                based_on=based_on,
                reason=reason,
                carry=carry,
                quarter_shares=quarter_shares,
            )
        )

    def update(self, steps: Steps, *, arrived: int, elapsed_seconds: int, at: datetime) -> "ForecastDay":
        """Refused: ForecastNotIssued, StepsInvalid."""
        steps.must_be_of_hours()
        if (Horizon.DAY, steps.begin) not in self.issued:
            raise ForecastNotIssued(f"none of the day from {steps.begin:%Y-%m-%d %H:%M} was issued that could change")
        return self.record(
            ForecastUpdated(
                occurred_at=at,
                department_id=self.department_id,
                steps=steps,
                arrived=arrived,
                elapsed_seconds=elapsed_seconds,
            )
        )

    def score(self, scores: tuple[HourScore, ...], *, at: datetime) -> "ForecastDay":
        """Each hour and lead is scored once: what was scored before is passed over, and nothing recorded for it."""
        new: dict[tuple[datetime, int], HourScore] = {}
        for score in scores:
            new.setdefault((score.hour, score.lead_hours), score)
        left = tuple(score for key, score in new.items() if key not in self.scored)
        if not left:
            return self
        return self.record(ForecastScored(occurred_at=at, department_id=self.department_id, scores=left))


def forecast_day_id(department_id: UUID | None, day: date) -> UUID:
    """The stream of a department's forecasts, or the desk's, that are issued on this UTC day."""
    return uuid5(department_id or DESK_ID, f"forecasts of {day.isoformat()}")


def utc_day(at: datetime) -> date:
    """The UTC day that holds this moment."""
    return at.astimezone(UTC).date()


class AlreadyIssued(Conflict):
    """A forecast of this span was issued before."""


class ForecastNotIssued(Conflict):
    """No forecast of this hour was issued."""


class CarryOutOfRange(InvalidInput):
    """How much of a surprise is carried on is no share."""


for _fact in (ForecastIssued, ForecastUpdated, ForecastScored):
    _fact.AGGREGATE = ForecastDay
