"""Simulations against queueing theory: M/M/c, whose mean wait and share of those who wait Erlang's C formula gives."""

from math import factorial
from random import Random
from statistics import mean, stdev

import pytest
from tests.simulation.written import Written

from supportix.simulation.question import Alternative, Question, StaffChange
from supportix.simulation.run import compare

TICKETS = 4_000
HANDLE_MINUTES = 10.0
RUNS = 8
WITHIN = 3.0
"""How many standard errors the mean of the runs may lie from theory: by chance 1 in 50 times with so few runs."""


def erlang_c(agents: int, offered: float) -> float:
    """The share of arrivals that wait, where `offered` = arrival rate x handle time (Erlang 1917)."""
    top = offered**agents / factorial(agents) * agents / (agents - offered)
    return top / (sum(offered**n / factorial(n) for n in range(agents)) + top)


def mean_wait(agents: int, offered: float) -> float:
    """In minutes."""
    return erlang_c(agents, offered) * HANDLE_MINUTES / (agents - offered)


def a_history(seed: int, offered: float) -> Written:
    """Poisson arrivals and exponential handle times, as somebody with room for all had them."""
    dice = Random(seed)  # noqa: S311 - repeatable, and no secret.
    written = Written()
    billing = written.department("Billing")
    written.agent(billing)
    now = 0.0
    for _ in range(TICKETS):
        now += dice.expovariate(offered / HANDLE_MINUTES)
        written.anyhow(billing, opened=now, ended=now + dice.expovariate(1 / HANDLE_MINUTES))
    return written


@pytest.mark.parametrize(("agents", "offered"), [(1, 0.6), (3, 2.1), (8, 6.4)])
def test_the_wait_of_as_many_agents_is_that_of_erlang_c(agents: int, offered: float) -> None:
    waits = []
    for seed in range(RUNS):
        changes = (StaffChange(agents - 1, "Billing"),) if agents > 1 else ()
        question = Question(alternatives=(Alternative(policy="round_robin", agents=changes),))
        run = compare(a_history(seed, offered).entries, question, lambda *_: None).runs[-1].figures
        assert run.tickets == TICKETS
        waits.append(run.waits.mean / 60)
    error = stdev(waits) / RUNS**0.5
    assert error < mean_wait(agents, offered) / 8
    assert abs(mean(waits) - mean_wait(agents, offered)) < WITHIN * error
