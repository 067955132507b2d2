"""JSON schemas of our types, closed against unknown fields, and an example of each."""

from collections.abc import Sequence
from typing import Any

import msgspec

from supportix.api.endpoints import Endpoint

REFERENCE = "#/components/schemas/"

Schema = dict[str, Any]

_EXAMPLES = {"uuid": "01a207a0-f111-75fd-ac8b-b837f849e06c", "date-time": "2026-11-23T09:15:00Z"}


class Schemas:
    """The schemas of a set of types, and those that they refer to."""

    def __init__(self, types: Sequence[Any]) -> None:
        self._known: list[Any] = []
        for kind in types:
            if kind not in self._known:
                self._known.append(kind)
        found, components = msgspec.json.schema_components(self._known, ref_template=REFERENCE + "{name}")
        self._schemas: list[Schema] = [_closed(schema) for schema in found]
        self.components: dict[str, Schema] = {name: _closed(components[name]) for name in sorted(components)}

    def of(self, kind: Any) -> Schema:
        return self._schemas[self._known.index(kind)]

    def example(self, schema: Schema) -> Any:
        """A value that fits the schema: its own example, or one made from its parts."""
        if "$ref" in schema:
            return self.example(self.components[schema["$ref"].removeprefix(REFERENCE)])
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self.example(schema["anyOf"][0])
        return self._made(schema)

    def _made(self, schema: Schema) -> Any:
        match schema.get("type"):
            case "object":
                return {name: self.example(each) for name, each in schema.get("properties", {}).items()}
            case "array":
                return [self.example(schema["items"])] if schema.get("items") else []
            case "integer" | "number":
                return max(1, schema.get("minimum", 1))
            case "boolean":
                return False
            case "string":
                return _EXAMPLES.get(schema.get("format", ""), "text")
        return {}


def parameter_types(endpoint: Endpoint) -> list[Any]:
    """The types of an endpoint's path and query parameters."""
    fields = msgspec.structs.fields(endpoint.query.kind) if endpoint.query else ()
    return [*endpoint.path_types.values(), *(field.type for field in fields)]


def _closed(schema: Any) -> Any:
    """The schema with every object that names its fields taking no others."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed
