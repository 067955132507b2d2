"""A department's staffing for the next day as a table: what is expected, needed and there, hour by hour."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.errors import Conflict, NotFound
from supportix.domain.forecast_words import Confidence, hour_of
from supportix.domain.staffing_terms import WorkKind
from supportix.projections.checkpoint_queries import AsOf
from supportix.projections.staffing_scene import staffing_scene


class StaffingTermsNotSet(Conflict):
    """Nobody has said on which terms the department is staffed."""


class NothingForecast(Conflict):
    """The department has no forecast to staff it by."""


class HandleTime(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's time for one piece of work, on average, with what it rests on.

    `seen`: how many were measured in four weeks; few are drawn towards a guess. Null where the terms tell the time.
    """

    seconds: float
    seen: int | None
    median_seconds: float | None = None
    p90_seconds: float | None = None


class StaffedHour(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of an hour, and who is there.

    `needed` and `on_shift` are people on shift; `needed_at_work` are at work at a time, less breaks and training.
    `share_in_target`: of what comes, taken in time by those on shift; null where it is due only after the table.
    """

    begin: datetime
    end: datetime
    open: bool
    mean: float
    low80: float
    high80: float
    needed: int
    needed_at_work: int
    on_shift: float
    gap: float
    """On shift less needed: below 0 where people are missing."""
    share_in_target: float | None


class StaffingTable(msgspec.Struct, frozen=True, kw_only=True):
    """A department's staffing from this hour on.

    `staffed_for`: the quantile of the arrivals that is staffed for; null: their mean. `waiting`: in the queue now.
    `reachable`: the share in time with any number of agents; below 1 where work is due before it opens again.
    `shifts_known`: false where none of its agents has shifts, so that all are taken to be there while it is open.
    """

    department_id: UUID
    name: str
    time_zone: str
    kind: WorkKind
    target_share: float
    target_seconds: float
    handle_time: HandleTime
    concurrency: int
    patience_seconds: float | None
    shrinkage: float
    max_occupancy: float
    staffed_for: float | None
    waiting: int
    reachable: float
    shifts_known: bool
    forecast_from: datetime
    forecast_model: str
    confidence: Confidence
    hours: tuple[StaffedHour, ...]


async def staffing_table(
    pool: AsyncConnectionPool[Any], department_id: UUID, at: datetime, *, staffed_for: float | None = None
) -> AsOf[StaffingTable]:
    """24 hours from the present one on, or as many as are forecast.

    Refused: NotFound, StaffingTermsNotSet, NothingForecast, ArrivalsInvalid.
    """
    hour = hour_of(at)
    scene = await staffing_scene(pool, hour, department_ids=[department_id])
    if not scene.departments:
        raise NotFound(f"no department has the id {department_id}")
    from supportix.forecasting.staffing_plans import table_of  # It takes numpy, which few requests need.

    return AsOf(scene.position, await asyncio.to_thread(table_of, scene, hour, staffed_for))
