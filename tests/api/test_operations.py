"""Departments, agents, customers, queues, loads and the audit feed."""

import pytest
from tests.api.scene import Json, Person, problem, unique

NOBODY = "01a207a0-0000-7000-8000-000000000000"


def test_a_department_and_its_changes(admin: Person, customer: Person):
    name = unique("Billing")
    made = admin.post("/departments", {"name": name})
    path = f"/departments/{made.json()['department_id']}"

    assert (made.status_code, made.json()["policy"]) == (201, "round_robin")
    assert admin.does("PUT", f"{path}/name", {"name": f"{name} & Co"})["name"] == f"{name} & Co"
    assert admin.does("PUT", f"{path}/policy", {"policy": "least_busy"})["policy"] == "least_busy"
    assert admin.does("PUT", f"{path}/assignment-pause", {"paused": True, "reason": "fire drill"})["paused"] is True
    found = customer.get(path).json()
    assert (found["name"], found["policy"], found["paused"], found["version"]) == (
        f"{name} & Co",
        "least_busy",
        True,
        4,
    )
    assert found["department_id"] in {each["department_id"] for each in customer.reads_all("/departments?limit=1")}


def test_two_departments_have_two_names(admin: Person):
    name = unique("Billing")
    admin.does("POST", "/departments", {"name": name})

    assert problem(admin.post("/departments", {"name": name.upper()})) == (409, "department-name-taken")


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"name": " "}, (422, "department-name-missing")),
        ({"name": "x" * 101}, (400, "invalid-request")),
        ({"policy": "by_dice"}, (422, "unknown-policy")),
    ],
)
def test_what_is_no_department(admin: Person, given: Json, refused: object):
    assert problem(admin.post("/departments", {"name": unique("Name")} | given)) == refused


def test_departments_that_do_not_exist(admin: Person):
    assert problem(admin.get(f"/departments/{NOBODY}")) == (404, "not-found")
    assert problem(admin.put(f"/departments/{NOBODY}/name", {"name": unique("Name")})) == (404, "not-found")
    assert problem(admin.get(f"/queues/{NOBODY}")) == (404, "not-found")
    assert problem(admin.get("/departments/billing")) == (400, "invalid-request")


def test_an_agent_and_its_changes(admin: Person, agent: Person, department: str, another_department: str):
    path = f"/agents/{agent.id}"
    found = admin.get(path).json()
    assert (found["availability"], found["capacity"], found["department_ids"]) == ("offline", 3, [department])

    agent.does("PUT", f"{path}/availability", {"availability": "away"})
    admin.does("PUT", f"{path}/capacity", {"capacity": 7})
    admin.does("PUT", f"{path}/departments", {"department_ids": [another_department]})

    found = agent.get(path).json()
    assert (found["availability"], found["capacity"]) == ("away", 7)
    assert found["department_ids"] == [another_department]
    assert agent.id in {each["agent_id"] for each in agent.reads_all(f"/agents?department_id={another_department}")}
    assert agent.reads_all(f"/agents?department_id={department}") == []


def test_an_agent_whose_name_is_taken_is_not_half_registered(admin: Person, customer: Person, department: str):
    name = customer.get("/me").json()["username"]
    before = len(admin.reads_all("/agents?limit=200"))
    wanted = {"username": name, "password": "made for one day", "department_ids": [department], "capacity": 1}

    assert problem(admin.post("/agents", wanted)) == (409, "username-taken")
    unknown = wanted | {"username": unique("agent"), "department_ids": [NOBODY]}
    assert problem(admin.post("/agents", unknown)) == (422, "unknown-department")

    assert len(admin.reads_all("/agents?limit=200")) == before
    assert (
        problem(admin.post("/auth/log-in", {"username": unknown["username"], "password": "made for one day"}))[0] == 401
    )


def test_agents_change_their_own_availability_alone(agent: Person, supervisor: Person, admin: Person):
    assert problem(agent.put(f"/agents/{NOBODY}/availability", {"availability": "online"})) == (403, "forbidden")
    assert problem(supervisor.put(f"/agents/{agent.id}/availability", {"availability": "online"})) == (403, "forbidden")
    assert problem(admin.put(f"/agents/{NOBODY}/availability", {"availability": "online"})) == (404, "not-found")
    assert admin.does("PUT", f"/agents/{agent.id}/availability", {"availability": "online"})["availability"] == "online"


def test_customers_and_their_tickets(
    supervisor: Person, agent: Person, customer: Person, another_customer: Person, a_waiting_ticket: Json
):
    customer.does("POST", f"/tickets/{a_waiting_ticket['ticket_id']}/close")
    found = agent.get(f"/customers/{customer.id}").json()

    assert found["tickets_raised"] > found["tickets_open"] >= 0
    assert found["tickets_raised"] == len(customer.reads_all("/tickets?limit=200"))
    assert customer.get(f"/customers/{customer.id}").json() == found
    assert problem(customer.get(f"/customers/{another_customer.id}")) == (404, "not-found")
    assert problem(supervisor.get(f"/customers/{supervisor.id}")) == (404, "not-found")
    listed = supervisor.reads_all("/customers?limit=1")
    assert {customer.id, another_customer.id} <= {each["customer_id"] for each in listed}
    searched = supervisor.reads_all(f"/customers?q={found['username'].upper()}")
    assert customer.id in {each["customer_id"] for each in searched}
    assert all(found["username"] in each["username"] for each in searched)


def test_the_queue_in_the_order_in_which_it_is_served(
    supervisor: Person, customer: Person, agent: Person, department: str, another_department: str
):
    opened = [
        supervisor.does(
            "POST",
            "/tickets",
            {"subject": p, "priority": p, "department_id": department, "requester_id": customer.id},
        )["ticket_id"]
        for p in ("low", "urgent", "normal", "urgent", "high")
    ]

    entries = agent.reads_all(f"/queues/{department}?limit=2")

    assert [each["ticket_id"] for each in entries] == [opened[n] for n in (1, 3, 4, 2, 0)]
    assert [each["place"] for each in entries] == [1, 2, 3, 4, 5]
    (summary,) = agent.reads_all("/queues")
    assert {name: summary[name] for name in ("department_id", "waiting", "urgent", "high", "normal", "low")} == {
        "department_id": department,
        "waiting": 5,
        "urgent": 2,
        "high": 1,
        "normal": 1,
        "low": 1,
    }
    assert summary["oldest_opened_at"] == next(each["opened_at"] for each in entries if each["ticket_id"] == opened[0])
    assert problem(agent.get(f"/queues/{another_department}")) == (404, "not-found")
    assert {department, another_department} <= {
        each["department_id"] for each in supervisor.reads_all("/queues?limit=3")
    }


def test_loads_tell_what_agents_hold(supervisor: Person, agent: Person, department: str, an_assigned_ticket: Json):
    (load,) = supervisor.reads_all(f"/loads?department_id={department}")

    assert (load["agent_id"], load["open_work"], load["capacity"], load["free"]) == (agent.id, 1, 3, 2)
    assert load["last_assigned_at"] == an_assigned_ticket["assigned_at"]


def test_the_audit_feed_tells_everything(supervisor: Person, customer: Person, department: str):
    headers = {"X-Request-ID": "11111111-2222-4333-8444-555555555555", "Idempotency-Key": unique("key")}
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    wanted = {"subject": "Audited", "department_id": department}
    opened = customer.post("/tickets", wanted, headers=headers | trace)

    first = int(opened.headers["Supportix-Position"]) - 2
    feed = supervisor.get(f"/events?after={first}&limit=2").json()

    assert opened.headers["X-Request-ID"] == headers["X-Request-ID"]
    assert [each["name"] for each in feed["items"]] == ["ticket.opened.v1", "ticket.routed.v1"]
    assert [each["position"] for each in feed["items"]] == [first + 1, first + 2]
    one = feed["items"][0]
    assert (one["actor_id"], one["stream_id"]) == (customer.id, opened.json()["ticket_id"])
    assert (one["correlation_id"], one["trace_context"]) == (headers["X-Request-ID"], trace["traceparent"])
    assert one["fact"]["subject"] == "Audited"
    assert feed["next_after"] == first + 2


def test_the_audit_feed_by_name_reaches_the_head(supervisor: Person, a_waiting_ticket: Json):
    found: list[Json] = []
    after, head = 0, 1
    while after < head:
        feed = supervisor.get(f"/events?after={after}&name=ticket.opened.v1&limit=3").json()
        assert feed["next_after"] > after
        found, after, head = found + feed["items"], feed["next_after"], feed["head"]

    assert {each["name"] for each in found} == {"ticket.opened.v1"}
    assert a_waiting_ticket["ticket_id"] in {each["stream_id"] for each in found}
    assert len({each["position"] for each in found}) == len(found)
