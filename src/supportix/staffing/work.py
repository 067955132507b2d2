"""What is to be staffed: the work of one contact, the target it is held to, and the arrivals that are expected."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite, log, sqrt
from statistics import NormalDist

import msgspec

from supportix.domain.errors import InvalidInput

HOUR = 3600.0
_HALF_OF_80_PERCENT = NormalDist().inv_cdf(0.9)


class Kind(StrEnum):
    """Calls and chats are taken within seconds or minutes and never kept for later; a ticket may wait for hours."""

    CALLS = "calls"
    TICKETS = "tickets"


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a contact asks of an agent.

    `concurrency`: how many an agent has at the same time. Each of them takes `handle_growth` longer for every other one
    then, as a share of `handle_seconds`; 0 where `handle_seconds` was measured with that many at a time.
    `shrinkage`: the share of a shift in which an agent is away from work (breaks, training, illness).
    `max_occupancy`: the share of the time at work in which an agent may be busy; 1 sets no limit.
    """

    handle_seconds: float
    patience_seconds: float | None = None
    concurrency: int = 1
    handle_growth: float = 0.0
    shrinkage: float = 0.3
    max_occupancy: float = 0.85

    @property
    def seconds_each(self) -> float:
        """How long a contact lasts with an agent who has as many at a time as allowed."""
        return self.handle_seconds * (1 + self.handle_growth * (self.concurrency - 1))

    @property
    def per_agent_hour(self) -> float:
        """How many contacts an agent who always has as many as allowed ends in an hour."""
        return self.concurrency * HOUR / self.seconds_each

    def load(self, arrivals: float, interval_seconds: float) -> float:
        """The offered load in erlangs: how many contacts would be in work at a time if none had to wait."""
        return arrivals * self.seconds_each / interval_seconds

    def at_work(self, on_shift: float) -> float:
        """How many of those on shift are at work at a time."""
        return on_shift * (1 - self.shrinkage)

    def must_be_sound(self) -> None:
        """Refused: WorkInvalid."""
        _positive("handle_seconds", self.handle_seconds, WorkInvalid)
        if self.patience_seconds is not None:
            _positive("patience_seconds", self.patience_seconds, WorkInvalid)
        if self.concurrency < 1:
            raise WorkInvalid(f"concurrency is {self.concurrency}; at least 1 was expected")
        if not (isfinite(self.handle_growth) and self.handle_growth >= 0):
            raise WorkInvalid(f"handle_growth is {self.handle_growth}; a share of 0 or more was expected")
        if not 0 <= self.shrinkage < 1:
            raise WorkInvalid(f"shrinkage is {self.shrinkage}; a share from 0 to below 1 was expected")
        if not 0 < self.max_occupancy <= 1:
            raise WorkInvalid(f"max_occupancy is {self.max_occupancy}; a share above 0, up to 1, was expected")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """That this share of the contacts waits no longer than `within_seconds` until an agent takes it.

    `opening_hours_only`: the clock of a ticket stands still while nobody is open. A target for the resolution is this
    one plus the handle time.
    """

    share: float = 0.8
    within_seconds: float
    opening_hours_only: bool = False

    def must_be_sound(self) -> None:
        """Refused: TargetInvalid."""
        if not 0 < self.share < 1:
            raise TargetInvalid(f"the target's share is {self.share}; one between 0 and 1 was expected, such as 0.8")
        if not (isfinite(self.within_seconds) and self.within_seconds >= 0):
            raise TargetInvalid(f"within_seconds is {self.within_seconds}; 0 or more seconds were expected")


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """Expected contacts per interval of `step_seconds`, from `begin` on.

    `quantiles` by their level as text, as "0.9", each as long as `mean`; without them counts are Poisson.
    """

    begin: datetime
    step_seconds: float
    mean: tuple[float, ...]
    quantiles: Mapping[str, tuple[float, ...]] = {}

    @property
    def end(self) -> datetime:
        return self.moment(len(self.mean))

    def moment(self, interval: int) -> datetime:
        """When this interval begins."""
        return self.begin + timedelta(seconds=self.step_seconds * interval)

    def at_level(self, level: float | None) -> tuple[float, ...]:
        """The quantile of each interval at a level, None for the mean. Between levels on the normal's scale.

        Refused: ArrivalsInvalid where the level lies outside of those known.
        """
        if level is None:
            return self.mean
        known = sorted((float(text), values) for text, values in self.quantiles.items())
        below = [each for each in known if each[0] <= level]
        above = [each for each in known if each[0] >= level]
        if not (below and above):
            told = ", ".join(f"{each:g}" for each, _ in known) or "none"
            raise ArrivalsInvalid(f"quantile {level:g} was asked for; one between those known was expected: {told}")
        (low, lower), (high, upper) = below[-1], above[0]
        part = 0.0 if low == high else (_normal(level) - _normal(low)) / (_normal(high) - _normal(low))
        return tuple(one + part * (other - one) for one, other in zip(lower, upper, strict=True))

    def rate_spreads(self) -> tuple[float, ...]:
        """How far the rate of each interval may be off: sigma of its logarithm, from what is spread beyond Poisson."""
        if not {"0.1", "0.9"} <= self.quantiles.keys():
            return (0.0,) * len(self.mean)
        spans = zip(self.mean, self.quantiles["0.1"], self.quantiles["0.9"], strict=True)
        return tuple(_spread(mean, (high - low) / (2 * _HALF_OF_80_PERCENT)) for mean, low, high in spans)

    def must_be_sound(self) -> None:
        """Refused: ArrivalsInvalid."""
        _positive("step_seconds", self.step_seconds, ArrivalsInvalid)
        if self.begin.tzinfo is None:
            raise ArrivalsInvalid("begin has no time zone; an aware time was expected")
        if not self.mean:
            raise ArrivalsInvalid("arrivals of no interval were given; one at least was expected")
        must_be_counts(self.mean, "the mean")
        for level, values in self.quantiles.items():
            if len(values) != len(self.mean):
                raise ArrivalsInvalid(f"quantile {level} has {len(values)} intervals; {len(self.mean)} were expected")
            must_be_counts(values, f"quantile {level}")


def must_be_counts(values: Sequence[float], what: str) -> None:
    """Refused: ArrivalsInvalid."""
    for number, value in enumerate(values):
        if not (isfinite(value) and value >= 0):
            raise ArrivalsInvalid(f"{what} of interval {number} is {value}; a number of 0 or more was expected")


def must_be_staff(values: Sequence[float], intervals: int) -> None:
    """Refused: StaffInvalid."""
    if len(values) != intervals:
        raise StaffInvalid(f"agents of {len(values)} intervals were given; {intervals} were expected, one for each")
    for number, value in enumerate(values):
        if not (isfinite(value) and value >= 0):
            raise StaffInvalid(f"{value} agents in interval {number}; a number of 0 or more was expected")


def _positive(name: str, value: float, refusal: type[InvalidInput]) -> None:
    if not (isfinite(value) and value > 0):
        raise refusal(f"{name} is {value}; more than 0 was expected")


def _normal(level: float) -> float:
    return NormalDist().inv_cdf(level)


def _spread(mean: float, deviation: float) -> float:
    """Sigma of a lognormal rate that makes Poisson counts as spread as that."""
    if mean <= 0:
        return 0.0
    return sqrt(log(1 + max(0.0, deviation**2 - mean) / mean**2))


class WorkInvalid(InvalidInput):
    """The work of a contact can't be as it is told."""


class TargetInvalid(InvalidInput):
    """The target can't be met or missed."""


class ArrivalsInvalid(InvalidInput):
    """The arrivals are no counts over time."""


class StaffInvalid(InvalidInput):
    """The agents are no number of people per interval."""
