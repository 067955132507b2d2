"""The model is chosen by the department's own past, told in words, and can be stored."""

import msgspec
import numpy as np
import pytest
from tests.forecasting.traffic import DAY, counts, series

from supportix.forecasting.calendar import ALWAYS_OPEN
from supportix.forecasting.candidates import DEFAULT, FLOOR
from supportix.forecasting.choosing import BUCKETS, Choice, choose


@pytest.fixture(scope="module")
def choice() -> Choice:
    return choose(series(counts(40, seed=11)), ALWAYS_OPEN, window_days=5)


def test_it_keeps_the_scores_of_all_and_why_it_chose(choice: Choice) -> None:
    assert {FLOOR, "gamma_level", "poisson_glm", "boosting", "mstl_arima", "auto_theta", DEFAULT.name} <= set(
        choice.scores
    )
    assert choice.scores[choice.mixture.name].crps < choice.scores[FLOOR].crps
    assert "below the same hour a week before" in choice.reason
    assert "counts are too large" in choice.left_out["croston"]
    assert (choice.confidence, choice.history_hours) == ("normal", 40 * DAY)
    assert len(choice.errors) == len(BUCKETS)
    assert choice.window_end is not None
    assert choice.window_begin is not None
    assert (choice.window_end - choice.window_begin).days == 5


def test_it_can_be_stored(choice: Choice) -> None:
    assert msgspec.json.decode(msgspec.json.encode(choice), type=Choice) == choice


def test_where_nothing_beats_the_week_before_that_is_the_model() -> None:
    """Each week is the same as the one before, to the last count."""
    week = np.random.default_rng(1).integers(0, 60, 168).astype(np.float64)
    found = choose(series(np.tile(week, 5)), ALWAYS_OPEN, window_days=3)
    assert found.mixture.members == (FLOOR,)
    assert found.reason == "nothing was clearly better than the same hour a week before"


def test_a_tiny_queue_tries_models_for_intermittent_demand() -> None:
    found = choose(series(counts(40, mean=0.2)), ALWAYS_OPEN, window_days=3)
    assert {"croston", "tsb", "adida"} <= set(found.scores)


@pytest.mark.parametrize(("days", "confidence"), [(0, "none"), (0.5, "low"), (9, "low"), (15, "normal")])
def test_a_short_history_is_not_evaluated_and_says_how_sure_it_is(days: float, confidence: str) -> None:
    found = choose(series(counts(20)[: int(days * DAY)]), ALWAYS_OPEN)
    assert (found.mixture.members, found.confidence) == (("gamma_level",), confidence)


def test_an_evaluation_tells_how_far_it_is_and_can_be_ended() -> None:
    told: list[tuple[int, int]] = []

    def stop_after_two(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        choose(series(counts(40)), ALWAYS_OPEN, window_days=5, told=stop_after_two)
    assert told == [(0, 5 * DAY), (DAY, 5 * DAY)]
