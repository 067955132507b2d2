"""Reading the traffic history: arrivals, assignments and resolutions per quarter hour."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import DateTime, Interval, and_, func, literal, select

from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, fetch
from supportix.projections.traffic_history import TrafficHistory, quarter_of, traffic_history

QUARTER = timedelta(minutes=15)


class TrafficQuarter(msgspec.Struct, frozen=True):
    """How many tickets arrived, were assigned and were resolved in the quarter hour that begins then."""

    quarter: datetime
    arrivals: int
    assignments: int
    resolutions: int


async def traffic(
    database: ReadDatabase, *, department_id: UUID | None, begin: datetime, end: datetime
) -> AsOf[list[TrafficQuarter]]:
    """Each quarter hour that begins in [begin, end), quiet ones too; of all departments where none is given."""
    moment = DateTime(timezone=True)
    first = quarter_of(begin - timedelta(microseconds=1)) + QUARTER
    quarters = select(
        func.generate_series(
            literal(first, moment), literal(end - timedelta(microseconds=1), moment), literal(QUARTER, Interval())
        ).label("quarter")
    ).subquery("quarters")
    history = traffic_history.c
    matching = history.quarter == quarters.c.quarter
    if department_id is not None:
        matching = and_(matching, history.department_id == department_id)
    query = (
        select(
            quarters.c.quarter,
            *(
                func.coalesce(func.sum(history[name]), 0).label(name)
                for name in ("arrivals", "assignments", "resolutions")
            ),
        )
        .select_from(quarters.outerjoin(traffic_history, matching))
        .group_by(quarters.c.quarter)
    )
    return await fetch(database, query, TrafficQuarter, of=[TrafficHistory.name], order=[quarters.c.quarter])
