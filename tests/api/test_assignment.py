"""Who gets a ticket, as people steer it: terms, skills, duty, force, reassignment, the pull from a queue, and why."""

from typing import Any

import pytest
from tests.api.scene import Json, Person, problem, register_agent, unique


def opens(customer: Person, department: str, **more: Any) -> Json:
    return customer.does("POST", "/tickets", {"subject": "No invoice", "department_id": department, **more})


def goes(person: Person, availability: str) -> None:
    person.does("PUT", f"/agents/{person.id}/availability", {"availability": availability})


@pytest.fixture
def agent(admin: Person, department: str) -> Person:
    """An agent of the department, online, with room for three tickets."""
    registered = register_agent(admin, department)
    goes(registered, "online")
    return registered


def pauses(admin: Person, department: str) -> None:
    admin.does("PUT", f"/departments/{department}/assignment-pause", {"paused": True})


def test_a_skilled_agent_gets_what_asks_for_the_skill_and_nothing_waits_behind_it(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    french = opens_for(supervisor, customer, department, skills=["french"])
    plain = opens(customer, department)
    supervisor.sees(f"/tickets/{plain['ticket_id']}", agent_id=agent.id)
    assert supervisor.get(f"/tickets/{french['ticket_id']}").json()["status"] == "queued"
    admin.does("PUT", f"/agents/{agent.id}/skills", {"skills": {"french": 4}})
    supervisor.sees(f"/tickets/{french['ticket_id']}", agent_id=agent.id)
    (why,) = supervisor.get(f"/tickets/{french['ticket_id']}/assignments").json()["items"]
    assert why["reasons"]["demand"]["skills"] == ["french"]
    assert why["reasons"]["candidates"][0]["proficiency"] == 400


def opens_for(staff: Person, customer: Person, department: str, **more: Any) -> Json:
    return staff.does(
        "POST",
        "/tickets",
        {"subject": "Facture", "department_id": department, "requester_id": customer.id, **more},
    )


def test_customers_do_not_choose_skills(customer: Person, department: str):
    answer = customer.post("/tickets", {"subject": "Facture", "department_id": department, "skills": ["french"]})
    assert problem(answer) == (403, "forbidden")


def test_an_agent_off_duty_gets_no_work_until_its_shift_begins(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    leave = [{"begin": "2020-01-01T00:00:00Z", "end": "2120-01-01T00:00:00Z", "reason": "sabbatical"}]
    answer = admin.does("PUT", f"/agents/{agent.id}/schedule", {"leave": leave})
    assert answer["on_duty"] is False
    ticket = opens(customer, department)
    assert supervisor.sees(f"/tickets/{ticket['ticket_id']}", status="queued")["queue_place"] == 1
    assert admin.does("PUT", f"/agents/{agent.id}/schedule", {})["on_duty"] is True
    supervisor.sees(f"/tickets/{ticket['ticket_id']}", agent_id=agent.id)


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time zone"),
        ({"shifts": [{"weekday": "monday", "start": "17:00", "end": "09:00"}]}, "end after it starts"),
        ({"leave": [{"begin": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:00:00Z"}]}, "end after that"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(admin: Person, agent: Person, schedule: Json, field: str):
    answer = admin.put(f"/agents/{agent.id}/schedule", schedule)
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["detail"]


def test_heavy_tickets_take_more_of_the_capacity(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    """The agent has three points: a phone ticket takes two of them, so that a second one waits and a plain one fits."""
    admin.does("PUT", f"/departments/{department}/work-weights", {"by_channel": {"phone": 2}})
    first = opens_for(supervisor, customer, department, channel="phone")
    supervisor.sees(f"/tickets/{first['ticket_id']}", agent_id=agent.id)
    second = opens_for(supervisor, customer, department, channel="phone")
    third = opens(customer, department)
    supervisor.sees(f"/tickets/{third['ticket_id']}", agent_id=agent.id)
    assert supervisor.get(f"/tickets/{second['ticket_id']}").json()["status"] == "queued"
    (load,) = [each for each in supervisor.reads_all("/loads?limit=200") if each["agent_id"] == agent.id]
    assert (load["open_work"], load["open_tickets"], load["free"]) == (3, 2, 0)
    agent.does("POST", f"/tickets/{first['ticket_id']}/start-work")
    agent.does("POST", f"/tickets/{first['ticket_id']}/resolve", {"resolution": "Done"})
    supervisor.sees(f"/tickets/{second['ticket_id']}", agent_id=agent.id)


def test_what_is_due_sooner_is_served_first_within_a_priority(
    admin: Person, supervisor: Person, customer: Person, department: str
):
    pauses(admin, department)
    late = opens(customer, department)
    admin.does("PUT", f"/departments/{department}/targets", {"minutes": {"normal": 60}})
    due = opens(customer, department)
    places = {each["ticket_id"]: each["place"] for each in supervisor.reads_all(f"/queues/{department}?limit=1")}
    assert places == {due["ticket_id"]: 1, late["ticket_id"]: 2}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("targets", {"minutes": {"normal": 0}}),
        ("targets", {"minutes": {"soon": 5}}),
        ("work-weights", {"by_priority": {"urgent": 101}}),
        ("take-back", {"offline_after_seconds": -1}),
        ("policy", {"policy": "fastest_finger"}),
    ],
)
def test_terms_out_of_range_are_refused_and_change_nothing(admin: Person, department: str, path: str, body: Json):
    before = admin.get(f"/departments/{department}").json()
    answer = admin.put(f"/departments/{department}/{path}", body)
    assert answer.status_code in {400, 422}, answer.text
    assert admin.get(f"/departments/{department}").json() == before


def test_a_supervisor_forces_work_on_a_full_agent_and_it_is_told_apart(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    pauses(admin, department)
    admin.does("PUT", f"/agents/{agent.id}/capacity", {"capacity": 0})
    ticket = opens(customer, department)
    path = f"/tickets/{ticket['ticket_id']}/assign"
    assert problem(supervisor.post(path, {"agent_id": agent.id})) == (409, "agent-at-capacity")
    assert problem(agent.post(path, {"agent_id": agent.id, "force": True})) == (403, "forbidden")
    forced_after = admin.reads.position
    forced = supervisor.does("POST", path, {"agent_id": agent.id, "force": True, "reason": "VIP"})
    assert forced["agent_id"] == agent.id
    found = admin.get(f"/events?after={forced_after}&limit=200").json()["items"]
    assert "agent.work_forced.v1" in [each["name"] for each in found if each["stream_id"] == agent.id]


def test_a_ticket_is_reassigned_in_one_step(
    admin: Person, supervisor: Person, agent: Person, department: str, an_assigned_ticket: Json
):
    other = register_agent(admin, department)
    path = f"/tickets/{an_assigned_ticket['ticket_id']}/reassign"
    assert problem(supervisor.post(path, {"agent_id": other.id})) == (409, "agent-unavailable")
    assert supervisor.get(f"/tickets/{an_assigned_ticket['ticket_id']}").json()["agent_id"] == agent.id
    goes(other, "online")
    supervisor.does("POST", path, {"agent_id": other.id, "reason": "knows the customer"})
    supervisor.sees(f"/tickets/{an_assigned_ticket['ticket_id']}", agent_id=other.id)
    held = {each["agent_id"]: each["open_tickets"] for each in supervisor.reads_all("/loads?limit=200")}
    assert (held[agent.id], held[other.id]) == (0, 1)


def test_an_agent_pulls_the_next_ticket_it_can_take(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    pauses(admin, department)
    beyond = opens_for(supervisor, customer, department, skills=["french"], priority="urgent")
    first = opens(customer, department)
    supervisor.sees(f"/tickets/{first['ticket_id']}", queue_place=2)
    key = {"Idempotency-Key": unique("pull")}
    pulled = agent.does("POST", f"/queues/{department}/next", headers=key)
    assert pulled["ticket_id"] == first["ticket_id"]
    assert agent.does("POST", f"/queues/{department}/next", headers=key) == pulled
    assert problem(agent.post(f"/queues/{department}/next")) == (409, "nothing-to-take")
    assert problem(supervisor.post(f"/queues/{department}/next")) == (403, "forbidden")
    assert supervisor.get(f"/tickets/{beyond['ticket_id']}").json()["status"] == "queued"


def test_it_is_told_who_was_excluded_and_why(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    away = register_agent(admin, department)
    goes(away, "away")
    ticket = opens(customer, department)
    supervisor.sees(f"/tickets/{ticket['ticket_id']}", agent_id=agent.id)
    goes(away, "online")
    (why,) = supervisor.get(f"/tickets/{ticket['ticket_id']}/assignments").json()["items"]
    assert why["reasons"]["excluded"] == {"away": 1}
    assert [(each["agent_id"], each["reason"]) for each in why["excluded_agents"]] == [(away.id, "away")]


def test_the_customers_previous_agent_gets_the_next_ticket_where_the_policy_is_sticky(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    first = opens(customer, department)
    supervisor.sees(f"/tickets/{first['ticket_id']}", agent_id=agent.id)
    other = register_agent(admin, department)
    goes(other, "online")
    admin.does("PUT", f"/departments/{department}/policy", {"policy": "sticky"})
    second = opens(customer, department)
    supervisor.sees(f"/tickets/{second['ticket_id']}", agent_id=agent.id)
    (why,) = supervisor.get(f"/tickets/{second['ticket_id']}/assignments").json()["items"]
    assert why["reasons"]["tie_break"] == "the customer's previous agent"


def test_work_of_an_agent_who_went_offline_goes_back_to_the_head_of_the_queue(
    admin: Person, supervisor: Person, agent: Person, department: str, an_assigned_ticket: Json
):
    admin.does("PUT", f"/departments/{department}/take-back", {"offline_after_seconds": 0})
    goes(agent, "offline")
    waiting = supervisor.sees(f"/tickets/{an_assigned_ticket['ticket_id']}", status="queued")
    assert waiting["queue_place"] == 1
    timeline = supervisor.get(f"/tickets/{an_assigned_ticket['ticket_id']}/timeline").json()["items"]
    assert "offline" in timeline[-1]["reason"]


def test_work_that_is_not_begun_with_in_time_goes_to_somebody_else(
    admin: Person, supervisor: Person, customer: Person, agent: Person, department: str
):
    admin.does("PUT", f"/departments/{department}/take-back", {"unanswered_after_seconds": 1})
    ticket = opens(customer, department)
    supervisor.sees(f"/tickets/{ticket['ticket_id']}", agent_id=agent.id)
    other = register_agent(admin, department)
    goes(other, "online")
    supervisor.sees(f"/tickets/{ticket['ticket_id']}", agent_id=other.id)
    assert supervisor.get(f"/agents/{agent.id}").json()["availability"] == "away"
    other.does("POST", f"/tickets/{ticket['ticket_id']}/start-work")


def test_agents_send_their_own_heartbeats(agent: Person, supervisor: Person):
    assert agent.post(f"/agents/{agent.id}/heartbeat").status_code == 204
    assert problem(agent.post(f"/agents/{supervisor.id}/heartbeat")) == (403, "forbidden")
    assert agent.send("DELETE", f"/agents/{agent.id}/heartbeat").status_code == 204
    assert problem(agent.send("DELETE", f"/agents/{supervisor.id}/heartbeat")) == (403, "forbidden")


@pytest.mark.usefixtures("an_assigned_ticket")
def test_a_waiting_customer_is_told_a_place_and_a_wait(admin: Person, customer: Person, department: str):
    pauses(admin, department)
    ticket = opens(customer, department)
    waiting = customer.sees(f"/tickets/{ticket['ticket_id']}", queue_place=1)
    assert waiting["estimated_wait_seconds"] == 3600, "one ticket was given out in the last hour"
