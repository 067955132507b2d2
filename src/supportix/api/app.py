"""The API application: every operation, the documents about them, health, and what surrounds all of it."""

import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler
from litestar.utils import normalize_path
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

from supportix.api import documents, health
from supportix.api.backend import open_backend
from supportix.api.endpoints import Endpoint
from supportix.api.inputs import BODY_LIMIT_BYTES
from supportix.api.live import live
from supportix.api.observing import Observed, Traffic
from supportix.api.problems import answer_error
from supportix.api.routes import (
    accounts,
    agents,
    auth,
    customers,
    departments,
    events,
    forecasts,
    histories,
    merges,
    planning,
    projections,
    queues,
    routing,
    simulations,
    staffing,
    ticket_opening,
    ticket_reads,
    tickets,
    traffic,
)
from supportix.api.serving import options_route, route
from supportix.realtime.lifespan import open_realtime
from supportix.settings import Settings

PREFIX = "/api/v1"

ENDPOINTS: tuple[Endpoint, ...] = (
    *auth.ENDPOINTS,
    *ticket_opening.ENDPOINTS,
    *tickets.ENDPOINTS,
    *ticket_reads.ENDPOINTS,
    *histories.ENDPOINTS,
    *queues.ENDPOINTS,
    *traffic.ENDPOINTS,
    *departments.ENDPOINTS,
    *planning.ENDPOINTS,
    *merges.ENDPOINTS,
    *forecasts.ENDPOINTS,
    *staffing.ENDPOINTS,
    *routing.ENDPOINTS,
    *agents.ENDPOINTS,
    *customers.ENDPOINTS,
    *accounts.ENDPOINTS,
    *events.ENDPOINTS,
    *projections.ENDPOINTS,
    *simulations.ENDPOINTS,
)


def create_app(settings: Settings) -> Litestar:
    """The application; it connects to the database when it starts."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_backend(settings) as backend, open_realtime(backend.core, settings.nats_url) as hub:
            app.state.backend = backend
            app.state.hub = hub
            app.state.signer = backend.gate.signer
            app.state.revocations = backend.revocations
            yield

    counted, shown = _registries()
    # OPTIONS first: where it finds none, Litestar adds one that knows only the first method of an address.
    handlers: list[ControllerRouterHandler] = [options_route(ENDPOINTS, PREFIX)]
    handlers += [route(endpoint, PREFIX) for endpoint in ENDPOINTS]
    app = Litestar(
        [live, *handlers, *health.HANDLERS, *documents.handlers(ENDPOINTS, PREFIX)],
        lifespan=[lifespan],
        exception_handlers={Exception: answer_error},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_LIMIT_BYTES,
        state=State({"registry": shown}),
    )
    app.state.allowed_methods = _allowed_methods(app)
    app.asgi_handler = Observed(app.asgi_handler, Traffic(counted))
    return app


def _registries() -> tuple[CollectorRegistry | None, CollectorRegistry]:
    """Where requests are counted, and what is shown: with several API processes on the host, the sum of them."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        shown = CollectorRegistry()
        MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
        return None, shown
    own = CollectorRegistry()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return own, own


def _allowed_methods(app: Litestar) -> Callable[[str], tuple[str, ...]]:
    """Which methods an address takes, for the Allow header."""
    patterns = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", each.path_format)), each.methods) for each in app.routes]

    def allowed_methods(path: str) -> tuple[str, ...]:
        address = normalize_path(path)
        return tuple(sorted({method for pattern, each in patterns if pattern.fullmatch(address) for method in each}))

    return allowed_methods
