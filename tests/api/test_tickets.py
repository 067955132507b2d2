"""Commands on tickets: what each does, and what stands in its way."""

import pytest
from tests.api.scene import Json, Person, problem, register_agent


def test_a_customer_opens_a_ticket(customer: Person, department: str):
    answer = customer.post(
        "/tickets", {"subject": "Help", "description": "It broke.", "tags": ["printer"], "department_id": department}
    )

    assert answer.status_code == 201
    opened = answer.json()
    assert (opened["status"], opened["priority"], opened["department_id"]) == ("queued", "normal", department)
    assert opened["number"].startswith("SUP-20")
    assert answer.headers["ETag"] == f'"{opened["version"]}"'
    found = customer.get(f"/tickets/{opened['ticket_id']}").json()
    assert (found["subject"], found["description"], found["tags"]) == ("Help", "It broke.", ["printer"])
    assert (found["requester_id"], found["queue_place"]) == (customer.id, 1)


def test_a_ticket_without_a_department_goes_to_triage(customer: Person):
    opened = customer.does("POST", "/tickets", {"subject": "Where to?"})

    assert opened["department_id"] == "00000000-0000-7000-8000-000000000001"


def test_staff_open_a_ticket_for_a_customer(supervisor: Person, customer: Person, department: str):
    wanted = {"subject": "By phone", "channel": "phone", "priority": "high", "department_id": department}
    opened = supervisor.does("POST", "/tickets", wanted | {"requester_id": customer.id})

    assert customer.get(f"/tickets/{opened['ticket_id']}").json()["priority"] == "high"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, (422, "requester-missing")),
        ({"requester_id": "01a207a0-0000-7000-8000-000000000000"}, (422, "unknown-requester")),
        ({"subject": " \t"}, (422, "requester-missing")),
        ({"department_id": "01a207a0-0000-7000-8000-000000000000"}, (422, "requester-missing")),
    ],
)
def test_what_staff_have_to_say_about_the_requester(supervisor: Person, given: Json, refused: object):
    assert problem(supervisor.post("/tickets", {"subject": "By phone"} | given)) == refused


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"subject": " \t"}, (422, "subject-missing")),
        ({"department_id": "01a207a0-0000-7000-8000-000000000000"}, (422, "unknown-department")),
        ({"priority": "urgent"}, (403, "forbidden")),
        ({"requester_id": "01a207a0-0000-7000-8000-000000000000"}, (403, "forbidden")),
    ],
)
def test_what_a_customer_may_not_open(customer: Person, given: Json, refused: object):
    assert problem(customer.post("/tickets", {"subject": "Help"} | given)) == refused


def test_the_id_of_something_else_is_no_department(customer: Person, a_waiting_ticket: Json):
    opening = customer.post("/tickets", {"subject": "Help", "department_id": a_waiting_ticket["ticket_id"]})

    assert problem(opening) == (422, "unknown-department")


def test_the_id_of_something_else_is_no_agent(supervisor: Person, a_waiting_ticket: Json):
    path = f"/tickets/{a_waiting_ticket['ticket_id']}/assign"

    assert problem(supervisor.post(path, {"agent_id": a_waiting_ticket["ticket_id"]})) == (422, "unknown-agent")


def test_the_policy_gives_a_ticket_to_an_agent(an_assigned_ticket: Json, agent: Person):
    assert agent.get(f"/agents/{agent.id}").json()["availability"] == "online"
    assert (an_assigned_ticket["agent_id"], an_assigned_ticket["queue_place"]) == (agent.id, None)


def test_a_ticket_from_opening_to_closing_and_back(
    customer: Person, agent: Person, supervisor: Person, an_assigned_ticket: Json
):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}"

    assert agent.does("POST", f"{path}/start-work")["status"] == "in_progress"
    assert agent.does("POST", f"{path}/await-customer")["status"] == "pending"
    assert agent.does("POST", f"{path}/start-work")["status"] == "in_progress"
    assert agent.does("POST", f"{path}/resolve", {"resolution": "Done."})["agent_id"] is None
    load = next(each for each in supervisor.reads_all("/loads") if each["agent_id"] == agent.id)
    assert (load["open_work"], load["free"], load["assigned_total"]) == (0, 3, 1)
    assert customer.does("POST", f"{path}/close")["status"] == "closed"
    assert customer.does("POST", f"{path}/reopen", {"reason": "Again."})["status"] == "queued"
    customer.sees(path, status="assigned", agent_id=agent.id, reopen_count=1, assignment_count=2)


def test_a_customer_answers_and_its_ticket_goes_on(customer: Person, agent: Person, an_assigned_ticket: Json):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}"
    assert problem(customer.post(f"{path}/customer-answered")) == (409, "transition-refused")
    agent.does("POST", f"{path}/await-customer")
    assert customer.does("POST", f"{path}/customer-answered")["status"] == "in_progress"
    entries = customer.get(f"{path}/timeline").json()["items"]
    assert entries[-1]["kind"] == "ticket-customer-answered"
    assert entries[-1]["actor"]["role"] == "customer"


def test_tags_that_nobody_suggested_are_neither_accepted_nor_dismissed(
    customer: Person, supervisor: Person, a_waiting_ticket: Json
):
    for verb in ("accept", "dismiss"):
        path = f"/tickets/{a_waiting_ticket['ticket_id']}/tags/{verb}"
        assert problem(supervisor.post(path, {"tags": ["billing"]})) == (409, "tags-not-suggested")
        assert problem(supervisor.post(path, {"tags": []})) == (400, "invalid-request")
        assert problem(customer.post(path, {"tags": ["billing"]})) == (403, "forbidden")


def test_an_unassigned_ticket_waits_again(supervisor: Person, agent: Person, an_assigned_ticket: Json):
    agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "away"})

    waiting = supervisor.does("POST", f"/tickets/{an_assigned_ticket['ticket_id']}/unassign", {"reason": "too much"})

    assert (waiting["status"], waiting["agent_id"]) == ("queued", None)


def test_a_supervisor_assigns_by_hand_while_the_policy_holds_back(
    admin: Person, supervisor: Person, agent: Person, department: str, a_waiting_ticket: Json
):
    admin.does("PUT", f"/departments/{department}/assignment-pause", {"paused": True})
    agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "online"})

    assigned = supervisor.does("POST", f"/tickets/{a_waiting_ticket['ticket_id']}/assign", {"agent_id": agent.id})

    assert assigned["agent_id"] == agent.id


def test_an_agent_takes_a_waiting_ticket_on(admin: Person, agent: Person, department: str, a_waiting_ticket: Json):
    admin.does("PUT", f"/departments/{department}/assignment-pause", {"paused": True, "reason": "by hand today"})
    agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "online"})

    taken = agent.does("POST", f"/tickets/{a_waiting_ticket['ticket_id']}/assign", {"agent_id": agent.id})

    assert (taken["status"], taken["agent_id"]) == ("assigned", agent.id)


def test_nobody_assigns_a_ticket_twice(supervisor: Person, an_assigned_ticket: Json, agent: Person):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}/assign"

    assert problem(supervisor.post(path, {"agent_id": agent.id})) == (409, "ticket-has-agent")


def test_nobody_assigns_to_an_agent_who_is_away(supervisor: Person, agent: Person, a_waiting_ticket: Json):
    path = f"/tickets/{a_waiting_ticket['ticket_id']}/assign"

    assert problem(supervisor.post(path, {"agent_id": agent.id})) == (409, "agent-unavailable")


def test_a_transfer_moves_the_ticket_to_another_queue(
    agent: Person, customer: Person, an_assigned_ticket: Json, another_department: str
):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}"
    moved = agent.does("POST", f"{path}/transfer", {"department_id": another_department, "reason": "not ours"})

    assert (moved["status"], moved["department_id"], moved["agent_id"]) == ("queued", another_department, None)
    assert customer.get(path).json()["queue_place"] == 1


def test_priority_changes_the_place_in_the_queue(supervisor: Person, customer: Person, department: str):
    first, second = (
        customer.does("POST", "/tickets", {"subject": f"Number {n}", "department_id": department}) for n in (1, 2)
    )
    assert customer.get(f"/tickets/{second['ticket_id']}").json()["queue_place"] == 2

    supervisor.does("PUT", f"/tickets/{second['ticket_id']}/priority", {"priority": "urgent"})

    assert customer.get(f"/tickets/{second['ticket_id']}").json()["queue_place"] == 1
    assert customer.get(f"/tickets/{first['ticket_id']}").json()["queue_place"] == 2


@pytest.mark.parametrize("verb", ["start-work", "await-customer"])
def test_a_waiting_ticket_can_not_be_worked_on(supervisor: Person, a_waiting_ticket: Json, verb: str):
    refused = supervisor.post(f"/tickets/{a_waiting_ticket['ticket_id']}/{verb}")

    assert problem(refused) == (409, "transition-refused")
    assert "can become" in refused.json()["detail"]


def test_only_who_holds_a_ticket_works_on_it(admin: Person, department: str, an_assigned_ticket: Json):
    colleague = register_agent(admin, department)

    refused = colleague.post(f"/tickets/{an_assigned_ticket['ticket_id']}/start-work")

    assert problem(refused) == (403, "forbidden")


def test_a_command_without_details_takes_no_body_or_an_empty_object(agent: Person, an_assigned_ticket: Json):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}"

    assert agent.send("POST", f"{path}/start-work").status_code == 200
    assert agent.post(f"{path}/await-customer", {}).status_code == 200
    assert problem(agent.post(f"{path}/start-work", {"why": "?"})) == (400, "invalid-request")


@pytest.mark.parametrize("end", ["%0A", "%20"])
def test_a_reference_with_something_behind_it_is_none(customer: Person, a_waiting_ticket: Json, end: str):
    for reference in (a_waiting_ticket["ticket_id"], a_waiting_ticket["number"]):
        assert problem(customer.get(f"/tickets/{reference}{end}")) == (400, "invalid-request")
