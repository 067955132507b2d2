"""Routing rules, request types, the preview and the models, over HTTP."""

import pytest
from tests.api.scene import Json, Person, problem, unique

TRIAGE = "00000000-0000-7000-8000-000000000001"
NOBODY = "01a207a0-0000-7000-8000-000000000000"


def rule(word: str, **more: object) -> Json:
    return {"name": "by word", "terms": [word]} | more


def test_rules_are_changed_read_and_take_tickets(admin: Person, agent: Person, customer: Person, department: str):
    word, path = unique("zebra"), f"/departments/{department}/routing-rules"

    changed = admin.put(path, {"rules": [rule(word, order=5)]})
    read = agent.get(path)

    assert changed.json()["version"] == 2
    assert read.headers["ETag"] == changed.headers["ETag"] == '"2"'
    (shown,) = read.json()["rules"]
    assert (shown["name"], shown["order"], shown["terms"], shown["looks_in"]) == ("by word", 5, [word], "both")
    opened = customer.does("POST", "/tickets", {"subject": f"A {word.upper()}!"})
    assert opened["department_id"] == department


def test_a_timeline_tells_staff_why(admin: Person, agent: Person, customer: Person, department: str):
    word = unique("heron")
    admin.does("PUT", f"/departments/{department}/routing-rules", {"rules": [rule(word)]})
    opened = customer.does("POST", "/tickets", {"subject": word})
    path = f"/tickets/{opened['ticket_id']}/timeline"

    told = agent.get(path).json()["items"][1]

    assert (told["kind"], told["step"]) == ("ticket-routed", "rule")
    assert told["evidence"]["rule"] == {"name": "by word", "order": 100, "term": word}
    assert customer.get(path).json()["items"][1]["evidence"] is None


def test_rules_are_changed_at_the_version_that_was_seen_and_once(admin: Person, department: str):
    path, body = f"/departments/{department}/routing-rules", {"rules": [rule("x")]}
    key = {"Idempotency-Key": unique("key")}

    first = admin.put(path, body, headers=key | {"If-Match": '"1"'})
    again = admin.put(path, body, headers=key | {"If-Match": '"1"'})

    assert (first.status_code, again.json()) == (200, first.json())
    assert problem(admin.put(path, {"rules": []}, headers={"If-Match": '"1"'})) == (412, "stale-version")


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ([{"name": "empty"}], (422, "routing-rule-invalid")),
        ([rule("x"), rule("y")], (422, "routing-rule-invalid")),
        ([rule("...")], (422, "routing-rule-invalid")),
        ([rule("x", order=-1)], (400, "invalid-request")),
        ([rule("x", channels=["pigeon"])], (400, "invalid-request")),
    ],
)
def test_what_is_no_rule(admin: Person, department: str, rules: list[Json], refused: object):
    assert problem(admin.put(f"/departments/{department}/routing-rules", {"rules": rules})) == refused


def test_who_may_do_what(supervisor: Person, customer: Person, admin: Person, department: str):
    for name, body in (("routing-rules", {"rules": []}), ("request-types", {"request_types": []})):
        assert problem(supervisor.put(f"/departments/{department}/{name}", body)) == (403, "forbidden")
        assert problem(admin.put(f"/departments/{NOBODY}/{name}", body)) == (404, "not-found")
        assert problem(admin.get(f"/departments/{NOBODY}/{name}")) == (404, "not-found")
    assert problem(customer.get(f"/departments/{department}/routing-rules")) == (403, "forbidden")
    assert problem(customer.get("/routing/models")) == (403, "forbidden")
    assert problem(customer.post("/routing/preview", {"subject": "x"})) == (403, "forbidden")


def test_a_request_type_gets_its_tickets_to_its_department(
    admin: Person, customer: Person, department: str, another_department: str
):
    name = unique("refund")
    admin.does("PUT", f"/departments/{department}/request-types", {"request_types": [name]})

    opened = customer.does("POST", "/tickets", {"subject": "Money", "request_type": name.upper()})

    assert opened["department_id"] == department
    assert {"name": name, "department_id": department} in customer.get("/request-types").json()["items"]
    assert customer.get(f"/departments/{department}/request-types").json()["request_types"] == [name]
    taken = admin.put(f"/departments/{another_department}/request-types", {"request_types": [name]})
    assert problem(taken) == (409, "request-type-taken")
    unknown = customer.post("/tickets", {"subject": "Money", "request_type": "moon"})
    assert problem(unknown) == (422, "unknown-request-type")
    assert name in unknown.json()["detail"]
    elsewhere = {"subject": "Money", "request_type": name, "department_id": another_department}
    assert problem(customer.post("/tickets", elsewhere)) == (422, "request-type-elsewhere")
    twice = admin.put(f"/departments/{department}/request-types", {"request_types": ["a", "A"]})
    assert problem(twice) == (422, "request-type-invalid")


def test_a_preview_explains_and_opens_nothing(admin: Person, supervisor: Person, department: str):
    word = unique("stork")
    admin.does("PUT", f"/departments/{department}/routing-rules", {"rules": [rule(word)]})
    before = admin.get("/events?after=0&limit=1").json()["head"]

    found = supervisor.does("POST", "/routing/preview", {"subject": "Seen", "description": f"a {word}"})
    other = supervisor.does("POST", "/routing/preview", {"subject": "Nothing of the kind", "channel": "phone"})

    assert (found["department_id"], found["step"]) == (department, "rule")
    assert found["evidence"]["rule"]["term"] == word
    assert (other["department_id"], other["step"], other["suggested_tags"]) == (TRIAGE, "triage", [])
    assert other["evidence"]["passed"]["classifier"] == "no model is active"
    assert admin.get("/events?after=0&limit=1").json()["head"] == before
    asked = supervisor.post("/routing/preview", {"subject": "x", "request_type": "moon"})
    assert problem(asked) == (422, "unknown-request-type")


def test_there_are_no_models_until_one_is_trained(supervisor: Person):
    assert supervisor.get("/routing/models").json() == {"items": []}
