"""Simulations over HTTP: asked for, followed, read, listed and cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.scene import Json, Person, problem

NOBODY = "01a207a0-0000-7000-8000-000000000000"
ROUND_ROBIN = {"alternatives": [{"policy": "round_robin"}]}


def asks(person: Person, body: Json = ROUND_ROBIN) -> Json:
    answer = person.post("/simulations", body)
    assert answer.status_code == 202, answer.text
    asked: Json = answer.json()
    assert answer.headers["Location"] == f"/api/v1/simulations/{asked['simulation_id']}"
    return asked


@pytest.mark.usefixtures("a_closed_ticket")
def test_a_simulation_is_followed_to_its_result(supervisor: Person):
    asked = asks(supervisor, ROUND_ROBIN | {"target_minutes": {"normal": 60}})
    assert (asked["status"], asked["done"], asked["why"]) == ("waiting", 0, None)
    found = supervisor.sees(f"/simulations/{asked['simulation_id']}", status="done")
    result = found["result"]
    assert result["position"] == found["position"] > 0
    assert [run["name"] for run in result["runs"]] == ["happened", "simulated as it was", "round_robin"]
    assert result["runs"][0]["figures"]["tickets"] >= 1
    assert result["reproduction"]["first_difference"] is None
    assert result["reproduction"]["reproduced"] == result["reproduction"]["assignments"] >= 1
    assert found["requested_by"] == supervisor.id


@pytest.mark.usefixtures("a_closed_ticket")
def test_what_the_log_does_not_know_is_told_by_the_job(admin: Person):
    asked = asks(admin, {"alternatives": [{"agents": [{"by": 1, "department": "Nowhere at all"}]}]})
    found = admin.sees(f"/simulations/{asked['simulation_id']}", status="refused")
    assert found["result"] is None
    assert "'Nowhere at all'" in found["why"]


def test_the_list_shows_the_newest_first_page_by_page(supervisor: Person):
    asked = [asks(supervisor)["simulation_id"] for _ in range(3)]
    listed = supervisor.reads_all_pages("/simulations?limit=2")
    ids = [each["simulation_id"] for each in listed]
    assert [each for each in ids if each in asked] == asked[::-1]
    assert all("result" not in each for each in listed)


def test_a_cancelled_simulation_is_gone(supervisor: Person):
    asked = asks(supervisor, {"alternatives": [{}] * 12})
    path = f"/simulations/{asked['simulation_id']}"
    assert supervisor.send("DELETE", path).status_code == 204
    assert problem(supervisor.get(path)) == (404, "not-found")
    assert problem(supervisor.send("DELETE", path)) == (404, "not-found")
    assert problem(supervisor.get(f"/simulations/{NOBODY}")) == (404, "not-found")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"alternatives": [{"policy": "loudest"}]}, (422, "unknown-policy")),
        ({"alternatives": [{"merge_threshold": {"low": 5, "high": 5}}]}, (422, "marks-out-of-order")),
        ({"alternatives": [{"capacity": {"how": "times", "amount": 0}}]}, (422, "change-out-of-range")),
        ({"alternatives": []}, (400, "invalid-request")),
        ({"alternatives": [{"policies": "least_busy"}]}, (400, "invalid-request")),
        ({}, (400, "invalid-request")),
    ],
)
def test_what_can_not_be_meant_is_refused_at_once(supervisor: Person, body: Json, refusal: Any):
    assert problem(supervisor.post("/simulations", body)) == refusal


def test_a_span_that_ends_before_it_begins_is_refused(supervisor: Person):
    now = datetime.now(UTC)
    span = {"since": now.isoformat(), "until": (now - timedelta(days=1)).isoformat()}
    assert problem(supervisor.post("/simulations", ROUND_ROBIN | span)) == (422, "span-backwards")


def test_agents_and_customers_run_none(agent: Person, customer: Person):
    for person in (agent, customer):
        assert problem(person.post("/simulations", ROUND_ROBIN)) == (403, "forbidden")
        assert problem(person.get("/simulations")) == (403, "forbidden")
