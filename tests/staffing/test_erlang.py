"""Erlang B, C and A: published values, what has to hold for any queue, and queues played out event by event."""

from itertools import pairwise
from math import inf, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.staffing.queues import bands, played

from supportix.domain.errors import InvalidInput
from supportix.staffing.erlang import (
    QueueInvalid,
    average_wait,
    erlang_a,
    erlang_b,
    erlang_c,
    occupancy,
    service_level,
    without_abandonment,
)

AGENTS = st.integers(1, 300)
LOADS = st.floats(0.01, 400)
SECONDS = st.floats(1, 20_000)


@pytest.mark.parametrize(
    ("lines", "load", "blocking"),
    [(15, 8.108, 0.01), (5, 1.36, 0.01), (10, 4.46, 0.01), (20, 12.0, 0.01), (10, 5.08, 0.02), (20, 13.2, 0.02),
     (100, 84.1, 0.01), (100, 88.0, 0.02), (10, 6.22, 0.05), (5, 2.22, 0.05)],
)  # fmt: skip
def test_erlang_b_agrees_with_the_traffic_tables(lines: int, load: float, blocking: float):
    """Which tell, to three digits, the load that so many lines carry at that blocking."""
    digit = 10 ** (-2 if load < 10 else -1)
    assert erlang_b(lines, load - digit) < blocking < erlang_b(lines, load + digit)


def test_erlang_c_agrees_with_the_closed_form_of_few_agents():
    """C(1, a) = a and C(2, a) = a² / (2 + a)."""
    for load in (0.1, 0.5, 0.99):
        assert isclose(erlang_c(1, load), load)
        assert isclose(erlang_c(2, 2 * load), (2 * load) ** 2 / (2 + 2 * load))


def test_a_hundred_calls_in_half_an_hour():
    """Three other calculators agree on these: 14 agents, 3 minutes a call, 20 seconds."""
    seen = without_abandonment(14, 100 * 180 / 1800, 180, 20)
    assert round(seen.service_level, 5) == 0.88835
    assert round(seen.occupancy, 5) == 0.71429
    assert round(seen.p_wait, 5) == 0.17413


def test_fifty_agents_with_and_without_patience():
    """Table 1 of Garnett, Mandelbaum and Reiman: 48 calls a minute of a minute each, 2 minutes of patience."""
    patient, impatient = without_abandonment(50, 48, 60, 20), erlang_a(50, 48, 60, 120, 20)
    assert round(patient.mean_wait_seconds, 1) == 20.8
    assert round(patient.occupancy, 2) == 0.96
    assert round(impatient.mean_wait_seconds, 1) == 3.7
    assert round(impatient.abandonment, 3) == 0.031
    assert round(impatient.occupancy, 2) == 0.93
    assert round(48 / 60 * impatient.mean_wait_seconds) == 3, "callers in the queue"
    assert erlang_a(50, 48, 60, 120, 12.5).service_level + impatient.abandonment == pytest.approx(0.9, abs=0.03)


def test_with_a_load_of_as_many_agents_or_more_the_queue_of_erlang_c_grows_without_end():
    for load in (5, 5.5, 50):
        seen = without_abandonment(5, load, 180, 20)
        assert (seen.p_wait, seen.service_level, seen.mean_wait_seconds, seen.occupancy) == (1, 0, inf, 1)


def test_where_nobody_works_everybody_leaves():
    seen = erlang_a(0, 5, 180, 60, 1e6)
    assert seen.abandonment == pytest.approx(1)
    assert seen.mean_wait_seconds == pytest.approx(60)
    assert seen.service_level == 0


def test_twice_the_load_that_can_be_served_leaves_half_of_the_callers():
    """As the fluid says: of many agents, all busy, half leave after p ln 2 seconds, which is the wait of the others."""
    seen = erlang_a(2_000, 4_000, 180, 600, 600 * 0.6)
    assert seen.abandonment == pytest.approx(0.5, abs=1e-6)
    assert seen.mean_wait_seconds == pytest.approx(300, abs=1e-3)
    assert seen.service_level == pytest.approx(0, abs=1e-6)
    assert erlang_a(2_000, 4_000, 180, 600, 600 * 0.8).service_level == pytest.approx(0.5, abs=1e-6)


@given(agents=AGENTS, load=LOADS, handle=SECONDS, within=SECONDS)
def test_endless_patience_is_erlang_c(agents: int, load: float, handle: float, within: float):
    load = min(load, agents * 0.98)
    one, other = without_abandonment(agents, load, handle, within), erlang_a(agents, load, handle, 1e12, within)
    assert other.service_level == pytest.approx(one.service_level, abs=1e-5)
    assert other.p_wait == pytest.approx(one.p_wait, abs=1e-5)
    assert other.mean_wait_seconds == pytest.approx(one.mean_wait_seconds, rel=1e-4, abs=1e-4)
    assert other.occupancy == pytest.approx(one.occupancy, abs=1e-5)


@given(agents=AGENTS, load=LOADS, handle=SECONDS, patience=SECONDS, within=SECONDS)
def test_every_figure_is_a_share_and_all_customers_are_accounted_for(
    agents: int, load: float, handle: float, patience: float, within: float
):
    seen = erlang_a(agents, load, handle, patience, within)
    for share in (seen.p_wait, seen.service_level, seen.abandonment, seen.occupancy):
        assert 0 <= share <= 1
    assert 1 - seen.p_wait - 1e-9 <= seen.service_level <= 1 - seen.abandonment + 1e-9
    assert seen.mean_wait_seconds == pytest.approx(patience * seen.abandonment, rel=1e-6, abs=1e-9)
    forever = erlang_a(agents, load, handle, patience, 1e9)
    assert forever.service_level == pytest.approx(1 - seen.abandonment, abs=1e-9)


@given(agents=AGENTS, load=LOADS, handle=SECONDS, patience=SECONDS, within=SECONDS)
def test_one_agent_more_serves_better_and_one_caller_more_worse(
    agents: int, load: float, handle: float, patience: float, within: float
):
    slack = 1e-9
    now, more = (erlang_a(each, load, handle, patience, within) for each in (agents, agents + 1))
    busier = erlang_a(agents, load * 1.1, handle, patience, within)
    assert more.service_level >= now.service_level - slack >= busier.service_level - 2 * slack
    assert more.abandonment <= now.abandonment + slack <= busier.abandonment + 2 * slack
    assert more.p_wait <= now.p_wait + slack <= busier.p_wait + 2 * slack
    assert more.occupancy <= now.occupancy + slack <= busier.occupancy + 2 * slack
    assert erlang_b(agents + 1, load) <= erlang_b(agents, load) <= erlang_b(agents, load * 1.1)
    assert erlang_c(agents + 1, load) <= erlang_c(agents, load) + slack <= erlang_c(agents, load * 1.1) + 2 * slack
    assert service_level(agents + 1, load, handle, within) >= service_level(agents, load, handle, within) - slack
    assert average_wait(agents + 1, load, handle) <= average_wait(agents, load, handle)
    assert occupancy(agents + 1, load) <= occupancy(agents, load)


@given(agents=AGENTS, load=LOADS, handle=SECONDS, patience=SECONDS, within=SECONDS)
def test_more_time_serves_more_in_time(agents: int, load: float, handle: float, patience: float, within: float):
    shares = [erlang_a(agents, load, handle, patience, within * each).service_level for each in (0, 0.5, 1, 2)]
    assert all(less <= more + 1e-9 for less, more in pairwise(shares))


@pytest.mark.parametrize("patience", [0.01, 60, 3_600, 1e8])
@pytest.mark.parametrize("load", [0.001, 9_000, 10_000, 11_000, 30_000])
def test_ten_thousand_agents_are_no_trouble_at_any_load(load: float, patience: float):
    seen = erlang_a(10_000, load, 180, patience, 20)
    assert 0 <= seen.service_level <= 1
    assert seen.abandonment >= 1 - 10_000 / load - 1e-9, "agents can't serve more than they have time for"


CALLS = [
    (1, 0.5, None), (2, 1.2, None), (3, 2.4, None), (5, 3.5, None), (8, 6.4, None),
    (12, 9.0, None), (20, 17.0, None), (30, 26.0, None), (50, 44.0, None), (14, 10.0, None),
    (1, 0.8, 300.0), (2, 3.0, 60.0), (3, 2.7, 180.0), (5, 6.0, 120.0), (8, 8.0, 600.0),
    (12, 15.0, 90.0), (20, 19.0, 240.0), (30, 33.0, 180.0), (50, 48.0, 360.0), (10, 30.0, 60.0),
]  # fmt: skip
HANDLE, WITHIN = 180.0, 30.0
CUSTOMERS = 24_000


@pytest.mark.parametrize(("agents", "load", "patience"), CALLS)
def test_queues_played_out_agree_with_the_formulas(agents: int, load: float, patience: float | None):
    def replication(seed: int):
        return played(agents, load, HANDLE, patience, WITHIN, customers=CUSTOMERS, seed=1_000 * agents + seed)

    said = (
        without_abandonment(agents, load, HANDLE, WITHIN)
        if patience is None
        else erlang_a(agents, load, HANDLE, patience, WITHIN)
    )
    found = bands(replication)
    assert found["service_level"].half < 0.035, "a wide band would agree with anything"
    assert found["mean_wait_seconds"].half < max(2.5, 0.25 * said.mean_wait_seconds)
    for name, band in found.items():
        assert band.holds(getattr(said, name)), f"{name}: {getattr(said, name)} isn't within {band}"


@pytest.mark.parametrize(
    "refused",
    [
        lambda: erlang_b(-1, 5),
        lambda: erlang_b(5, -0.1),
        lambda: erlang_c(5, float("nan")),
        lambda: service_level(5, 2, 0, 20),
        lambda: service_level(5, 2, 180, -1),
        lambda: average_wait(5, inf, 180),
        lambda: erlang_a(5, 2, 180, 0, 20),
        lambda: erlang_a(5, 2, 180, inf, 20),
        lambda: erlang_a(5, 2, -180, 60, 20),
    ],
)
def test_nonsense_is_refused(refused):
    with pytest.raises(QueueInvalid, match="expected") as caught:
        refused()
    assert isinstance(caught.value, InvalidInput)
