"""Helping out: which department's waiting tickets move where, once its queue has reached a mark. Pure.

The strategy `redistribute`: the oldest waiting tickets move once, half the difference of the two queues at most, as far
as the helper has free places for them.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from supportix.simulation.question import Marks

UNDERUSED_PERCENT = 50
"""A department can help while at least this share of its places is free."""


class Load(NamedTuple):
    """Tickets that wait, and the places of agents who take new work: those that are free, and all."""

    department_id: UUID
    waiting: int
    free: int
    places: int


class Move(NamedTuple):
    """So many of the source's waiting tickets, the oldest, go to the target."""

    source_id: UUID
    target_id: UUID
    tickets: int


def moves(loads: Sequence[Load], marks: Marks) -> list[Move]:
    """The longest queues are helped first, each by the department with the largest free share; each helps once."""
    in_need = sorted(
        (load for load in loads if load.waiting >= marks.high), key=lambda load: (-load.waiting, load.department_id.int)
    )
    able = sorted(
        (load for load in loads if _can_help(load, marks)),
        key=lambda load: (-(load.free * 1_000_000 // load.places), load.department_id.int),
    )
    found = []
    for source, helper in zip(in_need, able, strict=False):
        count = min((source.waiting - helper.waiting) // 2, helper.free - helper.waiting)
        if count > 0:
            found.append(Move(source.department_id, helper.department_id, count))
    return found


def _can_help(load: Load, marks: Marks) -> bool:
    return load.free > 0 and load.free * 100 >= UNDERUSED_PERCENT * load.places and load.waiting < marks.low
