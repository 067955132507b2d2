"""Operations: each declared once, with who may call it, what it takes, answers and refuses. Routes, guards, checks of
input and the OpenAPI document all follow from the declaration.

Handlers take the call, then path parameters by name, `query` and `body` by annotation. Reading these here instead of by
Litestar's injection takes 30 instead of 160 µs per request, and names every fault.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from supportix.api.access import Needs
from supportix.api.binding import Body, Query, path_argument
from supportix.api.call import Accepted, Call, Read
from supportix.commands.desk import Outcome
from supportix.domain.errors import Refusal

Arguments = dict[str, Any]


class Kind(StrEnum):
    """What an operation does, which decides on the headers it takes and answers with."""

    COMMAND = "command"
    """Appends to the log; idempotent by key."""
    QUERY = "query"
    """Reads; waits for a position if asked to."""
    ACTION = "action"
    """Changes or tells what isn't in the log: accounts and sessions."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. `answer` is the type of its body; None where it has none. `located`: it answers with Location."""

    method: str
    path: str
    handle: Callable[..., Awaitable[Any]]
    kind: Kind
    needs: Needs
    tag: str
    status: int
    answer: Any
    refusals: tuple[type[Refusal], ...]
    conditional: bool
    located: bool
    body: Body[Any] | None
    query: Query[Any] | None
    path_types: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The operation's stable name."""
        return str(getattr(self.handle, "__name__", ""))

    def arguments(self, call: Call) -> Arguments:
        """What the handler takes beside the call. Refused: InvalidRequest, UnsupportedMediaType."""
        found: Arguments = {}
        for name, kind in self.path_types.items():
            found[name] = path_argument(name, call.scope["path_params"][name], kind)
        if self.query is not None:
            found["query"] = self.query.read(call.scope["query_string"])
        if self.body is not None:
            found["body"] = self.body.read(call.body, call.headers.get(b"content-type"))
        return found


Handler = Callable[..., Awaitable[Any]]
Declare = Callable[[Handler], Endpoint]


def command(
    method: str,
    path: str,
    *,
    needs: Needs,
    tag: str,
    answer: type[msgspec.Struct],
    status: int = 200,
    conditional: bool = False,
    refusals: tuple[type[Refusal], ...] = (),
) -> Declare:
    """Declare a command. Its handler returns the desk's Outcome. `conditional`: it takes If-Match."""

    def declare(handle: Callable[..., Awaitable[Outcome]]) -> Endpoint:
        return _endpoint(handle, method, path, Kind.COMMAND, needs, tag, status, answer, refusals, conditional)

    return declare


def query(
    path: str, *, needs: Needs, tag: str, conditional: bool = False, refusals: tuple[type[Refusal], ...] = ()
) -> Declare:
    """Declare a query. Its handler returns a Read of the answer. `conditional`: it takes If-None-Match."""

    def declare(handle: Callable[..., Awaitable[Read[Any]]]) -> Endpoint:
        returned = get_type_hints(handle)["return"]
        if get_origin(returned) is not Read:
            raise TypeError(f"{handle} was expected to return a Read")
        return _endpoint(handle, "GET", path, Kind.QUERY, needs, tag, 200, get_args(returned)[0], refusals, conditional)

    return declare


def action(
    method: str, path: str, *, needs: Needs, tag: str, status: int = 200, refusals: tuple[type[Refusal], ...] = ()
) -> Declare:
    """Declare what neither reads nor writes the log. Its handler returns the answer, or None where there is none.

    What it has only begun it returns as an Accepted.
    """

    def declare(handle: Handler) -> Endpoint:
        returned = get_type_hints(handle)["return"]
        located = get_origin(returned) is Accepted
        answer = get_args(returned)[0] if located else None if returned is type(None) else returned
        return _endpoint(handle, method, path, Kind.ACTION, needs, tag, status, answer, refusals, False, located)

    return declare


def _endpoint(
    handle: Handler,
    method: str,
    path: str,
    kind: Kind,
    needs: Needs,
    tag: str,
    status: int,
    answer: Any,
    refusals: tuple[type[Refusal], ...],
    conditional: bool,
    located: bool = False,
) -> Endpoint:
    hints = get_type_hints(handle, include_extras=True)
    names = list(inspect.signature(handle).parameters)[1:]
    path_types = {name: hints[name] for name in names if f"{{{name}}}" in path}
    return Endpoint(
        method=method,
        path=path,
        handle=handle,
        kind=kind,
        needs=needs,
        tag=tag,
        status=status,
        answer=answer,
        refusals=refusals,
        conditional=conditional,
        located=located,
        body=Body(hints["body"]) if "body" in names else None,
        query=Query(hints["query"]) if "query" in names else None,
        path_types=path_types,
    )
