"""On which terms a department is staffed: how its work is handled, and what service its customers are promised."""

import math
from enum import StrEnum

import msgspec

from supportix.domain.errors import InvalidInput

LONGEST_SECONDS = 30 * 24 * 3600
MOST_CONCURRENT = 100
LARGEST_SHRINKAGE = 0.9


class WorkKind(StrEnum):
    """What the work waits for; the values are stored."""

    CALLS = "calls"
    """Somebody waits on the line, and hangs up when that takes too long."""
    CHATS = "chats"
    """Somebody waits, and an agent has several at a time."""
    TICKETS = "tickets"
    """Work may wait for hours."""


class StaffingTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Stored in events: never rename a field, never change a default.

    `target_share` of the work is to be taken up within `target_seconds`. `handle_seconds`: an agent's time for one
    piece of work; None: what the traffic history measured. `patience_seconds`: after which a customer on average gives
    up; None: never. `shrinkage`: the share of paid time in which agents don't serve. `max_occupancy`: the share of
    their serving time that work may fill.
    """

    kind: WorkKind
    target_seconds: float
    target_share: float = 0.8
    handle_seconds: float | None = None
    patience_seconds: float | None = None
    concurrency: int = 1
    shrinkage: float = 0.3
    max_occupancy: float = 0.85

    def must_be_sound(self) -> None:
        """Refused: StaffingTermsInvalid."""
        _must_be_seconds("target_seconds", self.target_seconds)
        _must_be_seconds("handle_seconds", self.handle_seconds)
        _must_be_seconds("patience_seconds", self.patience_seconds)
        if not 0 < self.target_share < 1:
            raise StaffingTermsInvalid(f"target_share {self.target_share}: a share above 0 and below 1 was expected")
        if not 1 <= self.concurrency <= MOST_CONCURRENT:
            raise StaffingTermsInvalid(f"concurrency {self.concurrency}: 1 to {MOST_CONCURRENT} was expected")
        if not 0 <= self.shrinkage <= LARGEST_SHRINKAGE:
            raise StaffingTermsInvalid(f"shrinkage {self.shrinkage}: 0 to {LARGEST_SHRINKAGE} was expected")
        if not 0 < self.max_occupancy <= 1:
            raise StaffingTermsInvalid(f"max_occupancy {self.max_occupancy}: a share above 0, up to 1, was expected")


def _must_be_seconds(name: str, seconds: float | None) -> None:
    if seconds is not None and not (math.isfinite(seconds) and 0 < seconds <= LONGEST_SECONDS):
        raise StaffingTermsInvalid(f"{name} {seconds}: more than 0, up to {LONGEST_SECONDS} was expected")


class StaffingTermsInvalid(InvalidInput):
    """A number among the terms of staffing is out of range."""
