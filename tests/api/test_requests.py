"""Requests that are not formed as they should be, and what surrounds every answer."""

import json

import httpx
import pytest
from tests.api.scene import Json, Person, problem, unique


def raw(person: Person, method: str, path: str, content: bytes, media_type: str | None = "application/json"):
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}"}
    if media_type:
        headers["Content-Type"] = media_type
    return person.http.request(method, f"/api/v1{path}", content=content, headers=headers)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{'subject': 'quotes'}",
        b'{"subject": "\xff"}',
        b'{"subject": "\\ud800"}',
        b'{"subject": "a" "b"}',
        b'{"subject": NaN}',
        b"[" * 100_000,
        b'{"x": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_object(customer: Person, content: bytes):
    answer = raw(customer, "POST", "/tickets", content)

    assert problem(answer) == (400, "invalid-request")
    assert answer.json()["errors"]


def test_every_fault_is_named_with_its_place(customer: Person):
    answer = customer.post(
        "/tickets",
        {"description": 7, "tags": ["fine", "x" * 51, 3], "priority": "asap", "department_id": "billing", "colour": 1},
    )

    assert problem(answer) == (400, "invalid-request")
    faults = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
    assert set(faults) == {"/subject", "/description", "/tags/1", "/priority", "/department_id", "/colour"}
    assert faults["/subject"] == "this field was expected"
    assert "50" in faults["/tags/1"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "x" * 201),
        ("subject", ""),
        ("subject", "a\x00b"),
        ("description", "x" * 20_001),
        ("description", "\x00"),
        ("tags", ["t"] * 21),
        ("tags", ["a\x00"]),
        ("channel", "import"),
        ("priority", None),
    ],
)
def test_text_has_limits(customer: Person, field: str, value: object):
    answer = customer.post("/tickets", {"subject": "Help"} | {field: value})

    assert problem(answer) == (400, "invalid-request")
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")


def test_text_at_its_limits_comes_back_as_it_was(customer: Person):
    wanted = {"subject": "é" * 199 + "\n", "description": "𝄞\\u0000" * 2_000, "tags": ["'); DROP TABLE events; --"]}

    opened = customer.does("POST", "/tickets", wanted)

    found = customer.get(f"/tickets/{opened['ticket_id']}").json()
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_other_media_types_are_not_read(customer: Person, media_type: str | None):
    answer = raw(customer, "POST", "/tickets", b'{"subject": "Help"}', media_type)

    assert problem(answer) == (415, "unsupported-media-type")


def test_json_may_name_its_charset(customer: Person):
    answer = raw(customer, "POST", "/tickets", b'{"subject": "Help"}', "Application/JSON; charset=utf-8")

    assert answer.status_code == 201


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_of_more_than_a_megabyte(customer: Person, announced: bool):
    body = json.dumps({"subject": "x" * 1_100_000}).encode()
    content = body if announced else iter([body[:600_000], body[600_000:]])
    headers = {"Authorization": f"Bearer {customer.tokens['access_token']}", "Content-Type": "application/json"}

    answer = httpx.post(f"{customer.http.base_url}/api/v1/tickets", content=content, headers=headers)

    assert problem(answer) == (413, "body-too-large")


def test_an_address_that_does_not_exist(api_url: str):
    for path in ("/api/v1/nothing", "/", "/api/v2/tickets", "/api/v1/tickets/1/2/3/4", "/docs/passwd"):
        assert problem(httpx.get(api_url + path)) == (404, "route-not-found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "HEAD"])
def test_a_method_that_an_address_does_not_take(customer: Person, method: str):
    answer = customer.http.request(method, "/api/v1/tickets")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, OPTIONS, POST"
    if method != "HEAD":
        assert problem(answer) == (405, "method-not-allowed")


def test_nothing_is_changed_by_reading(customer: Person, a_waiting_ticket: Json):
    for verb in ("assign", "reopen", "close", "start-work"):
        assert customer.get(f"/tickets/{a_waiting_ticket['ticket_id']}/{verb}").status_code == 405


def test_every_answer_is_guarded(api_url: str, customer: Person):
    for answer in (customer.get("/me"), httpx.get(f"{api_url}/nothing"), httpx.get(f"{api_url}/docs")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_request_id_comes_back_where_it_is_printable(customer: Person):
    assert customer.get("/me", headers={"X-Request-ID": "order-66"}).headers["X-Request-ID"] == "order-66"
    assert "X-Request-ID" not in customer.get("/me", headers={"X-Request-ID": "x" * 201}).headers
    assert "X-Request-ID" not in customer.get("/me").headers


def test_a_problem_type_leads_to_a_page(api_url: str, customer: Person):
    kind = customer.post("/tickets", {"subject": " "}).json()["type"]

    page = httpx.get(api_url + kind)

    assert page.headers["Content-Type"].startswith("text/html")
    assert "A ticket needs a subject." in page.text
    assert f'href="{kind}"' in httpx.get(f"{api_url}/problems").text
    assert problem(httpx.get(f"{api_url}/problems/nothing")) == (404, "route-not-found")


def test_secrets_and_texts_are_not_logged(customer: Person, stranger: Person, api_log):
    canary = unique("canary")
    customer.post("/tickets", {"subject": canary, "nonsense": canary})
    customer.get(f"/tickets?q={canary}")
    stranger.post("/auth/log-in", {"username": canary, "password": canary})

    assert canary not in api_log.read_text()
