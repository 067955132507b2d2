"""How a department takes part in merges: when it counts as overloaded, with whom it may merge, and how."""

from datetime import timedelta
from enum import StrEnum

import msgspec

from supportix.domain.errors import InvalidInput
from supportix.domain.ids import DepartmentId

MOST_COMPATIBLE = 50
LARGEST_MARK = 1_000_000
LONGEST_COOL_DOWN_MINUTES = 7 * 24 * 60
LONGEST_SUGGESTION_MINUTES = 30 * 24 * 60
USUAL_SUGGESTION_MINUTES = 24 * 60
"""How long a suggestion stands where its settings are from before they said so."""


class MergeMode(StrEnum):
    """Who decides on a merge that the load suggests."""

    OFF = "off"
    """Nothing is suggested, neither for this department's queue nor to it."""
    MANUAL = "manual"
    """A supervisor approves or dismisses."""
    AUTOMATIC = "automatic"
    """A suggestion is approved as it is made."""


class MergeStrategy(StrEnum):
    """What a merge does."""

    REDISTRIBUTE = "redistribute"
    """Moves the oldest waiting tickets once."""
    POOL = "pool"
    """Lets both teams serve both queues until the load has fallen."""


class MergeSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """At or above one of the high marks a department is overloaded; below both low marks its load has fallen."""

    mode: MergeMode
    strategy: MergeStrategy
    queue_low: int
    queue_high: int
    """In waiting tickets."""
    wait_low_minutes: int
    wait_high_minutes: int
    """Of the projected wait."""
    underused_percent: int
    """A target is underused from this share of free capacity on."""
    cool_down_minutes: int
    """How long after a merge, whatever became of it, the load suggests none to this department."""
    compatible_ids: tuple[DepartmentId, ...]
    """The departments that may help this one."""
    suggestion_minutes: int | None = None
    """How long a suggestion stands, whoever made it, before it lapses; None in settings from before they said so."""

    @property
    def suggestion_life(self) -> timedelta:
        return timedelta(minutes=self.suggestion_minutes or USUAL_SUGGESTION_MINUTES)

    def must_hold(self, department_id: DepartmentId) -> None:
        """Refused: MarksOutOfOrder, MergeSettingOutOfRange, MergeWithItself; for the department that they are of."""
        _must_rise("queue", self.queue_low, self.queue_high, "waiting tickets")
        _must_rise("wait", self.wait_low_minutes, self.wait_high_minutes, "minutes")
        _must_lie("underused_percent", self.underused_percent, 1, 100)
        _must_lie("cool_down_minutes", self.cool_down_minutes, 0, LONGEST_COOL_DOWN_MINUTES)
        if self.suggestion_minutes is not None:
            _must_lie("suggestion_minutes", self.suggestion_minutes, 1, LONGEST_SUGGESTION_MINUTES)
        if len(self.compatible_ids) > MOST_COMPATIBLE:
            raise MergeSettingOutOfRange(f"at most {MOST_COMPATIBLE} compatible departments were expected")
        if department_id in self.compatible_ids:
            raise MergeWithItself("other departments than this one were expected in compatible_ids")


def _must_rise(name: str, low: int, high: int, unit: str) -> None:
    if not 0 <= low < high <= LARGEST_MARK:
        raise MarksOutOfOrder(
            f"{name} marks low {low} and high {high} were given; "
            f"0 <= low < high <= {LARGEST_MARK} {unit} was expected, so that a merge doesn't end and begin at one load"
        )


def _must_lie(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise MergeSettingOutOfRange(f"{name} {value} was given; {lowest} to {highest} was expected")


class MarksOutOfOrder(InvalidInput):
    """The low mark has to be below the high mark."""


class MergeSettingOutOfRange(InvalidInput):
    """A setting of merges is out of range."""


class MergeWithItself(InvalidInput):
    """A department can't merge with itself."""
