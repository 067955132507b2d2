"""What is done around every request: counting and timing it, tying it to the caller's request id, and safe headers.

One plain ASGI layer outside of the routing, so that it sees each answer, those of unknown routes too.
"""

import re
import time
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram

SLOW_SECONDS = 1.0
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNROUTED = "unrouted"

SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_REVALIDATED_HEADERS = [*SAFE_HEADERS[:-1], (b"cache-control", b"private, no-cache"), (b"vary", b"authorization")]

_PRINTABLE = re.compile(rb"[\x21-\x7e]{1,200}")

_log = structlog.get_logger(__name__)


class Traffic:
    """Counts of requests by route, method and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        labels = ("route", "method", "status")
        self._requests = Counter("supportix_http_requests_total", "Requests answered.", labels, registry=registry)
        self._seconds = Histogram(
            "supportix_http_request_duration_seconds",
            "How long requests took, in seconds.",
            labels[:2],
            buckets=BUCKETS,
            registry=registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def record(self, route: str, method: str, status: int, seconds: float) -> None:
        key = (route, method, status)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (
                self._requests.labels(route, method, str(status)),
                self._seconds.labels(route, method),
            )
        known[0].inc()
        known[1].observe(seconds)


class Observed:
    """The application, observed."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                names = {name for name, _ in headers}
                headers += _REVALIDATED_HEADERS if b"etag" in names and scope["method"] == "GET" else SAFE_HEADERS
                if (request_id := _request_id(scope)) is not None:
                    headers.append((b"x-request-id", request_id))
                message["headers"] = headers
            await send(message)

        try:
            await self._app(scope, receive, send_safely)
        finally:
            seconds = time.perf_counter() - started
            route = scope.get("path_template") or UNROUTED
            method = scope["method"] if route != UNROUTED else UNROUTED
            self._traffic.record(route, method, status, seconds)
            if seconds > SLOW_SECONDS:
                _log.warning("slow request", route=route, method=method, status=status, seconds=round(seconds, 3))


def _request_id(scope: Any) -> bytes | None:
    """The caller's request id, to be echoed where it is short and printable."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(value) if _PRINTABLE.fullmatch(value) else None
    return None
