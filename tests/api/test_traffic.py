"""Traffic over HTTP: what is counted, in which steps, and what is no span."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from tests.api.scene import Json, Person, problem

A_DAY = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
COUNTED = ("arrivals", "assignments", "resolutions", "handled")


def around_now(**more: object) -> str:
    now = datetime.now(UTC)
    span = {"from": (now - timedelta(hours=2)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
    return f"/traffic?{urlencode(span | more)}"


def test_traffic_counts_each_quarter_hour(
    supervisor: Person, customer: Person, department: str, another_department: str, a_resolved_ticket: Json
):
    answer = supervisor.get(around_now(department_id=department)).json()

    quarters = answer["items"]
    assert (answer["step"], answer["time_zone"], answer["department_id"]) == ("15m", "UTC", department)
    assert len(quarters) == 12
    assert all(quarter["begin"][14:] in {"00:00Z", "15:00Z", "30:00Z", "45:00Z"} for quarter in quarters)
    for counted in COUNTED:
        assert sum(quarter[counted] for quarter in quarters) == 1
    assert sum(quarter["handle_seconds"] for quarter in quarters) < 60
    assert sum(quarter["abandonments"] + quarter["past_arrivals"] for quarter in quarters) == 0
    customer.does("POST", "/tickets", {"subject": "Elsewhere", "department_id": another_department})
    everywhere = supervisor.get(around_now()).json()["items"]
    assert sum(quarter["arrivals"] for quarter in everywhere) > 1
    assert a_resolved_ticket["status"] == "resolved"


@pytest.mark.parametrize(
    ("span", "refused"),
    [
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, (422, "span-too-long")),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, (422, "span-too-long")),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-05-22T00:00:00Z", "step": "1h"}, (422, "span-too-long")),
        ({"from": "2026-01-01T00:00:00Z", "to": "2036-01-01T00:00:00Z", "step": "1d"}, (422, "span-too-long")),
        (A_DAY | {"step": "1w"}, (400, "invalid-request")),
        (
            {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "time_zone": "Mars/X"},
            (400, "invalid-request"),
        ),
        (
            {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "time_zone": "localtime"},
            (400, "invalid-request"),
        ),
        ({"from": "2026-01-01T00:00:00Z"}, (400, "invalid-request")),
        ({"from": "0001-01-01T00:00:00+14:00", "to": "0001-01-01T00:00:00Z"}, (400, "invalid-request")),
        ({"from": "9999-12-31T23:00:00Z", "to": "9999-12-31T23:59:59-14:00"}, (400, "invalid-request")),
    ],
)
def test_what_is_no_span_of_traffic(supervisor: Person, span: dict[str, str], refused: object):
    assert problem(supervisor.get(f"/traffic?{urlencode(span)}")) == refused


def test_a_ticket_that_its_customer_closes_before_anyone_had_it_is_given_up(
    supervisor: Person, customer: Person, department: str, a_waiting_ticket: Json
):
    customer.does("POST", f"/tickets/{a_waiting_ticket['ticket_id']}/close", {"reason": "Found it."})

    hours = supervisor.get(around_now(department_id=department, step="1h")).json()["items"]

    assert len(hours) == 3
    assert sum(hour["abandonments"] for hour in hours) == sum(hour["arrivals"] for hour in hours) == 1
    assert sum(hour["handled"] + hour["resolutions"] for hour in hours) == 0


def test_days_are_those_of_the_departments_calendar(admin: Person, supervisor: Person, department: str):
    admin.does("PUT", f"/departments/{department}/calendar", {"time_zone": "Europe/Lisbon"})
    span = {"from": "2026-03-28T00:00:00Z", "to": "2026-03-31T00:00:00Z", "step": "1d"}

    of_it = supervisor.get(f"/traffic?{urlencode(span | {'department_id': department})}").json()
    elsewhere = supervisor.get(f"/traffic?{urlencode(span | {'time_zone': 'America/New_York'})}").json()

    assert of_it["time_zone"] == "Europe/Lisbon"
    assert [(day["begin"], day["end"]) for day in of_it["items"]] == [
        ("2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"),
        ("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"),
        ("2026-03-29T23:00:00Z", "2026-03-30T23:00:00Z"),
        ("2026-03-30T23:00:00Z", "2026-03-31T23:00:00Z"),
    ]
    assert [day["begin"][11:] for day in elsewhere["items"]] == ["04:00:00Z"] * 3
