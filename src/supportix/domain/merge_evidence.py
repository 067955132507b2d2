"""What merges are decided on: how busy two departments are. Stored in events: never rename a field."""

from enum import StrEnum

import msgspec

from supportix.domain.ids import DepartmentId


class Trigger(StrEnum):
    """Which mark the load has reached."""

    QUEUE_LENGTH = "queue_length"
    PROJECTED_WAIT = "projected_wait"
    FORECAST = "forecast"


class DepartmentLoad(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How busy a department is. `projected_wait_minutes` None: nobody takes its tickets, so nobody knows."""

    department_id: DepartmentId
    queue_length: int
    oldest_wait_minutes: int
    taken_per_hour: int
    """Tickets that were given to agents out of its queue, at the pace of the last hour."""
    projected_wait_minutes: int | None = None
    """How long a ticket that joins the queue now will wait."""
    forecast_queue_length: int | None = None
    """How many will wait after the forecast's horizon; None where nothing is forecast."""
    free_capacity: int
    capacity: int
    """Of the agents who take new work now."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Both departments' load as the read models told it at a position of the log."""

    position: int
    source: DepartmentLoad
    target: DepartmentLoad
