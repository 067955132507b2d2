"""The document as a whole: what holds for all operations, and their list."""

from collections.abc import Sequence
from typing import Any

from supportix.api.endpoints import Endpoint
from supportix.api.openapi.operations import operation
from supportix.api.openapi.problem_responses import ProblemResponses
from supportix.api.openapi.schemas import Schemas, parameter_types
from supportix.api.problems import Problem

VERSION = "1.0.0"
DESCRIPTION = """A customer-support backend that can explain itself.

**Commands** (POST, PUT) answer once their events are stored durably. Send an `Idempotency-Key` to repeat one safely:
the first answer comes again, with `Idempotent-Replayed: true`. Send `If-Match` with the version that you know to be
refused (412) where it is no longer that one.

**Consistency.** A command answers with `Supportix-Position`. Send it back as `Supportix-Min-Position`, and a query
waits until it can show that state or a newer one; where that takes too long it answers 503, never with older state.
Every query tells the position that it is true for.

**Lists** are read page by page: follow the `Link` header, or send `next_cursor` as `cursor`.

**Problems** come as `application/problem+json` (RFC 9457). Their `type` is stable and leads to a page about it.
"""
TAGS = {
    "Sign-in": "Accounts for customers, sessions, and who one is.",
    "Tickets": "Opening, assigning, working, resolving, and reading tickets with their history.",
    "Operations": "Queues, loads and traffic.",
    "Departments": "Departments and how they give out tickets.",
    "Agents": "Agents, their availability and capacity.",
    "Customers": "Customers, as staff and they themselves see them.",
    "Accounts": "Accounts, for administrators.",
    "Audit": "The event log, with who caused what.",
}


def document(endpoints: Sequence[Endpoint], prefix: str) -> dict[str, Any]:
    """OpenAPI 3.1.0 for these endpoints under this prefix."""
    schemas = Schemas([Problem, *(kind for endpoint in endpoints for kind in _types(endpoint))])
    problems = ProblemResponses()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = paths.setdefault(prefix + endpoint.path, {})
        path[endpoint.method.lower()] = operation(endpoint, schemas, problems)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Supportix",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": dict(sorted(problems.components.items())),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `access_token` of POST /api/v1/auth/log-in. It lasts 15 minutes.",
                }
            },
        },
    }


def _types(endpoint: Endpoint) -> list[Any]:
    body = [endpoint.body.kind] if endpoint.body else []
    answer = [endpoint.answer] if endpoint.answer is not None else []
    return [*body, *answer, *parameter_types(endpoint)]
