"""What can be asked of a simulation: over which time, of which department, and what is to be otherwise.

Refuses what can't be meant: a span that ends before it begins, a policy that isn't there, merge marks out of order.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from supportix.commands.departments import must_be_policy
from supportix.domain.errors import InvalidInput
from supportix.domain.merge_settings import MarksOutOfOrder
from supportix.domain.ticket_words import Priority

MOST_ALTERNATIVES = 12
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Named = Annotated[str, Meta(min_length=1, max_length=100, pattern="^[^\\u0000]*$")]
AS_IT_WAS = "as it was"


class StaffChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many agents more, or fewer where `by` is negative. `department` None: in each that has agents."""

    by: Annotated[int, Meta(ge=-10_000, le=10_000)]
    department: Named | None = None
    """A name or an id."""

    def __str__(self) -> str:
        return f"{self.department}:{self.by:+d}" if self.department else f"{self.by:+d}"


class CapacityChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another capacity for every agent: `times` the present one, `plus` so many places, or `to` this number."""

    how: Literal["times", "plus", "to"]
    amount: Annotated[float, Meta(ge=-10_000, le=10_000)]

    def of(self, capacity: int) -> int:
        """Rounded to whole places, half up; never below 0."""
        changed = {"times": capacity * self.amount, "plus": capacity + self.amount, "to": self.amount}[self.how]
        return max(0, int(changed + 0.5))

    def __str__(self) -> str:
        return {"times": f"×{self.amount:g}", "plus": f"{self.amount:+g}", "to": f"={self.amount:g}"}[self.how]


class Marks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In waiting tickets: a department with `high` of them is helped by one with fewer than `low`."""

    low: Annotated[int, Meta(ge=0, le=1_000_000, examples=[5])]
    high: Annotated[int, Meta(ge=0, le=1_000_000, examples=[20])]

    def __str__(self) -> str:
        return f"{self.low}:{self.high}"


class Alternative(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise; what is None stays as it was."""

    policy: Annotated[str, Meta(max_length=50, pattern="^[a-z_]+$", examples=["least_busy"])] | None = None
    agents: Annotated[tuple[StaffChange, ...], Meta(max_length=100)] = ()
    capacity: CapacityChange | None = None
    merge_threshold: Marks | None = None

    @property
    def name(self) -> str:
        """For a person, and as text of the options that ask for it."""
        parts = [self.policy] if self.policy else []
        parts += [f"agents {','.join(map(str, self.agents))}"] if self.agents else []
        parts += [f"capacity {self.capacity}"] if self.capacity else []
        parts += [f"merge {self.merge_threshold}"] if self.merge_threshold else []
        return ", ".join(parts) or AS_IT_WAS


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Replay the tickets opened from `since` on and before `until`, under each alternative.

    `department`, a name or an id: only it is changed and measured, while the rest of the desk runs as it was.
    `target_minutes`: from the opening to the resolution, for tickets that have no target of their own.
    """

    alternatives: Annotated[tuple[Alternative, ...], Meta(min_length=1, max_length=MOST_ALTERNATIVES)]
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    department: Named | None = None
    seed: Annotated[int, Meta(ge=-(2**53), le=2**53)] = 1
    target_minutes: dict[Priority, Count] = {}

    def must_hold(self) -> None:
        """Refused: UnknownPolicy, SpanBackwards, MarksOutOfOrder, AlternativesOutOfRange, ChangeOutOfRange."""
        if not 1 <= len(self.alternatives) <= MOST_ALTERNATIVES:
            raise AlternativesOutOfRange(
                f"{len(self.alternatives)} alternatives were given; 1 to {MOST_ALTERNATIVES} were expected"
            )
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise SpanBackwards(f"since {self.since.isoformat()} was expected to be before {self.until.isoformat()}")
        for alternative in self.alternatives:
            _must_hold(alternative)


def _must_hold(alternative: Alternative) -> None:
    if alternative.policy is not None:
        must_be_policy(alternative.policy)
    marks = alternative.merge_threshold
    if marks is not None and not 0 < marks.low < marks.high:
        raise MarksOutOfOrder(
            f"merge threshold low {marks.low} and high {marks.high} were given; 0 < low < high was expected"
        )
    capacity = alternative.capacity
    if capacity is not None and capacity.how != "plus" and capacity.amount <= 0:
        raise ChangeOutOfRange(f"capacity {capacity} was given; a number above 0 was expected")


class AlternativesOutOfRange(InvalidInput):
    """A simulation compares at least one alternative, and only so many at once."""


class SpanBackwards(InvalidInput):
    """The span has to end after it begins."""


class ChangeOutOfRange(InvalidInput):
    """The change is out of range."""


class StaffingBelowNothing(InvalidInput):
    """More agents would be taken away than there are."""


class NothingToReplay(InvalidInput):
    """No ticket was opened in the span."""
