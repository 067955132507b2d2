"""From refusals to problem documents (RFC 9457): one table of statuses, and a stable `type` for each refusal."""

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_401_UNAUTHORIZED
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests
from sqlalchemy.exc import TimeoutError as PoolBusy

from supportix.api.refusals import (
    BodyTooLarge,
    Fault,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotReady,
    PasswordChangeRequired,
    ReadModelsBehind,
    RouteNotFound,
    Unauthenticated,
    UnsupportedMediaType,
)
from supportix.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, Refusal
from supportix.identity.errors import (
    AccountDisabled,
    EmailTaken,
    LastAdmin,
    SessionRevoked,
    TokenExpired,
    TokenInvalid,
    TooManyAttempts,
    UsernameTaken,
    WrongCredentials,
)
from supportix.store.errors import CommandReused, StaleVersion, StoreFull, StoreUnavailable

MEDIA_TYPE = "application/problem+json"

STATUSES: Mapping[type[Refusal], int] = {
    InvalidRequest: 400,
    Unauthenticated: 401,
    TokenInvalid: 401,
    TokenExpired: 401,
    SessionRevoked: 401,
    WrongCredentials: 401,
    Forbidden: 403,
    PasswordChangeRequired: 403,
    AccountDisabled: 403,
    NotFound: 404,
    RouteNotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    UsernameTaken: 409,
    EmailTaken: 409,
    LastAdmin: 409,
    StaleVersion: 412,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    InvalidInput: 422,
    CommandReused: 422,
    TooManyAttempts: 429,
    InternalError: 500,
    StoreUnavailable: 503,
    ReadModelsBehind: 503,
    NotReady: 503,
    StoreFull: 507,
}
"""A refusal has the status of its nearest class that stands here."""

_CHALLENGE = 'Bearer realm="supportix"'
_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
    ConnectionError,
    PoolBusy,
)

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was refused. `type` is stable, and a page about it is found there."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Fault, ...] = ()
    """What is wrong with the request, each with its place."""
    incident: uuid.UUID | None = None
    """Names a fault of ours, to be found in the log."""


def slug(refusal: type[Refusal]) -> str:
    """The refusal's stable name: `TicketHasAgent` is `ticket-has-agent`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", refusal.__name__).lower()


def status_of(refusal: type[Refusal]) -> int:
    return next((STATUSES[kind] for kind in refusal.__mro__ if kind in STATUSES), 500)


def every_refusal(below: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All kinds of refusals that are loaded."""
    for kind in below.__subclasses__():
        yield kind
        yield from every_refusal(kind)


def problem_of(refusal: Refusal) -> Problem:
    kind = type(refusal)
    faults = refusal.faults if isinstance(refusal, InvalidRequest) else ()
    return Problem(f"/problems/{slug(kind)}", kind.title(), status_of(kind), str(refusal), faults)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    return Response(_encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to whatever was raised while a request was handled."""
    refusal = refusal_of(request, error)
    if refusal is None:
        return _answer_fault(request, error)
    return answer(problem_of(refusal), _headers(refusal))


def refusal_of(request: Request[Any, Any, Any], error: BaseException) -> Refusal | None:
    """The refusal that an error amounts to; None for what nobody foresaw."""
    wrapped = getattr(error, "orig", None)  # SQLAlchemy's errors wrap those of psycopg.
    if isinstance(wrapped, BaseException):
        return refusal_of(request, wrapped)
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException):
        return _routing_refusal(request, error)
    if isinstance(error, _AWAY):
        return StoreUnavailable("the database doesn't answer; try again in a moment")
    return None


def _routing_refusal(request: Request[Any, Any, Any], error: HTTPException) -> Refusal | None:
    """What Litestar refuses before a handler is reached, and while it reads the body."""
    match error.status_code:
        case 404:
            return RouteNotFound("an address that the OpenAPI document at /api/v1/openapi.json names was expected")
        case 405:
            return MethodNotAllowed(request.app.state.allowed_methods(request.scope["path"]))
        case 413:
            return BodyTooLarge("a body of at most 1 MB was expected")
        case 400:
            return InvalidRequest(Fault("header", "a host name was expected", parameter="Host"))
    return None


def _headers(refusal: Refusal) -> dict[str, str]:
    headers = {}
    if status_of(type(refusal)) == HTTP_401_UNAUTHORIZED:
        reason = "" if isinstance(refusal, Unauthenticated | WrongCredentials) else ', error="invalid_token"'
        headers["WWW-Authenticate"] = _CHALLENGE + reason
    if isinstance(refusal, MethodNotAllowed):
        headers["Allow"] = ", ".join(refusal.allowed)
    retry_after = getattr(refusal, "retry_after_seconds", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return headers


def _answer_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    incident = uuid.uuid4()
    template = request.scope.get("path_template", "unrouted")
    _log.error("request failed", incident=str(incident), method=request.method, route=template, exc_info=error)
    detail = f"it is logged as incident {incident}; tell that to whoever runs this service"
    told = Problem("/problems/internal-error", InternalError.title(), 500, detail, incident=incident)
    return answer(told)
