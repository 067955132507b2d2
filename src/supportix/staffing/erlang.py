"""Queues in a steady state: Erlang B, C and A, exact, for any load and many agents.

Loads are in erlangs: arrivals per second times mean handle seconds. Arrivals are Poisson, handle times and patience
exponential, waiting is first come, first served. An "agent" is one place for a contact.
"""

from collections.abc import Callable
from math import exp, expm1, inf, isfinite

import msgspec

from supportix.domain.errors import InvalidInput

_NEGLIGIBLE = 1e-17
"""Against the likeliest state; what lies beyond adds up to about a double's own rounding."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """What customers and agents meet with in a steady state; shares of all arrivals."""

    p_wait: float
    service_level: float
    """Taken by an agent within the target's time."""
    abandonment: float
    mean_wait_seconds: float
    """Of all, those who left included; infinite where the queue grows without end."""
    occupancy: float


IDLE = Performance(p_wait=0.0, service_level=1.0, abandonment=0.0, mean_wait_seconds=0.0, occupancy=0.0)
"""Nobody comes."""


def erlang_b(agents: int, load: float) -> float:
    """The share of arrivals that finds all agents busy where none may wait (Erlang 1917).

    By the recursion B(n) = a B(n-1) / (n + a B(n-1)), B(0) = 1, which is stable. Refused: QueueInvalid.
    """
    _must_be_sound(agents, load)
    blocked = 1.0
    for each in range(1, agents + 1):
        blocked = load * blocked / (each + load * blocked)
    return blocked


def erlang_c(agents: int, load: float) -> float:
    """The share of arrivals that has to wait, C = n B / (n - a (1 - B)) (Erlang 1917); 1 from a load of n on.

    Refused: QueueInvalid.
    """
    blocked = erlang_b(agents, load)
    if load == 0:
        return 0.0 if agents else 1.0
    return agents * blocked / (agents - load * (1 - blocked)) if load < agents else 1.0


def service_level(agents: int, load: float, handle_seconds: float, within_seconds: float) -> float:
    """The share that waits no longer than that: 1 - C exp(-(n - a) T / h); 0 from a load of n on.

    Refused: QueueInvalid.
    """
    _must_be_times(handle_seconds, within_seconds)
    if load >= agents:
        _must_be_sound(agents, load)
        return 0.0
    return 1 - erlang_c(agents, load) * exp(-(agents - load) * within_seconds / handle_seconds)


def average_wait(agents: int, load: float, handle_seconds: float) -> float:
    """The mean wait of all in seconds, C h / (n - a); infinite from a load of n on. Refused: QueueInvalid."""
    _must_be_times(handle_seconds, 0.0)
    if load >= agents:
        _must_be_sound(agents, load)
        return inf
    return erlang_c(agents, load) * handle_seconds / (agents - load)


def occupancy(agents: int, load: float) -> float:
    """The share of the agents' time in which they are busy where nobody leaves: a / n, at most 1.

    Refused: QueueInvalid.
    """
    _must_be_sound(agents, load)
    return min(1.0, load / agents) if agents else float(load > 0)


def without_abandonment(agents: int, load: float, handle_seconds: float, within_seconds: float) -> Performance:
    """Erlang C's figures together. Refused: QueueInvalid."""
    return Performance(
        p_wait=erlang_c(agents, load),
        service_level=service_level(agents, load, handle_seconds, within_seconds),
        abandonment=0.0,
        mean_wait_seconds=average_wait(agents, load, handle_seconds),
        occupancy=occupancy(agents, load),
    )


def erlang_a(
    agents: int, load: float, handle_seconds: float, patience_seconds: float, within_seconds: float
) -> Performance:
    """Where those who wait leave after an exponential patience: M/M/n+M (Palm 1957; Garnett, Mandelbaum, Reiman 2002).

    By its birth-death chain, from the likeliest state outwards, so that nothing over- or underflows (Ingolfsson, Tang
    2012): N rises at the rate a/h and falls at min(N, n)/h + max(N - n, 0)/p. With PASTA an arrival waits where N >= n;
    the share that leaves is E[Q] / (p × rate), the mean wait E[Q] / rate (Little). Who meets k ahead in the queue is
    offered an agent after V, the sum of exponentials with rates n/h + i/p, i = 0..k; exp(-V/p) is Beta(c, k + 1) with
    c = n p / h (Rényi), so P(V <= T and taken) = c / (c + k + 1) × I(k + 1, c + 1) at 1 - exp(-T / p), I being the
    regularised incomplete beta function.
    Refused: QueueInvalid.
    """
    _must_be_sound(agents, load)
    _must_be_times(handle_seconds, within_seconds)
    if not (isfinite(patience_seconds) and patience_seconds > 0):
        raise QueueInvalid(f"patience is {patience_seconds} seconds; more than 0 were expected")
    if load == 0:
        return IDLE
    impatience = handle_seconds / patience_seconds
    """Per handle time, which is the unit of time from here on."""
    first, states = _states(agents, load, impatience)
    busy_from = max(0, agents - first)
    """Where in `states` those begin in which an arrival waits."""
    lead = max(0, first - agents)
    queues = [(lead + number, share) for number, share in enumerate(states[busy_from:])]
    queue = sum(length * share for length, share in queues)
    left = min(1.0, impatience * queue / load)
    within = _taken_within(queues, agents, impatience, within_seconds / handle_seconds)
    return Performance(
        p_wait=min(1.0, sum((share for _, share in queues), 0.0)),
        service_level=min(1.0, sum(states[:busy_from]) + within),
        abandonment=left,
        mean_wait_seconds=queue / load * handle_seconds,
        occupancy=min(1.0, load * (1 - left) / agents) if agents else 1.0,
    )


def _states(agents: int, load: float, impatience: float) -> tuple[int, list[float]]:
    """The chances of N contacts in the system, from the first N that isn't negligible on."""
    likeliest = int(load) if load < agents else agents + int((load - agents) / impatience)
    return _outwards(
        likeliest,
        up=lambda state: load / (min(state + 1, agents) + max(0, state + 1 - agents) * impatience),
        down=lambda state: (min(state, agents) + max(0, state - agents) * impatience) / load,
    )


def _taken_within(queues: list[tuple[int, float]], agents: int, impatience: float, within: float) -> float:
    """The share of all that waits, and is taken in time. `queues`: ascending lengths with the share that meets them."""
    if not (queues and agents and within > 0):
        return 0.0
    import numpy as np
    from scipy.special import betainc

    ahead, shares = np.array([length for length, _ in queues], float), np.array([share for _, share in queues])
    places = agents / impatience
    taken = places / (places + ahead + 1) * betainc(ahead + 1, places + 1, -expm1(-impatience * within))
    return float(shares @ taken)


def _outwards(likeliest: int, *, up: Callable[[int], float], down: Callable[[int], float]) -> tuple[int, list[float]]:
    """A distribution over 0, 1, 2 ... from the ratios of neighbours: P(s + 1) / P(s) and P(s - 1) / P(s).

    The ratios must fall from the likeliest state on, either way. Returns the first state that counts, and the chances.
    """
    above, below = [1.0], list[float]()
    state, weight = likeliest, 1.0
    while (weight := weight * up(state)) > _NEGLIGIBLE:
        above.append(weight)
        state += 1
    state, weight = likeliest, 1.0
    while state > 0 and (weight := weight * down(state)) > _NEGLIGIBLE:
        below.append(weight)
        state -= 1
    weights = [*reversed(below), *above]
    total = sum(weights)
    return likeliest - len(below), [each / total for each in weights]


def _must_be_sound(agents: int, load: float) -> None:
    if agents < 0:
        raise QueueInvalid(f"{agents} agents; a number of 0 or more was expected")
    if not (isfinite(load) and load >= 0):
        raise QueueInvalid(f"a load of {load} erlangs; a number of 0 or more was expected")


def _must_be_times(handle_seconds: float, within_seconds: float) -> None:
    if not (isfinite(handle_seconds) and handle_seconds > 0):
        raise QueueInvalid(f"a handle time of {handle_seconds} seconds; more than 0 were expected")
    if not (isfinite(within_seconds) and within_seconds >= 0):
        raise QueueInvalid(f"a wait of {within_seconds} seconds; 0 or more were expected")


class QueueInvalid(InvalidInput):
    """No queue can be like that."""
