"""The OpenAPI document, pinned by a golden copy; its pages; and that they need nothing from elsewhere.

After a change that is meant: `python -m tests.api.test_documents` writes the golden copy anew. Review its diff.
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

from supportix.api.app import ENDPOINTS, PREFIX
from supportix.api.openapi import document
from supportix.api.problems import every_refusal, slug, status_of

GOLDEN = Path(__file__).with_name("openapi.golden.json")
FOREIGN = re.compile(r"(?:https?:)?//(?!127\.0\.0\.1)[a-z0-9.-]+\.[a-z]{2,}", re.IGNORECASE)


def written(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def test_the_document_is_the_golden_one(api_url: str):
    served = httpx.get(f"{api_url}/api/v1/openapi.json").json()

    assert written(served) == GOLDEN.read_text(), "run `python -m tests.api.test_documents` if this change is meant"


def test_every_operation_is_told_in_full():
    operations = [each for path in document(ENDPOINTS, PREFIX)["paths"].values() for each in path.values()]

    assert len({each["operationId"] for each in operations}) == len(operations) == len(ENDPOINTS)
    for each in operations:
        assert each["summary"].endswith(".")
        assert each["tags"]
        assert {"400", "500", "503"} <= set(each["responses"])


def test_every_object_is_closed():
    def objects(schema: Any) -> list[dict[str, Any]]:
        if isinstance(schema, list):
            return [found for each in schema for found in objects(each)]
        if not isinstance(schema, dict):
            return []
        own = [schema] if schema.get("type") == "object" and "properties" in schema else []
        return own + [found for each in schema.values() for found in objects(each)]

    found = objects(document(ENDPOINTS, PREFIX)["components"]["schemas"])

    assert found
    assert all(each["additionalProperties"] is False for each in found)


def test_every_example_fits_its_schema():
    found = document(ENDPOINTS, PREFIX)
    answers = [each for path in found["paths"].values() for one in path.values() for each in one["responses"].values()]
    bodies = [one["requestBody"] for path in found["paths"].values() for one in path.values() if "requestBody" in one]
    shared = found["components"]["responses"].values()
    contents = [each["content"] for each in (*answers, *bodies, *shared) if "content" in each]

    for content in (media for each in contents for media in each.values()):
        validator = jsonschema_rs.Draft202012Validator(content["schema"] | {"components": found["components"]})
        examples = [content["example"]] if "example" in content else [e["value"] for e in content["examples"].values()]
        for example in examples:
            validator.validate(example)


def test_every_refusal_has_a_status_and_a_name_of_its_own():
    refusals = list(every_refusal())

    assert len({slug(each) for each in refusals}) == len(set(refusals))
    assert {slug(each) for each in refusals if status_of(each) == 500} == {"internal-error"}
    assert all(each.title().endswith((".", "first")) for each in refusals)


def test_the_pages_need_nothing_from_elsewhere(api_url: str):
    page = httpx.get(f"{api_url}/docs")
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert FOREIGN.search(page.text) is None
    assert {"/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js", "/docs/icon.svg"} == set(parts)
    for part in parts:
        answer = httpx.get(api_url + part)
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == len(answer.content) > 0
    style = httpx.get(f"{api_url}/docs/swagger-ui.css").text
    assert not re.search(r"@import|url\((?!\"?data:)", style)
    assert FOREIGN.search(httpx.get(f"{api_url}/docs/start.js").text) is None


if __name__ == "__main__":
    GOLDEN.write_text(written(document(ENDPOINTS, PREFIX)))
