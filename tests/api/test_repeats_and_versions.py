"""Idempotency keys, preconditions, and reads that are never older than what they are asked for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.api.scene import Json, Person, Reads, problem, unique


def test_a_repeat_gets_the_first_answer(customer: Person, department: str):
    wanted = {"subject": "Once", "department_id": department}
    key = {"Idempotency-Key": unique("key")}

    first = customer.post("/tickets", wanted, headers=key)
    again = customer.post("/tickets", wanted, headers=key)

    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("ETag", "Supportix-Position"):
        assert again.headers[name] == first.headers[name]
    assert len(customer.reads_all(f"/tickets?department_id={department}")) == 1


def test_simultaneous_repeats_open_one_ticket(customer: Person, department: str):
    wanted = {"subject": "Once", "department_id": department}
    key = {"Idempotency-Key": unique("key")}
    barrier = threading.Barrier(8)

    def send(_: int) -> httpx.Response:
        barrier.wait()
        return customer.post("/tickets", wanted, headers=key)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(customer.reads_all(f"/tickets?department_id={department}")) == 1


def test_a_key_is_for_one_request(customer: Person, department: str):
    key = {"Idempotency-Key": unique("key")}
    customer.post("/tickets", {"subject": "This", "department_id": department}, headers=key)

    other = customer.post("/tickets", {"subject": "That", "department_id": department}, headers=key)

    assert problem(other) == (422, "command-reused")


def test_keys_of_two_people_are_two_keys(customer: Person, another_customer: Person, department: str):
    key = {"Idempotency-Key": unique("key")}

    answers = [
        person.post("/tickets", {"subject": "Help", "department_id": department}, headers=key)
        for person in (customer, another_customer)
    ]

    assert len({answer.json()["ticket_id"] for answer in answers}) == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "caf\xe9"])
def test_a_key_is_visible_ascii(customer: Person, key: str):
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]

    answer = customer.http.post(
        "/api/v1/tickets",
        json={"subject": "Help"},
        headers=[*headers, (b"Authorization", f"Bearer {customer.tokens['access_token']}".encode())],
    )

    assert problem(answer) == (400, "invalid-request")
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"


def test_a_repeat_under_if_match_gets_the_first_answer(agent: Person, an_assigned_ticket: Json):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}/start-work"
    headers = {"Idempotency-Key": unique("key"), "If-Match": f'"{an_assigned_ticket["version"]}"'}

    first = agent.post(path, headers=headers)
    again = agent.post(path, headers=headers)

    assert (again.status_code, again.content) == (first.status_code, first.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_registering_an_agent_twice_under_one_key_makes_one(admin: Person, department: str):
    body = {"username": unique("agent"), "password": "made for one day", "department_ids": [department], "capacity": 1}
    key = {"Idempotency-Key": unique("key")}

    first, again = (admin.post("/agents", body, headers=key) for _ in range(2))

    assert (first.status_code, first.content) == (201, again.content)


def test_a_stale_version_is_refused(agent: Person, an_assigned_ticket: Json):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}/start-work"

    assert problem(agent.post(path, headers={"If-Match": '"1"'})) == (412, "stale-version")
    assert agent.post(path, headers={"If-Match": f'"{an_assigned_ticket["version"]}"'}).status_code == 200


@pytest.mark.parametrize("given", ["3", 'W/"3"', '"three"', '"1", "2"'])
def test_a_malformed_version_is_refused(agent: Person, an_assigned_ticket: Json, given: str):
    answer = agent.post(f"/tickets/{an_assigned_ticket['ticket_id']}/start-work", headers={"If-Match": given})

    assert problem(answer) == (400, "invalid-request")
    assert answer.json()["errors"][0] == {
        "in": "header",
        "parameter": "If-Match",
        "detail": 'one version in quotation marks, like "3", was expected',
    }


def test_versions_of_agents_and_departments(admin: Person, agent: Person, department: str):
    stale = {"If-Match": '"9"'}

    assert problem(admin.put(f"/agents/{agent.id}/capacity", {"capacity": 5}, headers=stale)) == (412, "stale-version")
    renaming = admin.put(f"/departments/{department}/name", {"name": unique("New")}, headers=stale)
    assert problem(renaming) == (412, "stale-version")
    fresh = admin.get(f"/agents/{agent.id}").headers["ETag"]
    assert admin.put(f"/agents/{agent.id}/capacity", {"capacity": 5}, headers={"If-Match": fresh}).status_code == 200


def test_an_unchanged_ticket_is_not_sent_again(customer: Person, a_resolved_ticket: Json):
    path = f"/tickets/{a_resolved_ticket['ticket_id']}"
    tag = customer.get(path).headers["ETag"]

    again = customer.get(path, headers={"If-None-Match": f'"77", W/{tag}'})

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert customer.get(path, headers={"If-None-Match": '"1"'}).status_code == 200


def test_a_waiting_ticket_is_always_sent_since_its_place_may_change(customer: Person, a_waiting_ticket: Json):
    path = f"/tickets/{a_waiting_ticket['ticket_id']}"
    tag = customer.get(path).headers["ETag"]

    assert customer.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_a_read_sees_the_command_before_it(customer: Person, department: str):
    for n in range(20):
        opened = customer.post("/tickets", {"subject": f"Number {n}", "department_id": department})
        position = opened.headers["Supportix-Position"]
        found = customer.get(f"/tickets/{opened.json()['ticket_id']}", headers={"Supportix-Min-Position": position})
        assert found.status_code == 200
        assert int(found.headers["Supportix-Position"]) >= int(position)


def test_many_wait_for_positions_at_once(customer: Person, department: str):
    def open_and_read(n: int) -> bool:
        person = Person(customer.http, Reads(), customer.tokens)
        opened = person.does("POST", "/tickets", {"subject": f"Number {n}", "department_id": department})
        return person.get(f"/tickets/{opened['ticket_id']}").status_code == 200

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(open_and_read, range(64)))


def test_a_position_that_is_not_reached_in_time_is_a_503(customer: Person):
    answer = customer.get("/tickets", headers={"Supportix-Min-Position": str(2**40)})

    assert problem(answer) == (503, "read-models-behind")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("given", ["-1", "soon", "1.5", str(2**53), "1" * 30])
def test_a_malformed_position_is_refused(customer: Person, given: str):
    assert problem(customer.get("/tickets", headers={"Supportix-Min-Position": given})) == (400, "invalid-request")
