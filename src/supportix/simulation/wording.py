"""Alternatives as text: the forms in which options and requests name changes of staff, capacity and merge marks."""

import re
from itertools import product

from supportix.domain.errors import InvalidInput
from supportix.domain.ticket_words import Priority
from supportix.simulation.question import Alternative, CapacityChange, Marks, StaffChange

_STAFF = re.compile(r"(?:(?P<department>.+):)?(?P<by>[+-]\d{1,4})")
_CAPACITY = re.compile(r"(?P<how>[x×*=+-])(?P<amount>\d{1,5}(?:\.\d{1,4})?)")
_MARKS = re.compile(r"(?:(?P<low>\d{1,6}):)?(?P<high>\d{1,6})")
_TARGET = re.compile(r"(?P<priority>[a-z]+)=(?P<minutes>\d{1,6})")


def staff_changes(text: str) -> tuple[StaffChange, ...]:
    """`+2`, `-1`, `Billing:+2`, or several with commas between. Refused: WordingUnclear."""
    found = []
    for part in text.split(","):
        match = _STAFF.fullmatch(part.strip())
        if match is None or int(match["by"]) == 0:
            raise WordingUnclear(f"agents {part.strip()!r}: such as +2, -1 or 'Billing:+2' was expected")
        found.append(StaffChange(int(match["by"]), match["department"]))
    return tuple(found)


def capacity_change(text: str) -> CapacityChange:
    """`×1.5` or `x1.5`, `=4`, `+1`, `-1`. Refused: WordingUnclear."""
    match = _CAPACITY.fullmatch(text.strip())
    if match is None:
        raise WordingUnclear(f"capacity {text!r}: such as ×1.5, =4 or +1 was expected")
    amount = float(match["amount"])
    if match["how"] == "=":
        return CapacityChange("to", amount)
    if match["how"] in "+-":
        return CapacityChange("plus", -amount if match["how"] == "-" else amount)
    return CapacityChange("times", amount)


def merge_marks(text: str) -> Marks:
    """`20`, with half of it as the low mark, or `5:20`. Refused: WordingUnclear."""
    match = _MARKS.fullmatch(text.strip())
    if match is None:
        raise WordingUnclear(f"merge threshold {text!r}: such as 20 or 5:20 (low:high) was expected")
    high = int(match["high"])
    return Marks(int(match["low"]) if match["low"] else high // 2, high)


def target_minutes(texts: tuple[str, ...]) -> dict[Priority, int]:
    """`urgent=30`, or several with commas between. Refused: WordingUnclear."""
    found: dict[Priority, int] = {}
    for part in ",".join(texts).split(",") if texts else ():
        match = _TARGET.fullmatch(part.strip())
        if match is None or match["priority"] not in set(Priority):
            known = ", ".join(Priority)
            raise WordingUnclear(f"target {part.strip()!r}: such as urgent=30 was expected; priorities are {known}")
        found[Priority(match["priority"])] = int(match["minutes"])
    return found


def alternatives(
    policies: tuple[str, ...], agents: tuple[str, ...], capacities: tuple[str, ...], marks: tuple[str, ...]
) -> tuple[Alternative, ...]:
    """Every combination of what was given, each option at least once. Refused: WordingUnclear."""
    staffs: list[tuple[StaffChange, ...]] = [staff_changes(text) for text in agents] or [()]
    changes: list[CapacityChange | None] = [capacity_change(text) for text in capacities] or [None]
    thresholds: list[Marks | None] = [merge_marks(text) for text in marks] or [None]
    combined = product(policies or (None,), staffs, changes, thresholds)
    return tuple(
        Alternative(policy=policy, agents=staff, capacity=capacity, merge_threshold=mark)
        for policy, staff, capacity, mark in combined
    )


class WordingUnclear(InvalidInput):
    """The change isn't worded as expected."""
