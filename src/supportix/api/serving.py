"""Carries out an endpoint for a request: lets it in, reads it, calls the handler, and writes the answer."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from supportix.api.access import Audience, must_admit
from supportix.api.backend import Backend
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import Endpoint, Kind
from supportix.api.headers import entity_tag, knows_version, least_position
from supportix.api.inputs import BODY_LIMIT_BYTES
from supportix.commands.desk import Outcome
from supportix.store.errors import StoreUnavailable

JSON = "application/json"
POSITION = "Supportix-Position"
REPLAYED = "Idempotent-Replayed"

AnyRequest = Request[Any, Any, Any]
Answering = Callable[[Call, Endpoint, Any], Response[bytes]]

_encode = msgspec.json.Encoder().encode


class _Versioned(msgspec.Struct):
    version: int | None = None


_version_in = msgspec.json.Decoder(_Versioned).decode


def route(endpoint: Endpoint, prefix: str) -> HTTPRouteHandler:
    """The endpoint as Litestar routes it. Its declaration is in `opt`, for whoever wants to know."""
    path = prefix + endpoint.path.replace("}", ":str}")
    return HTTPRouteHandler(
        path,
        http_method=endpoint.method,  # type: ignore[arg-type]
        status_code=endpoint.status,
        opt={"endpoint": endpoint, "needs": endpoint.needs},
        name=endpoint.name,
        include_in_schema=False,
        request_max_body_size=BODY_LIMIT_BYTES,
    )(_served(endpoint))


def _served(endpoint: Endpoint) -> Callable[[AnyRequest], Awaitable[Response[bytes]]]:
    answering = _ANSWERING[endpoint.kind]
    reads = endpoint.kind is Kind.QUERY
    takes_body = endpoint.body is not None

    async def serve(request: AnyRequest) -> Response[bytes]:
        backend: Backend = request.app.state.backend
        call = admitted(backend, endpoint, request.scope)
        if takes_body:
            call.body = await request.body()
        arguments = endpoint.arguments(call)
        if reads:
            await _reach(call)
        return answering(call, endpoint, await endpoint.handle(call, **arguments))

    return serve


def admitted(backend: Backend, endpoint: Endpoint, scope: Any) -> Call:
    """The call of somebody who may make it. Refused: what `Gate.identify` and `must_admit` refuse."""
    headers = dict(scope["headers"])
    at = backend.clock()
    if endpoint.needs is Audience.ANYONE:
        return Call(backend, scope, headers, None, at)
    principal = backend.gate.identify(headers, at)
    must_admit(endpoint.needs, principal)
    return Call(backend, scope, headers, principal, at)


async def _reach(call: Call) -> None:
    """Wait for the position that the answer must not be older than. Refused: ReadModelsBehind."""
    position = least_position(call.headers)
    if position:
        backend = call.backend
        await backend.positions.reach(position, backend.settings.consistency_wait_seconds)


def _answer_command(_: Call, endpoint: Endpoint, outcome: Outcome) -> Response[bytes]:
    if outcome.answer is None:
        raise StoreUnavailable
    headers = {POSITION: str(outcome.position)}
    version = _version_in(outcome.answer).version
    if version is not None:
        headers["ETag"] = entity_tag(version)
    if outcome.repeated:
        headers[REPLAYED] = "true"
    return Response(outcome.answer, status_code=endpoint.status, media_type=JSON, headers=headers)


def _answer_query(call: Call, _: Endpoint, read: Read[Any]) -> Response[bytes]:
    headers = {POSITION: str(read.position)}
    if read.version is not None:
        headers["ETag"] = entity_tag(read.version)
        if read.revalidates and knows_version(call.headers, read.version):
            return Response(b"", status_code=304, headers=headers)
    if isinstance(read.value, Page) and read.value.next_cursor is not None:
        headers["Link"] = f'<{_next_page(call, read.value.next_cursor)}>; rel="next"'
    return Response(_encode(read.value), status_code=200, media_type=JSON, headers=headers)


def _answer_action(_: Call, endpoint: Endpoint, answer: Any) -> Response[bytes]:
    if answer is None:
        return Response(b"", status_code=endpoint.status)
    return Response(_encode(answer), status_code=endpoint.status, media_type=JSON)


def _next_page(call: Call, cursor: str) -> str:
    pairs = parse_qsl(call.scope["query_string"].decode("ascii"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name != "cursor"]
    return f"{call.scope['path']}?{urlencode([*kept, ('cursor', cursor)])}"


_ANSWERING: dict[Kind, Answering] = {
    Kind.COMMAND: _answer_command,
    Kind.QUERY: _answer_query,
    Kind.ACTION: _answer_action,
}
