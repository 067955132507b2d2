"""What can't be usual in a record is found, told, and not learned from."""

import numpy as np
from tests.forecasting.traffic import DAY, counts, series

from supportix.forecasting.calendar import ALWAYS_OPEN
from supportix.forecasting.robust import Cleaned, cleaned


def found(of: Cleaned) -> dict[str, int]:
    return {each.kind: each.count for each in of.findings}


def test_nothing_is_found_in_traffic_as_usual() -> None:
    for mean in (0.3, 3.0, 50.0, 2_000.0):
        assert found(cleaned(series(counts(60, mean=mean)), ALWAYS_OPEN)) == {}


def test_an_outage_is_found_where_silence_is_impossible() -> None:
    values = counts(60, mean=12)
    noon = 30 * DAY + 10
    values[noon : noon + 6] = 0
    clean = cleaned(series(values), ALWAYS_OPEN)
    assert found(clean) == {"outage": 1}
    assert np.flatnonzero(~clean.series.trusted).tolist() == list(range(noon, noon + 6))


def test_a_quiet_night_is_none() -> None:
    values = counts(60, mean=1)
    values[30 * DAY : 30 * DAY + 6] = 0
    assert found(cleaned(series(values), ALWAYS_OPEN)) == {}


def test_a_spike_is_found_and_not_learned_from() -> None:
    values = counts(60, mean=12)
    values[40 * DAY + 12] = 900
    clean = cleaned(series(values), ALWAYS_OPEN)
    assert found(clean) == {"spike": 1}
    assert np.flatnonzero(~clean.series.trusted).tolist() == [40 * DAY + 12]


def test_a_day_unlike_others_stays_out_of_the_profile() -> None:
    """A holiday that no calendar knows of."""
    values = counts(60, mean=20)
    values[28 * DAY : 29 * DAY] = np.round(values[28 * DAY : 29 * DAY] * 0.15)
    clean = cleaned(series(values), ALWAYS_OPEN)
    assert found(clean) == {"unusual_day": 1}
    assert np.flatnonzero(~clean.usual).tolist() == list(range(28 * DAY, 29 * DAY))


def test_a_lasting_jump_of_the_level_is_scaled_away() -> None:
    values = counts(60, mean=20)
    jumped = values.copy()
    jumped[45 * DAY :] = counts(60, mean=50, seed=8)[45 * DAY :]
    clean = cleaned(series(jumped), ALWAYS_OPEN)
    assert found(clean) == {"level_jump": 1}
    assert clean.series.counts[: 44 * DAY].mean() / values[: 44 * DAY].mean() > 2.1
    assert (clean.series.counts[46 * DAY :] == jumped[46 * DAY :]).all()


def test_what_lies_before_the_first_traffic_is_not_learned_from() -> None:
    values = counts(60, mean=20)
    values[: 30 * DAY] = 0
    clean = cleaned(series(values), ALWAYS_OPEN)
    assert found(clean) == {"not_begun": 1}
    assert not clean.series.trusted[: 30 * DAY].any()
