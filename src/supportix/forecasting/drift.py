"""Whether forecasts have become worse than they were: the latest three days against the four weeks before them.

By the mean pinball loss of the next hour's forecasts. Drift is found where the latest losses are half as large again as
those before, and by more than chance makes likely; it has passed where they are less than a fifth larger.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_model import Drift

LATEST_HOURS, BEFORE_HOURS = 72, 28 * 24
LEAST_HOURS, LEAST_BEFORE = 48, 7 * 24
FOUND, PASSED = 1.5, 1.2
SURE = 3.0
"""Standard errors."""

_LOSSES = """
SELECT s.department_id, m.drifted,
    count(*) FILTER (WHERE latest), avg(pinball) FILTER (WHERE latest),
    count(*) FILTER (WHERE NOT latest), avg(pinball) FILTER (WHERE NOT latest),
    coalesce(stddev_samp(pinball) FILTER (WHERE NOT latest), 0)
FROM (
    SELECT department_id, pinball, hour >= %(now)s - %(latest)s * interval '1 hour' AS latest
    FROM read_model.forecast_scores
    WHERE lead_hours = 1 AND hour < %(now)s AND hour >= %(now)s - (%(latest)s + %(before)s) * interval '1 hour'
) AS s JOIN read_model.forecast_models AS m USING (department_id)
GROUP BY s.department_id, m.drifted ORDER BY s.department_id
"""


async def drifts(pool: AsyncConnectionPool[Any], now: datetime) -> list[tuple[UUID, Drift]]:
    """Of each series whose drift begins or has passed."""
    wanted = {"now": now, "latest": LATEST_HOURS, "before": BEFORE_HOURS}
    async with pool.connection() as connection:
        rows = await (await connection.execute(_LOSSES, wanted)).fetchall()
    return list(_changed(rows))


def _changed(rows: list[tuple[Any, ...]]) -> Iterator[tuple[UUID, Drift]]:
    for series_id, drifted, *figures in rows:
        drift = drift_of(*figures)
        if drift is not None and drift.found is not drifted:
            yield series_id, drift


def drift_of(
    hours: int, loss: float | None, hours_before: int, loss_before: float | None, spread: float
) -> Drift | None:
    """What these losses say; None where they are too few, or lie between the two marks."""
    if hours < LEAST_HOURS or hours_before < LEAST_BEFORE or not loss_before or loss is None:
        return None
    if loss > FOUND * loss_before and loss - loss_before > SURE * spread / hours**0.5:
        reason = f"over the last {hours} hours forecasts missed by {loss / loss_before:.1f} times as much as before"
        return Drift(found=True, hours=hours, pinball=loss, expected=loss_before, reason=reason)
    if loss < PASSED * loss_before:
        return Drift(found=False, hours=hours, pinball=loss, expected=loss_before)
    return None
