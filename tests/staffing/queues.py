"""Queues played out event by event, to hold formulas against: they share no code with what they test."""

from collections.abc import Callable
from heapq import heapify, heapreplace
from itertools import pairwise
from math import inf, sqrt
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np

STUDENT = 3.88
"""Of 19 degrees of freedom, two-sided, 99.9 %: with 20 replications, one band in a thousand misses by chance."""
REPLICATIONS = 20


class Seen(NamedTuple):
    p_wait: float
    service_level: float
    abandonment: float
    mean_wait_seconds: float


class Band(NamedTuple):
    middle: float
    half: float

    def holds(self, value: float) -> bool:
        return abs(value - self.middle) <= self.half


def played(
    agents: int, load: float, handle: float, patience: float | None, within: float, *, customers: int, seed: int
) -> Seen:
    """First come, first served, from empty; the first tenth of the customers isn't looked at."""
    dice = np.random.default_rng(seed)
    come = np.cumsum(dice.exponential(handle / load, customers)).tolist()
    lasts = dice.exponential(handle, customers).tolist()
    patiences = dice.exponential(patience, customers).tolist() if patience else [inf] * customers
    free_at = [0.0] * agents
    heapify(free_at)
    offered = []
    for at, last, patient in zip(come, lasts, patiences, strict=True):
        free = free_at[0]
        if free <= at:
            heapreplace(free_at, at + last)
            offered.append(0.0)
        else:
            offered.append(free - at)
            if free - at <= patient:
                heapreplace(free_at, free + last)
    first = customers // 10
    waits, patience_of = np.array(offered[first:]), np.array(patiences[first:])
    left = waits > patience_of
    return Seen(
        p_wait=float(np.mean(waits > 0)),
        service_level=float(np.mean((waits <= within) & ~left)),
        abandonment=float(np.mean(left)),
        mean_wait_seconds=float(np.mean(np.minimum(waits, patience_of))),
    )


def bands(replication: Callable[[int], Seen]) -> dict[str, Band]:
    """Where the true values lie, with 99.9 % confidence each, from independent replications."""
    runs = [replication(seed) for seed in range(REPLICATIONS)]
    columns = zip(Seen._fields, zip(*runs, strict=True), strict=True)
    return {name: Band(mean(values), STUDENT * stdev(values) / sqrt(REPLICATIONS)) for name, values in columns}


class Day(NamedTuple):
    """What came of one run over intervals with their own arrivals and agents."""

    waiting: list[int]
    in_time: int
    came: int


def played_day(
    means: list[float], agents: list[int], handle: float, step: float, within: float, *, waiting: int, seed: int
) -> Day:
    """Agents end what they hold when their shift does; ties and all else by events in the order of time."""
    dice = np.random.default_rng(seed)
    arrivals = sorted(
        at
        for number, count in enumerate(means)
        for at in dice.uniform(number * step, (number + 1) * step, dice.poisson(count)).tolist()
    )
    queue = [0.0] * waiting
    taken: list[tuple[float, float]] = []
    ends: list[float] = []
    left_over = []
    edges = [number * step for number in range(len(means) + 1)]
    for number, (begin, end) in enumerate(pairwise(edges)):
        now = begin
        while True:
            while queue and len(ends) < agents[number]:
                taken.append((queue.pop(0), now))
                ends.append(now + dice.exponential(handle))
            next_end = min(ends, default=inf)
            next_arrival = arrivals[0] if arrivals else inf
            now = min(next_end, next_arrival)
            if now >= end:
                break
            if next_end <= next_arrival:
                ends.remove(next_end)
            else:
                queue.append(arrivals.pop(0))
        left_over.append(len(queue))
    judged = [(came, at) for came, at in taken if came > 0] + [(came, inf) for came in queue if came > 0]
    known = [(came, at) for came, at in judged if came + within <= edges[-1]]
    return Day(left_over, sum(at - came <= within for came, at in known), len(known))
