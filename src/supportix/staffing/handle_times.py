"""The distribution of handle times from a histogram, drawn towards a default where few were seen."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite, log, sqrt
from statistics import NormalDist

import msgspec

from supportix.domain.errors import InvalidInput

DEFAULT_WEIGHT = 20.0
"""The default counts like so many handle times seen: with 20 seen, the mean is half the default's."""
FEWEST_EDGES = 2


class Default(msgspec.Struct, frozen=True, kw_only=True):
    """Handle times before any was seen: lognormal, with this mean and this deviation as a share of it."""

    mean_seconds: float
    variation: float = 1.0


class HandleTimes(msgspec.Struct, frozen=True, kw_only=True):
    """What the handle times of a department are like."""

    seen: int
    mean_seconds: float
    variation: float
    """The standard deviation as a share of the mean: 1 for exponential times, more where a few take very long."""
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    """Of the bucket from each edge on."""

    def quantile(self, level: float) -> float:
        """In seconds, even in its logarithm within a bucket. Refused: HandleTimesInvalid."""
        if not 0 <= level <= 1:
            raise HandleTimesInvalid(f"quantile {level} was asked for; a share from 0 to 1 was expected")
        passed = 0.0
        for bucket, share in enumerate(self.shares):
            if share > 0 and passed + share >= level:
                low, high = _span(self.edges, bucket)
                part = (level - passed) / share
                return low * (high / low) ** part if low > 0 else high * part
            passed += share
        return _span(self.edges, max(n for n, share in enumerate(self.shares) if share > 0))[1]


def handle_times(
    edges: Sequence[float],
    buckets: Mapping[int, int],
    default: Default,
    *,
    count: int | None = None,
    total_seconds: float | None = None,
    weight: float = DEFAULT_WEIGHT,
) -> HandleTimes:
    """Bucket n holds what took from the n-th edge on to below the next; the last is open.

    The mean is that of `count` times that took `total_seconds`, or the buckets' without them; the shape is theirs. The
    default is mixed into both like `weight` times seen. Refused: HandleTimesInvalid.
    """
    sorted_in = sum(buckets.values())
    seen = sorted_in if count is None else count
    _must_be_sound(edges, buckets, default, seen, total_seconds, weight)
    moments = [_moments(*_span(edges, bucket)) for bucket in range(len(edges))]
    total = total_seconds if total_seconds is not None else sum(moments[each][0] * n for each, n in buckets.items())
    mean = (total + weight * default.mean_seconds) / (seen + weight)
    usual = _lognormal(edges, default.mean_seconds if sorted_in else mean, default.variation)
    mixed = sorted_in + (weight or not sorted_in)
    shares = [(buckets.get(each, 0) + (mixed - sorted_in) * usual[each]) / mixed for each in range(len(edges))]
    first = sum(share * moment[0] for share, moment in zip(shares, moments, strict=True))
    second = sum(share * moment[1] for share, moment in zip(shares, moments, strict=True))
    return HandleTimes(
        seen=seen,
        mean_seconds=mean,
        variation=sqrt(max(0.0, second - first * first)) / first,
        edges=tuple(edges),
        shares=tuple(shares),
    )


def _span(edges: Sequence[float], bucket: int) -> tuple[float, float]:
    """From when to when; the open one is taken for as wide as the one before, by the ratio."""
    low = edges[bucket]
    if bucket + 1 < len(edges):
        return low, edges[bucket + 1]
    return low, low * (low / edges[bucket - 1] if edges[bucket - 1] > 0 else 2)


def _moments(low: float, high: float) -> tuple[float, float]:
    """Mean and mean square of what is even in its logarithm; from 0 on, even as it is."""
    if low <= 0:
        return high / 2, high * high / 3
    spread = log(high / low)
    return (high - low) / spread, (high * high - low * low) / (2 * spread)


def _lognormal(edges: Sequence[float], mean: float, variation: float) -> list[float]:
    """The share of each bucket."""
    sigma = sqrt(log(1 + variation * variation))
    normal = NormalDist(log(mean) - sigma * sigma / 2, sigma)
    below = [0.0, *(normal.cdf(log(edge)) if edge > 0 else 0.0 for edge in edges[1:]), 1.0]
    return [high - low for low, high in pairwise(below)]


def _must_be_sound(
    edges: Sequence[float],
    buckets: Mapping[int, int],
    default: Default,
    seen: int,
    total_seconds: float | None,
    weight: float,
) -> None:
    if len(edges) < FEWEST_EDGES or edges[0] < 0 or any(low >= high for low, high in pairwise(edges)):
        raise HandleTimesInvalid("the edges of the buckets were expected to rise from 0 or more, two of them at least")
    if any(each not in range(len(edges)) or number < 0 for each, number in buckets.items()):
        raise HandleTimesInvalid(f"buckets 0 to {len(edges) - 1} with counts of 0 or more were expected")
    for name, value in (("mean", default.mean_seconds), ("variation", default.variation)):
        if not (isfinite(value) and value > 0):
            raise HandleTimesInvalid(f"the default's {name} is {value}; more than 0 was expected")
    if not (isfinite(weight) and weight >= 0 and seen + weight > 0):
        raise HandleTimesInvalid(
            f"the default's weight is {weight}; 0 or more was expected, or above where none was seen"
        )
    if seen < sum(buckets.values()):
        raise HandleTimesInvalid(f"{seen} handle times were seen; no fewer than in the buckets were expected")
    if total_seconds is None and seen > sum(buckets.values()):
        raise HandleTimesInvalid("total_seconds was expected where more was seen than is in buckets")
    if total_seconds is not None and not (isfinite(total_seconds) and total_seconds >= 0):
        raise HandleTimesInvalid(f"{total_seconds} seconds in all; a number of 0 or more was expected")


class HandleTimesInvalid(InvalidInput):
    """The handle times make no histogram."""
