"""One operation of the document: what it takes, what it answers, and every problem that it can answer with."""

import inspect
from typing import Any

import msgspec

from supportix.api.access import Audience
from supportix.api.call import Page
from supportix.api.endpoints import Endpoint, Kind
from supportix.api.inputs import LARGEST_POSITION
from supportix.api.openapi.problem_responses import ProblemResponses
from supportix.api.openapi.schemas import Schema, Schemas
from supportix.api.problems import slug, status_of
from supportix.api.refusals import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    PasswordChangeRequired,
    ReadModelsBehind,
    Unauthenticated,
    UnknownCursor,
    UnsupportedMediaType,
)
from supportix.domain.errors import Forbidden, Refusal
from supportix.identity.errors import SessionRevoked, TokenExpired, TokenInvalid
from supportix.store.errors import CommandReused, StaleVersion, StoreFull, StoreUnavailable, VersionConflict

JSON = "application/json"
ETAG: Schema = {
    "description": "The version, for If-Match.",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
}
POSITION: Schema = {
    "description": "The position of the event log that the answer is true for; send it as Supportix-Min-Position.",
    "required": True,
    "schema": {"type": "integer", "minimum": 0},
}
REPLAYED: Schema = {
    "description": "The command was carried out before, under the same Idempotency-Key.",
    "schema": {"type": "string", "enum": ["true"]},
}
LOCATION: Schema = {
    "description": "Where it is found.",
    "required": True,
    "schema": {"type": "string", "format": "uri-reference"},
}
LINK: Schema = {"description": 'The next page, as `rel="next"`, where there is one.', "schema": {"type": "string"}}

_HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "description": "Makes a repeat harmless: 1 to 255 visible ASCII characters, new for each new request.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    },
    "If-Match": {
        "description": "The version that must be the present one, in quotation marks.",
        "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$', "examples": ['"3"']},
    },
    "If-None-Match": {
        "description": "The version that is known; 304 where it is the present one.",
        "schema": {"type": "string"},
    },
    "Supportix-Min-Position": {
        "description": "The position that the answer must not be older than.",
        "schema": {"type": "integer", "minimum": 0, "maximum": LARGEST_POSITION},
    },
    "X-Request-ID": {
        "description": "Correlates the events with the caller's request. Comes back where it is printable.",
        "schema": {"type": "string"},
    },
    "traceparent": {"description": "W3C trace context, kept with the events.", "schema": {"type": "string"}},
}


def operation(endpoint: Endpoint, schemas: Schemas, problems: ProblemResponses) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(endpoint.handle) or "").partition("\n")
    described: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": summary,
        "description": f"{description.strip()}\n\n{_audience(endpoint)}".strip(),
        "parameters": [*_path(endpoint, schemas), *_query(endpoint, schemas), *_header(endpoint)],
        "responses": _responses(endpoint, schemas, problems),
    }
    if endpoint.needs is Audience.ANYONE:
        described["security"] = []
    elif not isinstance(endpoint.needs, Audience):
        described["x-permissions"] = sorted(endpoint.needs)
    if endpoint.body is not None:
        schema = schemas.of(endpoint.body.kind)
        content = {JSON: {"schema": schema, "example": schemas.example(schema)}}
        described["requestBody"] = {"required": not endpoint.body.optional, "content": content}
    return described


def _audience(endpoint: Endpoint) -> str:
    if endpoint.needs is Audience.ANYONE:
        return "For anyone."
    if isinstance(endpoint.needs, Audience):
        return "For whoever is signed in."
    return f"Needs the permission {' or '.join(f'`{each}`' for each in sorted(endpoint.needs))}."


def _path(endpoint: Endpoint, schemas: Schemas) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas.of(kind)}
        for name, kind in endpoint.path_types.items()
    ]


def _query(endpoint: Endpoint, schemas: Schemas) -> list[Schema]:
    if endpoint.query is None:
        return []
    found = []
    for field in msgspec.structs.fields(endpoint.query.kind):
        schema = _without_null(schemas.of(field.type))
        if not field.required and isinstance(field.default, str | int):
            schema = schema | {"default": field.default}
        found.append({"name": field.encode_name, "in": "query", "required": field.required, "schema": schema})
    return found


def _without_null(schema: Schema) -> Schema:
    """A parameter that isn't sent is left out; there is no way to send null."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _header(endpoint: Endpoint) -> list[Schema]:
    names = ["X-Request-ID", "traceparent"] if endpoint.kind is Kind.COMMAND else []
    if endpoint.kind is Kind.COMMAND:
        names += ["Idempotency-Key", *(["If-Match"] if endpoint.conditional else [])]
    elif endpoint.kind is Kind.QUERY:
        names += ["Supportix-Min-Position", *(["If-None-Match"] if endpoint.conditional else [])]
    return [{"name": name, "in": "header", "required": False, **_HEADERS[name]} for name in names]


def _responses(endpoint: Endpoint, schemas: Schemas, problems: ProblemResponses) -> dict[str, Any]:
    responses: dict[str, Any] = {str(endpoint.status): _success(endpoint, schemas)}
    if endpoint.conditional and endpoint.kind is Kind.QUERY:
        responses["304"] = {
            "description": "It is still the version that If-None-Match names.",
            "headers": {"ETag": ETAG, "Supportix-Position": POSITION},
        }
    by_status: dict[int, list[type[Refusal]]] = {}
    for refusal in dict.fromkeys(_refusals(endpoint)):
        by_status.setdefault(status_of(refusal), []).append(refusal)
    for status in sorted(by_status):
        responses[str(status)] = problems.reference(status, sorted(by_status[status], key=slug))
    return responses


def _success(endpoint: Endpoint, schemas: Schemas) -> Schema:
    headers = {}
    if endpoint.kind is not Kind.ACTION:
        headers["Supportix-Position"] = POSITION
    if endpoint.located:
        headers["Location"] = LOCATION
    if endpoint.kind is Kind.COMMAND or endpoint.conditional:
        headers["ETag"] = ETAG
    if endpoint.kind is Kind.COMMAND:
        headers["Idempotent-Replayed"] = REPLAYED
    if endpoint.kind is Kind.QUERY and getattr(endpoint.answer, "__origin__", None) is Page:
        headers["Link"] = LINK
    answered: Schema = {"description": "Done." if endpoint.method != "GET" else "Found."}
    if headers:
        answered["headers"] = headers
    if endpoint.answer is not None:
        schema = schemas.of(endpoint.answer)
        answered["content"] = {JSON: {"schema": schema, "example": schemas.example(schema)}}
    return answered


def _refusals(endpoint: Endpoint) -> list[type[Refusal]]:
    """What the endpoint declares, and what follows from its kind."""
    found = [*endpoint.refusals, InvalidRequest, StoreUnavailable, InternalError]
    if endpoint.needs is not Audience.ANYONE:
        found += [Unauthenticated, TokenInvalid, TokenExpired, SessionRevoked]
    if not isinstance(endpoint.needs, Audience):
        found += [Forbidden, PasswordChangeRequired]
    if endpoint.body is not None:
        found += [BodyTooLarge, UnsupportedMediaType]
    if endpoint.kind is Kind.COMMAND:
        found += [CommandReused, VersionConflict, StoreFull, *([StaleVersion] if endpoint.conditional else [])]
    if endpoint.kind is Kind.QUERY:
        found.append(ReadModelsBehind)
    if endpoint.query is not None and "cursor" in endpoint.query.kind.__struct_fields__:
        found.append(UnknownCursor)
    return found
