"""Whether this process lives and can serve, and its figures for Prometheus. Outside of /api/v1, and for anyone."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from litestar import Request, Response, get
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from supportix.api.access import Audience
from supportix.api.backend import Backend
from supportix.api.forecast_figures import ForecastFigures
from supportix.api.refusals import NotReady
from supportix.bootstrap import utc_now
from supportix.projections.checkpoint_queries import ReadModelProgress, progress, read_model_progress
from supportix.projections.forecast_queries import latest_forecasts

LARGEST_LAG = 100_000
"""Beyond this many events the read models are too old to be of use."""

PUBLIC = {"needs": Audience.ANYONE}


class Live(msgspec.Struct, frozen=True):
    """The process runs."""

    status: str = "live"


class Ready(msgspec.Struct, frozen=True):
    """The process can serve. `lag` is how many events the read models are behind."""

    status: str
    revision: str | None
    head: int
    lag: int


class _LogFigures:
    """The log's head, and how each read model stands, as they were when asked for."""

    def __init__(self, head: int, read_models: Sequence[ReadModelProgress]) -> None:
        self._head = head
        self._read_models = read_models

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("supportix_log_head", "The last position of the event log.", self._head)
        yield self._of_each("projection_lag_events", "How many events the read model is behind.", "lag_events")
        yield self._of_each(
            "projection_lag_seconds", "Age of the oldest event that the read model doesn't hold yet.", "lag_seconds"
        )
        yield self._of_each("parked_streams", "Streams that the read model can't make sense of.", "parked")

    def _of_each(self, name: str, explained: str, figure: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"supportix_{name}", explained, labels=["projection"])
        for model in self._read_models:
            family.add_metric([model.name], getattr(model, figure))
        return family


@get("/health/live", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def live_health() -> Live:
    return Live()


@get("/health/ready", opt=PUBLIC, include_in_schema=False)
async def ready_health(request: Request[Any, Any, Any]) -> Ready:
    """Refused: NotReady, StoreUnavailable."""
    backend: Backend = request.app.state.backend
    async with backend.core.pool.connection() as connection:
        row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    revision = str(row[0]) if row else None
    expected = _expected_revision()
    if revision != expected:
        raise NotReady(f"the database is at revision {revision}; {expected} was expected: run `supportix migrate`")
    found = await progress(backend.core.pool)
    if found.lag > LARGEST_LAG:
        raise NotReady(f"the read models are {found.lag} events behind; at most {LARGEST_LAG} were expected")
    return Ready("ready", revision, found.head, found.lag)


@get("/metrics", opt=PUBLIC, include_in_schema=False)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Figures of this process, or of all API processes of the host where several run, and of the log."""
    backend: Backend = request.app.state.backend
    figures = CollectorRegistry()
    pool = backend.core.pool
    figures.register(_LogFigures((await progress(pool)).head, await read_model_progress(pool)))
    figures.register(ForecastFigures((await latest_forecasts(backend.database, utc_now())).value))
    text = generate_latest(request.app.state.registry) + generate_latest(figures)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@cache
def _expected_revision() -> str | None:
    from supportix.migrating import expected_revision

    return expected_revision()


HANDLERS = (live_health, ready_health, metrics)
