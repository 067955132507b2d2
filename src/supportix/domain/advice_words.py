"""The words of advice on staffing, as they stand in events: what is advised, what it rests on, and what came of it.

Stored in events: never rename a field, never change a default.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from math import isfinite

import msgspec

from supportix.domain.errors import InvalidInput
from supportix.domain.forecast_words import Confidence
from supportix.domain.ids import DepartmentId
from supportix.domain.staffing_terms import WorkKind

_PERSON = 0.5
"""Agents of several departments count as shares: what is less than that isn't another person."""


class AdviceKind(StrEnum):
    """What is advised; the values are stored."""

    MORE_AGENTS = "more_agents"
    FEWER_AGENTS = "fewer_agents"
    MERGE = "merge"
    """More agents, and another department has as many to spare."""


class AdviceState(StrEnum):
    """What people, or a newer forecast, have made of an advice."""

    GIVEN = "given"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


class AdviceEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What an advice rests on; tuples have one entry for each `step_seconds` of its span.

    `arrivals`: forecast; 80 % of the counts come between `arrivals_low` and `arrivals_high`. `required` and `on_shift`
    count people on shift, `required_at_work` those at work at a time, `square_root` is the latter by the square-root
    rule. `occupancy`: of those on shift as planned. `waiting`: in the queue as the forecast's first hour began.
    `staffed_for`: the quantile of the arrivals that is staffed for; None: their mean.
    """

    work_kind: WorkKind
    step_seconds: int
    arrivals: tuple[float, ...]
    arrivals_low: tuple[float, ...] = ()
    arrivals_high: tuple[float, ...] = ()
    required: tuple[int, ...]
    required_at_work: tuple[int, ...]
    square_root: tuple[float | None, ...]
    on_shift: tuple[float, ...]
    occupancy: float
    waiting: float
    spare: int = 0
    """Of the department that could help, throughout the span."""
    target_share: float
    target_seconds: float
    handle_seconds: float
    handle_times_seen: int | None = None
    """How many the handle time was measured by; None where the terms tell it."""
    patience_seconds: float | None = None
    concurrency: int = 1
    shrinkage: float
    max_occupancy: float
    staffed_for: float | None = None
    forecast_from: datetime
    forecast_model: str
    confidence: Confidence


class Advised(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Of what comes in the span, `share_without` and `share_with` are taken within the target's time."""

    kind: AdviceKind
    begin: datetime
    end: datetime
    agents: int
    with_department_id: DepartmentId | None = None
    share_without: float
    share_with: float
    sentence: str
    evidence: AdviceEvidence

    @property
    def asks_for_more(self) -> bool:
        return self.kind is not AdviceKind.FEWER_AGENTS

    def overlaps(self, other: "Advised") -> bool:
        return self.begin < other.end and other.begin < self.end

    def covers(self, other: "Advised") -> bool:
        """Whether the other one says little more: for half of its time at least, it wants no more than this one.

        Both are held against those who were on shift when they were told, so that people who came since count.
        """
        if self.asks_for_more is not other.asks_for_more:
            return False
        own, others = self.wanted_on_shift(), other.wanted_on_shift()
        sign = 1 if self.asks_for_more else -1
        within = [moment for moment in others if moment in own]
        return len(within) * 2 >= len(others) and all(sign * (others[each] - own[each]) < _PERSON for each in within)

    def wanted_on_shift(self) -> dict[datetime, float]:
        """How many it wants to be there, by the begin of each interval."""
        by = self.agents if self.asks_for_more else -self.agents
        step = timedelta(seconds=self.evidence.step_seconds)
        return {self.begin + number * step: there + by for number, there in enumerate(self.evidence.on_shift)}

    def must_be_sound(self) -> None:
        """Refused: AdviceInvalid."""
        if self.begin.tzinfo is None or self.end.tzinfo is None or self.begin >= self.end:
            raise AdviceInvalid("a span with time zones that ends after it begins was expected")
        if self.agents < 1:
            raise AdviceInvalid(f"{self.agents} agents; one at least was expected")
        evidence, intervals = self.evidence, (self.end - self.begin).total_seconds() / self.evidence.step_seconds
        for name in ("arrivals", "required", "required_at_work", "square_root", "on_shift"):
            if len(getattr(evidence, name)) != intervals:
                raise AdviceInvalid(f"{name} of {len(getattr(evidence, name))} intervals; {intervals:g} were expected")
        numbers = chain((self.share_without, self.share_with), evidence.arrivals, evidence.on_shift)
        if not all(isfinite(each) and each >= 0 for each in numbers):
            raise AdviceInvalid("finite numbers that aren't negative were expected of shares, arrivals and agents")


class AdviceScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What came of an advice, judged by what came and not by what was forecast.

    `agents` were on shift on average; `agents_planned` when it was advised. `share_without` and `share_with` it: of
    what came, taken in time by the model. Of `came` tickets, `in_time` were really taken within the target's time.
    """

    followed: bool
    needed: bool
    arrivals_expected: float
    arrivals: float
    arrivals_within_band: bool | None = None
    agents_planned: float
    agents_advised: float
    agents: float
    share_without: float
    share_with: float
    came: int
    in_time: int
    merged: bool = False
    sentence: str


class AdviceInvalid(InvalidInput):
    """The parts of an advice don't fit each other."""
