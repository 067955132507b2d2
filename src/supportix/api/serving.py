"""Carries out an endpoint for a request: lets it in, reads it, calls the handler, and writes the answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from supportix.api.access import Audience, must_admit
from supportix.api.answers import Answer, empty_answer, json_answer, read_body
from supportix.api.backend import Backend
from supportix.api.call import Accepted, Call, Page, Read
from supportix.api.endpoints import Endpoint, Kind
from supportix.api.headers import entity_tag, knows_version, least_position
from supportix.commands.desk import Outcome

POSITION = b"supportix-position"
ETAG = b"etag"
REPLAYED = (b"idempotent-replayed", b"true")

AnyRequest = Request[Any, Any, Any]
Answering = Callable[[Call, Endpoint, Any], Answer]

_encode = msgspec.json.Encoder().encode


class _Versioned(msgspec.Struct):
    version: int


_version_in = msgspec.json.Decoder(_Versioned).decode


def route(endpoint: Endpoint, prefix: str) -> HTTPRouteHandler:
    """The endpoint as Litestar routes it. Its declaration is in `opt`, for whoever wants to know."""
    return HTTPRouteHandler(
        _litestar_path(endpoint, prefix),
        http_method=endpoint.method,  # type: ignore[arg-type]
        status_code=200,  # Each answer brings its own.
        opt={"endpoint": endpoint, "needs": endpoint.needs},
        name=endpoint.name,
        include_in_schema=False,
    )(_served(endpoint))


def options_route(endpoints: Sequence[Endpoint], prefix: str) -> HTTPRouteHandler:
    """Tells which methods an address takes, in `Allow`."""

    async def tell_methods(request: AnyRequest) -> ASGIApp:
        allowed = ", ".join(request.app.state.allowed_methods(request.scope["path"]))
        return empty_answer(204, [(b"allow", allowed.encode())])

    return HTTPRouteHandler(
        sorted({_litestar_path(endpoint, prefix) for endpoint in endpoints}),
        http_method="OPTIONS",
        status_code=200,
        opt={"needs": Audience.ANYONE},
        include_in_schema=False,
    )(tell_methods)


def _litestar_path(endpoint: Endpoint, prefix: str) -> str:
    return prefix + endpoint.path.replace("}", ":str}")


def _served(endpoint: Endpoint) -> Callable[[AnyRequest], Awaitable[ASGIApp]]:
    answering = _ANSWERING[endpoint.kind]
    reads = endpoint.kind is Kind.QUERY
    takes_body = endpoint.body is not None

    async def serve(request: AnyRequest) -> ASGIApp:
        backend: Backend = request.app.state.backend
        call = admitted(backend, endpoint, request.scope)
        if takes_body:
            call.body = await read_body(call.headers, request.receive)
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


def _answer_command(_: Call, endpoint: Endpoint, outcome: Outcome) -> Answer:
    version = _version_in(outcome.answer).version
    headers = [(POSITION, b"%d" % outcome.position), (ETAG, entity_tag(version))]
    if outcome.repeated:
        headers.append(REPLAYED)
    return json_answer(endpoint.status, outcome.answer, headers)


def _answer_query(call: Call, _: Endpoint, read: Read[Any]) -> Answer:
    headers = [(POSITION, b"%d" % read.position)]
    if read.version is not None:
        headers.append((ETAG, entity_tag(read.version)))
        if read.revalidates and knows_version(call.headers, read.version):
            return empty_answer(304, headers)
    if isinstance(read.value, Page) and read.value.next_cursor is not None:
        headers.append((b"link", f'<{_next_page(call, read.value.next_cursor)}>; rel="next"'.encode()))
    return json_answer(200, _encode(read.value), headers)


def _answer_action(call: Call, endpoint: Endpoint, answer: Any) -> Answer:
    if answer is None:
        return empty_answer(endpoint.status, [])
    if isinstance(answer, Accepted):
        prefix = call.scope["path"].removesuffix(endpoint.path)
        return json_answer(endpoint.status, _encode(answer.value), [(b"location", f"{prefix}{answer.path}".encode())])
    return json_answer(endpoint.status, _encode(answer), [])


def _next_page(call: Call, cursor: str) -> str:
    pairs = parse_qsl(call.scope["query_string"].decode("ascii"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name != "cursor"]
    return f"{call.scope['path']}?{urlencode([*kept, ('cursor', cursor)])}"


_ANSWERING: dict[Kind, Answering] = {
    Kind.COMMAND: _answer_command,
    Kind.QUERY: _answer_query,
    Kind.ACTION: _answer_action,
}
