"""Handle times from a histogram: near the truth where much was seen, near the default where little was."""

from bisect import bisect_right
from collections import Counter
from math import exp, log, sqrt
from random import Random

import pytest

from supportix.staffing.handle_times import Default, HandleTimesInvalid, handle_times

EDGES = (0.0, *sorted({float(round(2 ** (number / 2))) for number in range(53)}))
DEFAULT = Default(mean_seconds=1_200, variation=1.0)


def sorted_in(times: list[float]) -> dict[int, int]:
    return Counter(bisect_right(EDGES, each) - 1 for each in times)


def test_many_exponential_times_are_told_by_their_buckets():
    dice = Random(1)  # noqa: S311 - repeatable, and no secret.
    times = [dice.expovariate(1 / 600) for _ in range(20_000)]
    seen = handle_times(EDGES, sorted_in(times), DEFAULT, count=len(times), total_seconds=sum(times))
    assert seen.mean_seconds == pytest.approx(600, rel=0.02)
    assert seen.variation == pytest.approx(1, rel=0.05)
    for level in (0.1, 0.5, 0.8, 0.9, 0.99):
        assert seen.quantile(level) == pytest.approx(-600 * log(1 - level), rel=0.06)


def test_what_takes_always_the_same_has_hardly_a_spread():
    seen = handle_times(
        EDGES, {bisect_right(EDGES, 600) - 1: 1_000}, DEFAULT, count=1_000, total_seconds=600_000, weight=0
    )
    assert seen.variation < 0.12, "no wider than the bucket"
    assert 512 <= seen.quantile(0.01) < seen.quantile(0.99) <= 724


def test_where_none_was_seen_the_default_is_told():
    seen = handle_times(EDGES, {}, Default(mean_seconds=900, variation=0.8))
    assert (seen.seen, seen.mean_seconds) == (0, 900)
    assert seen.variation == pytest.approx(0.8, rel=0.05)
    sigma = sqrt(log(1 + 0.64))
    assert seen.quantile(0.5) == pytest.approx(900 * exp(-sigma * sigma / 2), rel=0.02)


def test_few_are_drawn_towards_the_default_by_its_weight():
    few = handle_times(EDGES, sorted_in([300.0] * 5), DEFAULT, count=5, total_seconds=1_500, weight=20)
    assert few.mean_seconds == pytest.approx((1_500 + 20 * 1_200) / 25)
    means = [
        handle_times(EDGES, sorted_in([300.0] * n), DEFAULT, count=n, total_seconds=300.0 * n).mean_seconds
        for n in (0, 1, 10, 100, 10_000)
    ]
    assert means == sorted(means, reverse=True)
    assert means[-1] == pytest.approx(300, rel=0.01)


def test_a_past_that_tells_only_sums_gives_the_mean_and_the_default_the_shape():
    seen = handle_times(EDGES, {}, DEFAULT, count=5_000, total_seconds=5_000 * 450.0)
    assert seen.mean_seconds == pytest.approx(450, rel=0.01)
    assert seen.variation == pytest.approx(1, rel=0.05)
    assert 100 < seen.quantile(0.5) < 450


def test_quantiles_rise_with_their_level_to_the_end_of_the_last_bucket():
    seen = handle_times((0, 60, 120), {0: 10, 2: 10}, DEFAULT, weight=0)
    told = [seen.quantile(level / 20) for level in range(21)]
    assert told == sorted(told)
    assert (told[0], told[10], told[-1]) == (0, 60, 240)


def test_within_a_wide_bucket_times_are_even_in_their_logarithm():
    seen = handle_times((1, 100), {0: 10}, DEFAULT, weight=0)
    assert seen.quantile(0.5) == pytest.approx(10)
    assert seen.mean_seconds == pytest.approx(99 / log(100))


@pytest.mark.parametrize(
    "refused",
    [
        lambda: handle_times((0,), {}, DEFAULT),
        lambda: handle_times((0, 2, 1), {}, DEFAULT),
        lambda: handle_times((-1, 2), {}, DEFAULT),
        lambda: handle_times(EDGES, {99: 1}, DEFAULT),
        lambda: handle_times(EDGES, {1: -1}, DEFAULT),
        lambda: handle_times(EDGES, {1: 5}, DEFAULT, count=3),
        lambda: handle_times(EDGES, {1: 5}, DEFAULT, count=9),
        lambda: handle_times(EDGES, {1: 5}, DEFAULT, total_seconds=-1.0),
        lambda: handle_times(EDGES, {}, DEFAULT, weight=0),
        lambda: handle_times(EDGES, {}, DEFAULT, weight=-1),
        lambda: handle_times(EDGES, {}, Default(mean_seconds=0)),
        lambda: handle_times(EDGES, {}, Default(mean_seconds=60, variation=0)),
        lambda: handle_times(EDGES, {}, DEFAULT).quantile(1.5),
    ],
)
def test_nonsense_is_refused(refused):
    with pytest.raises(HandleTimesInvalid, match="expected"):
        refused()
