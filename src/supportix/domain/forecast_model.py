"""Which model forecasts a department, or the whole desk: how it was chosen, and whether it has drifted since.

Owns the streams of forecast models: emits ForecastModelChosen, ForecastChoiceAsked,
ForecastDriftFound and ForecastDriftPassed.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid5

import msgspec

from supportix.domain.aggregate import Aggregate
from supportix.domain.errors import Conflict
from supportix.domain.forecast_day import ForecastFact
from supportix.domain.forecast_words import DESK_ID, CandidateScore, Confidence
from supportix.domain.ids import DepartmentId

# Names in TOPIC and the names of fields are the storage format of years of history: never change them, add a version.


class ForecastModelChosen(ForecastFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`settings`: all that fitting again needs, as JSON, so that a restart doesn't evaluate again.

    A drift goes on until the scores say otherwise. The candidates were evaluated on the series' hours from
    `evaluated_from` to `evaluated_until` alone.
    """

    TOPIC: ClassVar[str] = "forecast_model.chosen.v1"
    model: str
    members: tuple[str, ...]
    confidence: Confidence
    reason: str
    scores: tuple[CandidateScore, ...]
    evaluated_from: datetime | None = None
    evaluated_until: datetime | None = None
    settings: str

    def apply(self, model: "ForecastModel") -> None:
        model.department_id = self.department_id
        model.model = self.model
        model.chosen_at = self.occurred_at
        model.settings = self.settings
        model.choice_asked = False


class ForecastDriftFound(ForecastFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The forecasts have become worse than when the model was chosen.

    `pinball` is the mean over the `hours` scored last, `expected` the same over the time before.
    """

    TOPIC: ClassVar[str] = "forecast_model.drift_found.v1"
    hours: int
    pinball: float
    expected: float
    reason: str

    def apply(self, model: "ForecastModel") -> None:
        model.drifted = True


class ForecastDriftPassed(ForecastFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "forecast_model.drift_passed.v1"
    hours: int
    pinball: float
    expected: float

    def apply(self, model: "ForecastModel") -> None:
        model.drifted = False


class ForecastChoiceAsked(ForecastFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A person wants the model to be chosen anew, at the next hour."""

    TOPIC: ClassVar[str] = "forecast_model.choice_asked.v1"

    def apply(self, model: "ForecastModel") -> None:
        model.choice_asked = True


class Drift(msgspec.Struct, frozen=True):
    """What a look at the hours scored last has found. `pinball`: their mean; `expected`: that of the time before."""

    found: bool
    hours: int
    pinball: float
    expected: float
    reason: str = ""


class ForecastModel(Aggregate, kw_only=True):
    """The model in use, if one was chosen, and whether it has drifted since."""

    department_id: DepartmentId | None = None
    model: str = ""
    settings: str = ""
    chosen_at: datetime | None = None
    drifted: bool = False
    choice_asked: bool = False

    def choose(
        self,
        model: str,
        *,
        members: tuple[str, ...],
        confidence: Confidence,
        reason: str,
        scores: tuple[CandidateScore, ...],
        evaluated: tuple[datetime, datetime] | None,
        settings: str,
        at: datetime,
    ) -> "ForecastModel":
        """Forecast by this model from now on."""
        return self.record(
            ForecastModelChosen(
                occurred_at=at,
                department_id=self.department_id,
                model=model,
                members=members,
                confidence=confidence,
                reason=reason,
                scores=scores,
                evaluated_from=evaluated[0] if evaluated else None,
                evaluated_until=evaluated[1] if evaluated else None,
                settings=settings,
            )
        )

    def ask_for_choice(self, *, at: datetime) -> "ForecastModel":
        """Have it chosen anew; nothing where that was asked before. Refused: ModelNotChosen."""
        self._must_be_chosen()
        if self.choice_asked:
            return self
        return self.record(ForecastChoiceAsked(occurred_at=at, department_id=self.department_id))

    def tell_drift(self, drift: Drift, *, at: datetime) -> "ForecastModel":
        """Record that the model drifts, or no longer does; nothing where that was known. Refused: ModelNotChosen."""
        self._must_be_chosen()
        if drift.found is self.drifted:
            return self
        if drift.found:
            return self.record(
                ForecastDriftFound(
                    occurred_at=at,
                    department_id=self.department_id,
                    hours=drift.hours,
                    pinball=drift.pinball,
                    expected=drift.expected,
                    reason=drift.reason,
                )
            )
        return self.record(
            ForecastDriftPassed(
                occurred_at=at,
                department_id=self.department_id,
                hours=drift.hours,
                pinball=drift.pinball,
                expected=drift.expected,
            )
        )

    def _must_be_chosen(self) -> None:
        if self.chosen_at is None:
            raise ModelNotChosen("no model was chosen yet; the first one is, at the hour after the first traffic")


class ModelNotChosen(Conflict):
    """No model has been chosen that this could be about."""


def forecast_model_id(department_id: UUID | None) -> UUID:
    """The stream of a department's model, or the desk's."""
    return uuid5(department_id or DESK_ID, "forecast model")


for _fact in (ForecastModelChosen, ForecastChoiceAsked, ForecastDriftFound, ForecastDriftPassed):
    _fact.AGGREGATE = ForecastModel
