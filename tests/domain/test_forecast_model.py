"""Which model is in use, that a choice is asked for once, and that drift is told once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.given import STREAM, but, given, given_nothing

from supportix.domain.forecast_model import (
    Drift,
    ForecastChoiceAsked,
    ForecastDriftFound,
    ForecastDriftPassed,
    ForecastModel,
    ForecastModelChosen,
    ModelNotChosen,
)
from supportix.domain.forecast_words import CandidateScore, Confidence
from supportix.domain.ids import DepartmentId

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = AT + timedelta(hours=5)
BILLING = DepartmentId(UUID(int=0xB))
SCORES = (CandidateScore("poisson", wape=0.2, mase=0.7, crps=1.5), CandidateScore("boosting", why_not="too short"))
CHOSEN = ForecastModelChosen(
    occurred_at=AT,
    department_id=BILLING,
    model="poisson",
    members=("poisson",),
    confidence=Confidence.NORMAL,
    reason="its error was least",
    scores=SCORES,
    evaluated_from=AT - timedelta(days=28),
    evaluated_until=AT,
    settings="{}",
)
ASKED = ForecastChoiceAsked(occurred_at=NOW, department_id=BILLING)
WORSE = Drift(found=True, hours=48, pinball=2.5, expected=1.5, reason="two thirds worse")
FINE = Drift(found=False, hours=48, pinball=1.25, expected=1.5)
FOUND = ForecastDriftFound(
    occurred_at=NOW, department_id=BILLING, hours=48, pinball=2.5, expected=1.5, reason="two thirds worse"
)
PASSED = ForecastDriftPassed(occurred_at=NOW, department_id=BILLING, hours=48, pinball=1.25, expected=1.5)


def choosing(evaluated=(CHOSEN.evaluated_from, CHOSEN.evaluated_until), *, at=AT):
    def choose(model):
        model = model or ForecastModel(id=STREAM, department_id=BILLING)
        about = {"members": ("poisson",), "confidence": Confidence.NORMAL, "reason": "its error was least"}
        return model.choose("poisson", scores=SCORES, evaluated=evaluated, settings="{}", at=at, **about)

    return choose


def telling(drift: Drift):
    return lambda model: model.tell_drift(drift, at=NOW)


def asking(model):
    return model.ask_for_choice(at=NOW)


def test_a_model_is_chosen_with_how_the_candidates_did():
    given_nothing().when(choosing()).then(CHOSEN)
    given_nothing().when(choosing(None)).then(but(CHOSEN, evaluated_from=None, evaluated_until=None))


def test_a_model_is_chosen_anew_as_often_as_needed():
    given(CHOSEN).when(choosing(at=NOW)).then(but(CHOSEN, occurred_at=NOW))
    state = given(CHOSEN, but(CHOSEN, occurred_at=NOW, model="boosting", settings="[1]")).aggregate
    assert (state.model, state.settings, state.chosen_at) == ("boosting", "[1]", NOW)


def test_a_choice_is_asked_for_once_until_it_was_made():
    given(CHOSEN).when(asking).then(ASKED)
    given(CHOSEN, ASKED).when(asking).then_nothing()
    given(CHOSEN, ASKED, CHOSEN).when(asking).then(ASKED)


def test_drift_is_told_once():
    given(CHOSEN).when(telling(WORSE)).then(FOUND)
    given(CHOSEN, FOUND).when(telling(WORSE)).then_nothing()


def test_that_drift_has_passed_is_told_once():
    given(CHOSEN).when(telling(FINE)).then_nothing()
    given(CHOSEN, FOUND).when(telling(FINE)).then(PASSED)
    given(CHOSEN, FOUND, PASSED).when(telling(FINE)).then_nothing()
    given(CHOSEN, FOUND, PASSED).when(telling(WORSE)).then(FOUND)


def test_a_drift_goes_on_under_a_model_that_was_chosen_anew_until_the_scores_say_otherwise():
    given(CHOSEN, FOUND, CHOSEN).when(telling(WORSE)).then_nothing()
    given(CHOSEN, FOUND, CHOSEN).when(telling(FINE)).then(PASSED)


@pytest.mark.parametrize("decide", [asking, telling(WORSE), telling(FINE)])
def test_nothing_is_told_of_a_model_before_one_was_chosen(decide):
    given_nothing().when(lambda _: decide(ForecastModel(id=STREAM))).then_refused(ModelNotChosen)
