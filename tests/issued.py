"""Forecasts as tests issue them: hours whose quantiles are those of a negative binomial count."""

from datetime import datetime
from typing import Any
from uuid import UUID

from supportix.domain.forecast_words import CandidateScore, Confidence, Horizon, HourScore, Steps
from supportix.forecasting.messages import ToChoose, ToIssue
from supportix.forecasting.negative_binomial import quantiles


def hours(begin: datetime, *means: float, shape: float = 20.0) -> Steps:
    """One hour for each mean."""
    columns = [quantiles(mean, shape) for mean in means]
    return Steps(begin, 3_600, tuple(map(float, means)), tuple(zip(*columns, strict=True)))


def to_issue(department_id: UUID | None, steps: Steps, horizon: Horizon = Horizon.DAY, **changes: Any) -> ToIssue:
    about = {"model": "hour of the week", "confidence": Confidence.NORMAL, "reason": "it was best", "carry": 0.5}
    return ToIssue(department_id=department_id, horizon=horizon, steps=steps, **about | changes)


def to_choose(department_id: UUID | None, model: str = "hour of the week", settings: str = "{}") -> ToChoose:
    return ToChoose(
        department_id=department_id,
        model=model,
        members=(model, "poisson"),
        confidence=Confidence.LOW,
        reason="it was best",
        scores=(CandidateScore(name=model, wape=0.25, mase=0.75, crps=1.5), CandidateScore("poisson", why_not="short")),
        evaluated=None,
        settings=settings,
    )


def score(hour: datetime, mean: float, actual: int, **changes: Any) -> HourScore:
    about: dict[str, Any] = {"lead_hours": 1, "pinball": 0.5, "rank": 0.5}
    return HourScore(hour=hour, mean=mean, actual=actual, **about | changes)
