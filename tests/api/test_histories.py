"""A ticket's timeline and its assignments."""

from tests.api.scene import Json, Person, problem


def test_the_timeline_tells_what_happened_and_who_did_it(
    customer: Person, agent: Person, supervisor: Person, a_closed_ticket: Json
):
    entries = supervisor.get(f"/tickets/{a_closed_ticket['ticket_id']}/timeline").json()["items"]

    assert [entry["kind"] for entry in entries] == [
        "ticket-opened",
        "ticket-routed",
        "ticket-assigned",
        "ticket-work-started",
        "ticket-resolved",
        "ticket-closed",
    ]
    assert [entry["version"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry["actor"] and entry["actor"]["account_id"] for entry in entries] == [
        customer.id,
        customer.id,
        None,
        agent.id,
        agent.id,
        customer.id,
    ]
    assert entries[0]["actor"]["name"] == "Carla Customer"
    assert (entries[4]["resolution"], entries[5]["reason"]) == ("A new invoice was sent.", "It works.")
    positions = [entry["position"] for entry in entries]
    assert positions == sorted(positions)


def test_customers_see_no_internal_reasons(
    customer: Person, agent: Person, an_assigned_ticket: Json, another_department: str
):
    path = f"/tickets/{an_assigned_ticket['ticket_id']}"
    agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "away"})
    agent.does("POST", f"{path}/unassign", {"reason": "the customer shouts"})
    agent.does("POST", f"{path}/transfer", {"department_id": another_department, "reason": "not our mess"})

    told = customer.get(f"{path}/timeline")

    assert "shouts" not in told.text
    assert "mess" not in told.text
    assert told.json()["items"][2]["reasons"] is None
    assert problem(customer.get(f"{path}/assignments")) == (403, "forbidden")


def test_assignments_tell_why_each_agent_was_chosen(supervisor: Person, agent: Person, an_assigned_ticket: Json):
    (given,) = supervisor.get(f"/tickets/{an_assigned_ticket['ticket_id']}/assignments").json()["items"]

    assert (given["agent"]["account_id"], given["assigned_by"], given["chosen_by"]) == (agent.id, "policy", None)
    assert (given["reasons"]["policy"], given["reasons"]["eligible"]) == ("round_robin", 1)
    assert [each["agent_id"] for each in given["reasons"]["candidates"]] == [agent.id]
    assert given["candidate_names"] == {agent.id: given["agent"]["name"]}
    assert given["ended_at"] is None


def test_an_assignment_by_hand_names_who_chose(
    admin: Person, supervisor: Person, agent: Person, department: str, a_waiting_ticket: Json
):
    path = f"/tickets/{a_waiting_ticket['ticket_id']}"
    admin.does("PUT", f"/departments/{department}/assignment-pause", {"paused": True})
    agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "online"})
    supervisor.does("POST", f"{path}/assign", {"agent_id": agent.id})
    supervisor.does("POST", f"{path}/unassign", {"reason": "by mistake"})

    (given,) = supervisor.get(f"{path}/assignments").json()["items"]

    assert (given["assigned_by"], given["reasons"]) == ("person", None)
    assert given["chosen_by"]["account_id"] == supervisor.id
    assert given["ended_at"] is not None


def test_a_history_is_never_behind(customer: Person, department: str):
    for n in range(10):
        opened = customer.does("POST", "/tickets", {"subject": f"Number {n}", "department_id": department})
        told = customer.send("GET", f"/tickets/{opened['ticket_id']}/timeline", headers={"Supportix-Min-Position": "0"})
        assert len(told.json()["items"]) >= 2


def test_the_id_of_something_else_has_no_timeline(supervisor: Person, department: str):
    assert problem(supervisor.get(f"/tickets/{department}/timeline")) == (404, "not-found")
    assert problem(supervisor.get(f"/tickets/{department}/assignments")) == (404, "not-found")
