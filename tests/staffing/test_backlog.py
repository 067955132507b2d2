"""Queues to come: by hand where nothing is random, and against days played out event by event."""

from datetime import UTC, datetime
from statistics import mean, quantiles

import pytest
from tests.staffing.queues import played_day

from supportix.staffing.backlog import queue_forecast
from supportix.staffing.erlang import erlang_c
from supportix.staffing.work import Arrivals, ArrivalsInvalid, StaffInvalid, Work, WorkInvalid

HOUR = 3600.0
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def hourly(means: list[float], **bands: list[float]) -> Arrivals:
    named = {name.replace("p", "0."): tuple(values) for name, values in bands.items()}
    return Arrivals(begin=MONDAY, step_seconds=HOUR, mean=tuple(means), quantiles=named)


def test_what_is_certain_can_be_reckoned_by_hand():
    """Three agents take 9 an hour: of 40 waiting and 3, 3, 30 and 3 coming, 34, 28, 49 and 43 are left."""
    told = queue_forecast(hourly([3, 3, 30, 3]), [3] * 4, Work(handle_seconds=1_200), waiting=40)
    assert told.fluid == pytest.approx([34, 28, 49, 43])
    assert told.length == pytest.approx(43, abs=3)


def test_a_desk_that_holds_nothing_yet_takes_as_much_as_it_has_places():
    work = Work(handle_seconds=10 * HOUR, concurrency=10)
    told = queue_forecast(hourly([0.0]), [2], work, waiting=30, in_work=0)
    assert told.fluid[0] == pytest.approx(30 - 20 - 2, abs=0.5), "20 places, and about 2 that are freed in the hour"


def test_what_an_agent_holds_stays_with_it_overnight_and_rests():
    """Five held and 20 waiting; after a night without agents, 5 an hour are ended, and as many taken."""
    told = queue_forecast(hourly([0, 0, 0]), [5, 0, 5], Work(handle_seconds=HOUR), waiting=20, in_work=5)
    assert told.fluid == pytest.approx([15, 15, 10])


def test_without_agents_everything_waits():
    told = queue_forecast(hourly([5, 5]), [0, 0], Work(handle_seconds=600), waiting=3)
    assert told.fluid == pytest.approx([8, 13])
    assert told.mean[-1] == pytest.approx(13, abs=1)


def test_in_the_long_run_the_mean_queue_is_that_of_erlang_c():
    agents, load = 4, 3.2
    told = queue_forecast(hourly([load * 3] * 240), [agents] * 240, Work(handle_seconds=1_200))
    assert mean(told.mean[60:]) == pytest.approx(erlang_c(agents, load) * load / (agents - load), rel=0.1)
    assert max(told.fluid) == 0, "which chance alone makes wait"


@pytest.mark.parametrize(
    ("means", "agents", "handle"),
    [
        ([4, 8, 20, 30, 22, 12, 8, 6], [4, 4, 4, 6, 8, 6, 4, 4], 1_200.0),
        ([10, 10, 10, 40, 10, 10, 10, 10], [6, 6, 6, 6, 6, 6, 3, 3], 1_500.0),
        ([3, 3, 3, 3, 3, 3, 3, 3], [3, 3, 3, 1, 1, 1, 3, 3], 2_700.0),
    ],
)
def test_the_band_is_that_of_days_played_out(means: list[float], agents: list[int], handle: float):
    days = [played_day(means, agents, handle, HOUR, HOUR, waiting=6, seed=seed) for seed in range(600)]
    told = queue_forecast(hourly(means), agents, Work(handle_seconds=handle), waiting=6, in_work=0)
    for number in range(len(means)):
        lengths = [day.waiting[number] for day in days]
        cuts = quantiles(lengths, n=10)
        slack = 1.5 + 0.12 * mean(lengths)
        assert told.mean[number] == pytest.approx(mean(lengths), abs=slack)
        assert told.quantiles["0.1"][number] == pytest.approx(cuts[0], abs=slack + 1)
        assert told.quantiles["0.9"][number] == pytest.approx(cuts[8], abs=slack + 0.1 * cuts[8])


def test_arrivals_that_are_less_certain_make_the_band_wider_not_the_level_higher():
    means = [30.0] * 8
    sure = queue_forecast(hourly(means), [10] * 8, Work(handle_seconds=1_200), waiting=20)
    unsure = queue_forecast(
        hourly(means, p1=[15.0] * 8, p9=[48.0] * 8), [10] * 8, Work(handle_seconds=1_200), waiting=20
    )
    widths = [each.quantiles["0.9"][-1] - each.quantiles["0.1"][-1] for each in (sure, unsure)]
    assert widths[1] > 2 * widths[0]
    assert unsure.fluid == sure.fluid


def test_the_same_seed_gives_the_same_band_and_another_one_another():
    arrivals = hourly([9.0] * 4)
    one, again, other = (
        queue_forecast(arrivals, [3] * 4, Work(handle_seconds=1_200), waiting=9, seed=seed) for seed in (1, 1, 2)
    )
    assert one == again != other


@pytest.mark.parametrize(
    ("refusal", "refused"),
    [
        (ArrivalsInvalid, lambda: queue_forecast(hourly([-1]), [1], Work(handle_seconds=60))),
        (WorkInvalid, lambda: queue_forecast(hourly([1]), [1], Work(handle_seconds=-60))),
        (StaffInvalid, lambda: queue_forecast(hourly([1]), [1, 1], Work(handle_seconds=60))),
        (StaffInvalid, lambda: queue_forecast(hourly([1]), [float("inf")], Work(handle_seconds=60))),
        (StaffInvalid, lambda: queue_forecast(hourly([1]), [1], Work(handle_seconds=60), waiting=-2)),
        (StaffInvalid, lambda: queue_forecast(hourly([1]), [1], Work(handle_seconds=60), in_work=float("nan"))),
    ],
)
def test_nonsense_is_refused(refusal, refused):
    with pytest.raises(refusal, match="expected"):
        refused()
