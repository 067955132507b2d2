"""What may happen to forecasts at a small desk in a random history: of any department, and of the whole desk."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.issued import hours, score
from tests.small_desk import START, Choices, Desk, Step

from supportix.domain.aggregate import DomainEvent
from supportix.domain.department import Department
from supportix.domain.forecast_day import ForecastDay, forecast_day_id, utc_day
from supportix.domain.forecast_model import Drift, ForecastModel, forecast_model_id
from supportix.domain.forecast_words import CandidateScore, Confidence, Horizon
from supportix.domain.ids import DepartmentId

HOUR = timedelta(hours=1)
BEGINS = [START.replace(minute=0) + number * HOUR for number in (0, 1, 2, 16, 17)]
"""The last two are of another day."""


def _issue(desk: Desk, step: Step) -> list[DomainEvent]:
    choices = Choices(step.what)
    begin, horizon = choices.of(BEGINS), choices.of((Horizon.DAY, Horizon.DAY, Horizon.FORTNIGHT))
    means = (step.what % 30 / 4, 2.5, 0.0)[: choices.of((3, 2))]
    day = _day(desk, _whose(desk, step), BEGINS.index(begin))
    about = {"confidence": choices.of(list(Confidence)), "reason": choices.of(("", "„Größe“ \x00 best"))}
    day.issue(horizon, hours(begin, *means), model="poisson", based_on=len(desk.log), carry=0.25, at=desk.now, **about)
    return list(day.collect_events())


def _update(desk: Desk, step: Step) -> list[DomainEvent]:
    """Refused where it wasn't issued for the day."""
    place = step.what % len(BEGINS)
    day = _day(desk, _whose(desk, step), place)
    day.update(hours(BEGINS[place], step.what % 50, 3), arrived=step.what % 50, elapsed_seconds=600, at=desk.now)
    return list(day.collect_events())


def _score(desk: Desk, step: Step) -> list[DomainEvent]:
    """Up to two hours, some of which were scored before."""
    choices = Choices(step.what)
    place, lead, naive = choices.of(range(len(BEGINS))), choices.of((1, 24)), choices.of((None, 1.5))
    day = _day(desk, _whose(desk, step), place)
    scores = [
        score(begin, step.what / 8, step.which, lead_hours=lead, naive_error=naive, rank=step.which / 32)
        for begin in BEGINS[: choices.of((1, 2))]
    ]
    return list(day.score(tuple(scores), at=desk.now).collect_events())


def _choose(desk: Desk, step: Step) -> list[DomainEvent]:
    choices = Choices(step.what)
    name = choices.of(("poisson", "boosting", "hour of the week"))
    evaluated = choices.of((None, (START - HOUR, START)))
    scores = (CandidateScore(name, wape=0.25, mase=0.5, crps=1.5), CandidateScore("arima", why_not="too short"))
    model = _model(desk, _whose(desk, step))
    about = {
        "confidence": choices.of(list(Confidence)),
        "reason": "the least error",
        "settings": f'{{"n": {step.what}}}',
    }
    model.choose(name, members=(name,) * choices.of((1, 2)), scores=scores, evaluated=evaluated, at=desk.now, **about)
    return list(model.collect_events())


def _ask(desk: Desk, step: Step) -> list[DomainEvent]:
    """Refused where none was chosen, as is what follows."""
    return list(_model(desk, _whose(desk, step)).ask_for_choice(at=desk.now).collect_events())


def _tell_drift(desk: Desk, step: Step) -> list[DomainEvent]:
    drift = Drift(found=step.what % 2 == 0, hours=48, pinball=step.what / 4, expected=1.25, reason="worse")
    return list(_model(desk, _whose(desk, step)).tell_drift(drift, at=desk.now).collect_events())


def _whose(desk: Desk, step: Step) -> DepartmentId | None:
    departments = desk.all(Department)
    place = step.which % (len(departments) + 1)
    return DepartmentId(departments[place].id) if place < len(departments) else None


def _day(desk: Desk, department_id: DepartmentId | None, place: int) -> ForecastDay:
    stream_id = forecast_day_id(department_id, utc_day(BEGINS[place]))
    return _known(desk, stream_id) or ForecastDay(id=stream_id, department_id=department_id)


def _model(desk: Desk, department_id: DepartmentId | None) -> ForecastModel:
    stream_id = forecast_model_id(department_id)
    return _known(desk, stream_id) or ForecastModel(id=stream_id, department_id=department_id)


def _known(desk: Desk, stream_id: UUID) -> Any:
    known = desk.state.get(stream_id)
    return None if known is None else known.copy()


FORECAST_STEPS: Mapping[str, Callable[[Desk, Step], list[DomainEvent]]] = {
    "issue forecast": _issue,
    "update forecast": _update,
    "score forecast": _score,
    "choose model": _choose,
    "ask for model": _ask,
    "tell drift": _tell_drift,
}
