"""Merging over HTTP: settings, suggestions by hand, what becomes of them, and what is refused."""

from typing import Any

import pytest
from tests.api.scene import Json, Person, problem, register_agent, unique

NOBODY = "01a207a0-0000-7000-8000-000000000000"


@pytest.fixture
def helpers(admin: Person, department: str, another_department: str) -> Person:
    """An online agent of the other department, which may help the first."""
    agent = register_agent(admin, another_department, capacity=10)
    agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "online"})
    set_merging(admin, department, another_department)
    return agent


def set_merging(person: Person, department: str, *compatible: str, **changes: Any) -> Json:
    wanted = {"mode": "manual", "compatible_ids": [*compatible], "wait_low_minutes": 900, "wait_high_minutes": 1000}
    return person.does("PUT", f"/departments/{department}/merging", wanted | changes)


def open_tickets(customer: Person, department: str, count: int) -> list[str]:
    wanted = {"subject": "The invoice is wrong", "department_id": department}
    return [customer.does("POST", "/tickets", wanted)["ticket_id"] for _ in range(count)]


def test_settings_of_a_department(supervisor: Person, department: str, another_department: str):
    assert supervisor.get(f"/departments/{department}/merging").json()["settings"] is None

    answer = set_merging(supervisor, department, another_department, another_department, queue_high=9)

    expected = {
        "mode": "manual",
        "strategy": "redistribute",
        "queue_low": 5,
        "queue_high": 9,
        "wait_low_minutes": 900,
        "wait_high_minutes": 1000,
        "underused_percent": 30,
        "cool_down_minutes": 60,
        "suggestion_minutes": 1440,
        "compatible_ids": [another_department],
    }
    assert answer["settings"] == expected
    found = supervisor.get(f"/departments/{department}/merging").json()
    assert (found["settings"], found["merge_id"], found["version"]) == (expected, None, answer["version"])


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"queue_low": 20, "queue_high": 20}, (422, "marks-out-of-order")),
        ({"wait_low_minutes": 61, "wait_high_minutes": 60}, (422, "marks-out-of-order")),
        ({"compatible_ids": [NOBODY]}, (422, "unknown-department")),
        ({"underused_percent": 0}, (400, "invalid-request")),
        ({"suggestion_minutes": 0}, (400, "invalid-request")),
        ({"mode": "sometimes"}, (400, "invalid-request")),
    ],
)
def test_settings_that_are_refused(supervisor: Person, department: str, changes: Json, refused: object):
    wanted = {"mode": "manual"} | changes
    assert problem(supervisor.put(f"/departments/{department}/merging", wanted)) == refused


def test_a_merge_with_itself_is_refused(supervisor: Person, department: str):
    wanted = {"mode": "manual", "compatible_ids": [department]}
    assert problem(supervisor.put(f"/departments/{department}/merging", wanted)) == (422, "merge-with-itself")
    itself = {"source_id": department, "target_id": department}
    assert problem(supervisor.post("/merges", itself)) == (422, "merge-with-itself")


def test_settings_at_another_version_than_expected(supervisor: Person, department: str):
    answer = supervisor.put(f"/departments/{department}/merging", {"mode": "off"}, headers={"If-Match": '"7"'})
    assert problem(answer) == (412, "stale-version")


def test_a_merge_from_its_suggestion_to_its_end(
    supervisor: Person, customer: Person, department: str, another_department: str, helpers: Person
):
    opened = open_tickets(customer, department, 4)
    wanted = {"source_id": department, "target_id": another_department}
    made = supervisor.post("/merges", wanted)
    path = f"/merges/{made.json()['merge_id']}"

    assert (made.status_code, made.json()["state"]) == (201, "suggested")
    found = supervisor.get(path).json()
    assert found["evidence"]["source"]["queue_length"] == 4
    assert found["evidence"]["target"]["free_capacity"] == 10
    assert supervisor.does("POST", f"{path}/approve")["state"] == "approved"

    found = supervisor.sees(path, state="finished", moved=2)
    assert (found["planned"], found["passed_over"], found["suggested_by"]) == (2, 0, "person")
    for ticket_id in opened[:2]:
        customer.sees(f"/tickets/{ticket_id}", department_id=another_department, agent_id=helpers.id)
    assert [each["merge_id"] for each in supervisor.reads_all(f"/merges?department_id={another_department}")] == [
        found["merge_id"]
    ]
    assert supervisor.reads_all(f"/merges?department_id={department}&state=suggested&state=pooled") == []
    for person, merge_id in ((supervisor, found["merge_id"]), (customer, None)):
        entries = person.get(f"/tickets/{opened[0]}/timeline").json()["items"]
        (moved,) = [entry for entry in entries if entry["kind"] == "ticket-transferred"]
        assert (moved["to_department_id"], moved["merge_id"]) == (another_department, merge_id)


@pytest.mark.usefixtures("helpers")
def test_a_merge_that_is_dismissed(supervisor: Person, department: str, another_department: str):
    made = supervisor.does("POST", "/merges", {"source_id": department, "target_id": another_department})
    path = f"/merges/{made['merge_id']}"
    assert supervisor.get(f"/departments/{another_department}/merging").json()["merge_id"] == made["merge_id"]

    assert supervisor.does("POST", f"{path}/dismiss", {"reason": "training"})["state"] == "dismissed"

    assert problem(supervisor.post(f"{path}/approve")) == (409, "merge-not-suggested")
    assert problem(supervisor.post(f"{path}/dismiss")) == (409, "merge-not-suggested")
    assert problem(supervisor.post(f"{path}/dissolve")) == (409, "merge-not-pooled")
    after = supervisor.get(f"/departments/{department}/merging").json()
    assert (after["merge_id"], after["merge_left_at"] is None) == (None, False)


def test_a_pool_that_is_begun_and_dissolved_by_hand(
    supervisor: Person, customer: Person, department: str, another_department: str
):
    set_merging(supervisor, department, another_department, strategy="pool", queue_low=1, queue_high=50)
    wanted = {"source_id": department, "target_id": another_department, "approved": True}
    assert problem(supervisor.post("/merges", wanted)) == (409, "pool-not-needed")
    open_tickets(customer, department, 2)

    made = supervisor.does("POST", "/merges", wanted)
    supervisor.sees(f"/merges/{made['merge_id']}", state="pooled")

    assert supervisor.does("POST", f"/merges/{made['merge_id']}/dissolve")["state"] == "dissolved"
    assert supervisor.get(f"/merges/{made['merge_id']}").json()["dissolved_by"] == "person"


def test_of_both_pooled_teams_it_is_told_who_was_excluded(
    admin: Person, supervisor: Person, customer: Person, department: str, another_department: str, helpers: Person
):
    set_merging(supervisor, department, another_department, strategy="pool", queue_low=1, queue_high=50)
    away = register_agent(admin, another_department)
    away.does("PUT", f"/agents/{away.id}/availability", {"availability": "away"})
    first, _ = open_tickets(customer, department, 2)
    wanted = {"source_id": department, "target_id": another_department, "approved": True}
    supervisor.does("POST", "/merges", wanted)

    supervisor.sees(f"/tickets/{first}", agent_id=helpers.id)
    (why,) = supervisor.get(f"/tickets/{first}/assignments").json()["items"]
    assert why["reasons"]["excluded"] == {"away": 1}
    assert [(each["agent_id"], each["reason"]) for each in why["excluded_agents"]] == [(away.id, "away")]


def test_an_agent_pulls_from_the_queue_of_its_departments_partner(
    admin: Person, supervisor: Person, customer: Person, department: str, another_department: str, helpers: Person
):
    for each in (department, another_department):
        admin.does("PUT", f"/departments/{each}/assignment-pause", {"paused": True})
    set_merging(supervisor, department, another_department, strategy="pool", queue_low=1, queue_high=50)
    first, second = open_tickets(customer, department, 2)
    assert problem(helpers.post(f"/queues/{department}/next")) == (409, "not-in-department")
    wanted = {"source_id": department, "target_id": another_department, "approved": True}
    made = supervisor.does("POST", "/merges", wanted)
    supervisor.sees(f"/merges/{made['merge_id']}", state="pooled")
    assert helpers.does("POST", f"/queues/{department}/next")["ticket_id"] == first
    assert helpers.does("POST", f"/queues/{another_department}/next")["ticket_id"] == second
    assert helpers.get(f"/tickets/{first}").json()["agent_id"] == helpers.id
    assert problem(helpers.post(f"/queues/{NOBODY}/next")) == (404, "not-found")


def test_what_is_no_merge(supervisor: Person, admin: Person, department: str, another_department: str):
    wanted = {"source_id": department, "target_id": another_department}
    assert problem(supervisor.post("/merges", wanted)) == (409, "merging-not-set")
    assert problem(supervisor.post("/merges", wanted | {"target_id": NOBODY})) == (422, "unknown-department")
    third = str(admin.does("POST", "/departments", {"name": unique("Department")})["department_id"])
    set_merging(supervisor, department, third)
    assert problem(supervisor.post("/merges", wanted)) == (409, "departments-incompatible")
    supervisor.does("POST", "/merges", wanted | {"target_id": third})
    set_merging(supervisor, another_department, third)
    chained = {"source_id": another_department, "target_id": third}
    assert problem(supervisor.post("/merges", chained)) == (409, "department-in-merge")
    assert problem(supervisor.get(f"/merges/{NOBODY}")) == (404, "not-found")
    assert problem(supervisor.post(f"/merges/{NOBODY}/approve")) == (404, "not-found")


@pytest.mark.usefixtures("helpers")
def test_a_repeat_under_one_key_suggests_once(supervisor: Person, department: str, another_department: str):
    wanted = {"source_id": department, "target_id": another_department}
    key = {"Idempotency-Key": unique("merge")}
    first, second = supervisor.post("/merges", wanted, headers=key), supervisor.post("/merges", wanted, headers=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(supervisor.reads_all(f"/merges?department_id={department}&limit=1")) == 1


@pytest.mark.usefixtures("helpers")
def test_pages_of_merges(supervisor: Person, department: str, another_department: str):
    wanted = {"source_id": department, "target_id": another_department}
    made = []
    for _ in range(3):
        made.append(supervisor.does("POST", "/merges", wanted)["merge_id"])
        supervisor.does("POST", f"/merges/{made[-1]}/dismiss")

    listed = supervisor.reads_all(f"/merges?department_id={department}&limit=2")

    assert [each["merge_id"] for each in listed] == made[::-1]


def test_agents_and_customers_have_no_part_in_it(agent: Person, customer: Person, department: str):
    for person in (agent, customer):
        assert problem(person.get("/merges")) == (403, "forbidden")
        assert problem(person.put(f"/departments/{department}/merging", {"mode": "off"})) == (403, "forbidden")
