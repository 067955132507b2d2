"""Answers with problems: one for each set of problem types that some operation may answer with under one status."""

from collections.abc import Sequence

from supportix.api.openapi.schemas import REFERENCE, Schema
from supportix.api.problems import MEDIA_TYPE, slug
from supportix.domain.errors import Refusal

_RETRY_AFTER: Schema = {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}
_HEADERS: dict[int, dict[str, Schema]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
}


class ProblemResponses:
    """Collects the responses that operations refer to."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def reference(self, status: int, refusals: Sequence[type[Refusal]]) -> Schema:
        """Refers to the response for these refusals, all of this status."""
        name = ".".join((str(status), *(slug(refusal) for refusal in refusals)))
        if name not in self.components:
            self.components[name] = _response(status, refusals)
        return {"$ref": f"#/components/responses/{name}"}


def _response(status: int, refusals: Sequence[type[Refusal]]) -> Schema:
    types = {slug(refusal): refusal for refusal in refusals}
    narrowed = {"type": {"enum": [f"/problems/{name}" for name in types]}, "status": {"enum": [status]}}
    examples = {
        name: {
            "value": {
                "type": f"/problems/{name}",
                "title": refusal.title(),
                "status": status,
                "detail": "what was expected instead",
            }
        }
        for name, refusal in types.items()
    }
    schema = {"allOf": [{"$ref": REFERENCE + "Problem"}, {"properties": narrowed}]}
    response: Schema = {
        "description": "\n".join(f"- `{name}`: {refusal.title()}" for name, refusal in types.items()),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response
