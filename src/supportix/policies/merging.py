"""When a merge of departments is suggested, with whom, how much is moved, and when the need for it is over.

Pure: from loads and settings to decisions. The two marks of each measure are the hysteresis: a merge is suggested at a
high mark, and its need is over below both low ones.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

import msgspec

from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge_evidence import DepartmentLoad, Trigger
from supportix.domain.merge_settings import MergeMode, MergeSettings, MergeStrategy

MOST_MOVED = 1_000
"""A merge moves no more tickets than this; the next one may go on after the cool-down."""


class ArrivalForecast(Protocol):
    """What forecasting offers to merging. Where there is none, queues and waits decide alone."""

    async def queue_lengths(self, department_ids: Iterable[DepartmentId], at: datetime) -> dict[DepartmentId, int]:
        """How many tickets will wait in each department after the forecast's horizon, without those it can't tell."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A department as far as merges are concerned: its load, its settings, and the merge it takes part in."""

    load: DepartmentLoad
    settings: MergeSettings | None
    paused: bool = False
    merge_id: MergeId | None = None
    merge_left_at: datetime | None = None


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """That the target should help the source."""

    source: DepartmentLoad
    target: DepartmentLoad
    settings: MergeSettings
    triggers: tuple[Trigger, ...]


def projected_wait_minutes(queue_length: int, taken_per_hour: int, oldest_wait_minutes: int) -> int | None:
    """How long a ticket that joins the queue now will wait, by Little's law: queue length over the pace of the queue.

    At least as long as the oldest one has waited already. None where nobody takes tickets and none has waited.
    """
    if queue_length == 0:
        return 0
    if taken_per_hour == 0:
        return oldest_wait_minutes or None
    return max(oldest_wait_minutes, ceil(queue_length * 60 / taken_per_hour))


def reached_marks(load: DepartmentLoad, settings: MergeSettings) -> tuple[Trigger, ...]:
    """The high marks that the load has reached; a forecast queue is held against those of the queue."""
    reached = (
        (Trigger.QUEUE_LENGTH, load.queue_length >= settings.queue_high),
        (Trigger.PROJECTED_WAIT, (load.projected_wait_minutes or 0) >= settings.wait_high_minutes),
        (Trigger.FORECAST, (load.forecast_queue_length or 0) >= settings.queue_high),
    )
    return tuple(trigger for trigger, is_reached in reached if is_reached)


def has_fallen(load: DepartmentLoad, settings: MergeSettings) -> bool:
    """Whether the load is below every low mark, and is forecast to stay there."""
    return (
        max(load.queue_length, load.forecast_queue_length or 0) < settings.queue_low
        and (load.projected_wait_minutes or 0) < settings.wait_low_minutes
    )


def is_underused(load: DepartmentLoad, settings: MergeSettings) -> bool:
    """Whether a department could help one of these settings: much of its capacity is free, and little waits for it."""
    return (
        load.free_capacity > 0
        and load.free_capacity * 100 >= settings.underused_percent * load.capacity
        and max(load.queue_length, load.forecast_queue_length or 0) < settings.queue_low
    )


def moves(source: DepartmentLoad, target: DepartmentLoad) -> int:
    """How many tickets to move: half the difference of the queues, as far as the target has free points for them."""
    half = (source.queue_length - target.queue_length) // 2
    return max(0, min(half, room(target), MOST_MOVED))


def room(target: DepartmentLoad) -> int:
    """How many points a target has free beyond what waits for it, of which each takes one at least."""
    return max(0, target.free_capacity - target.queue_length)


def to_move(waiting: Iterable[tuple[TicketId, int]], source: DepartmentLoad, target: DepartmentLoad) -> list[TicketId]:
    """The first of these waiting tickets, with their weights, that are to be moved: no more than fit the target."""
    chosen: list[TicketId] = []
    free = room(target)
    for ticket_id, weight in waiting:
        if len(chosen) == moves(source, target) or weight > free:
            break
        chosen.append(ticket_id)
        free -= weight
    return chosen


def suggestions(standings: Iterable[Standing], at: datetime) -> list[Suggestion]:
    """The merges that the load suggests, the most loaded departments first; no department stands in two of them."""
    known = {each.load.department_id: each for each in standings}
    in_need = [(each, triggers) for each in known.values() if (triggers := _need(each, at))]
    in_need.sort(key=lambda need: (-need[0].load.queue_length, need[0].load.department_id.int))
    taken = {each.load.department_id for each, _ in in_need}
    found = []
    for source, triggers in in_need:
        if source.settings is None:
            continue
        target = _best_helper(source, source.settings, known, taken, at)
        if target is not None:
            taken.add(target.department_id)
            found.append(Suggestion(source=source.load, target=target, settings=source.settings, triggers=triggers))
    return found


def _need(standing: Standing, at: datetime) -> tuple[Trigger, ...]:
    """Why the department needs help; empty where it needs none or takes none now."""
    settings = standing.settings
    if settings is None or settings.mode is MergeMode.OFF or standing.paused:
        return ()
    if standing.merge_id is not None or _is_cooling(standing, settings, at):
        return ()
    return reached_marks(standing.load, settings)


def _best_helper(
    source: Standing,
    settings: MergeSettings,
    known: dict[DepartmentId, Standing],
    taken: set[DepartmentId],
    at: datetime,
) -> DepartmentLoad | None:
    """The compatible, underused department with the largest share of free capacity; among equals the lowest id."""
    able = [
        helper.load
        for department_id in settings.compatible_ids
        if (helper := known.get(department_id)) is not None
        and department_id not in taken
        and helper.merge_id is None
        and not helper.paused
        and (helper.settings is None or helper.settings.mode is not MergeMode.OFF)
        and not _is_cooling(helper, settings, at)
        and is_underused(helper.load, settings)
        and (settings.strategy is MergeStrategy.POOL or moves(source.load, helper.load))
    ]
    return min(
        able,
        key=lambda load: (-(load.free_capacity * 1_000_000 // load.capacity), load.department_id.int),
        default=None,
    )


def _is_cooling(standing: Standing, settings: MergeSettings, at: datetime) -> bool:
    left_at = standing.merge_left_at
    return left_at is not None and at - left_at < timedelta(minutes=settings.cool_down_minutes)
