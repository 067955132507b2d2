"""A department's calendar, staffing terms and known events over HTTP."""

from typing import Any

import pytest
from tests.api.scene import Person, problem, unique

NOBODY = "01a207a0-0000-7000-8000-000000000000"
MORNING = {"weekday": "monday", "start": "09:00", "end": "12:30"}
FAIR = {
    "name": "Spring fair",
    "kind": "campaign",
    "begin": "2026-04-01T09:00:00+02:00",
    "end": "2026-04-03T18:00:00+02:00",
}


def test_a_calendar_is_kept_and_shown(admin: Person, customer: Person, department: str):
    given = {"time_zone": "Europe/Lisbon", "opening": [MORNING], "country": "PT"}

    admin.does("PUT", f"/departments/{department}/calendar", given)

    shown = customer.get(f"/departments/{department}").json()["calendar"]
    assert shown == given | {"opening": [{"weekday": 0, "start": 540, "end": 750}]}


def test_staffing_terms_are_kept_and_shown(admin: Person, department: str):
    path = f"/departments/{department}"
    assert admin.get(path).json()["staffing"] is None

    given = {"kind": "chats", "target_seconds": 60, "patience_seconds": 90, "concurrency": 3, "target_share": 0.9}
    admin.does("PUT", f"{path}/staffing", given)

    assert admin.get(path).json()["staffing"].items() >= given.items()


def test_an_event_is_noted_listed_and_withdrawn(admin: Person, supervisor: Person, department: str):
    path = f"/departments/{department}/events"
    noted = admin.post(path, FAIR)
    earlier = admin.does("POST", path, FAIR | {"name": "Works", "kind": "closure", "begin": "2026-03-31T00:00:00Z"})

    assert noted.status_code == 201
    assert (noted.json()["begin"], earlier["version"]) == ("2026-04-01T09:00:00+02:00", noted.json()["version"] + 1)
    listed = supervisor.get(path).json()["items"]
    assert [(each["name"], each["kind"]) for each in listed] == [("Works", "closure"), ("Spring fair", "campaign")]
    assert listed[1]["begin"] == "2026-04-01T07:00:00Z"

    event = f"{path}/{noted.json()['event_id']}"
    admin.does("DELETE", event)

    assert [each["name"] for each in supervisor.get(path).json()["items"]] == ["Works"]
    assert problem(admin.send("DELETE", event)) == (404, "known-event-not-found")


def test_a_repeat_notes_an_event_once(admin: Person, department: str):
    path, key = f"/departments/{department}/events", {"Idempotency-Key": unique("fair")}

    first, again = (admin.post(path, FAIR, headers=key) for _ in range(2))

    assert (first.status_code, again.json()) == (201, first.json())
    assert len(admin.get(path).json()["items"]) == 1


@pytest.mark.parametrize(
    ("setting", "given", "refused"),
    [
        ("calendar", {"time_zone": "Mars/Olympus"}, (422, "calendar-invalid")),
        ("calendar", {"time_zone": "localtime"}, (422, "calendar-invalid")),
        ("calendar", {"opening": [MORNING, MORNING | {"start": "12:00"}]}, (422, "calendar-invalid")),
        ("calendar", {"country": "Portugal"}, (400, "invalid-request")),
        ("staffing", {"kind": "calls"}, (400, "invalid-request")),
        ("staffing", {"kind": "calls", "target_seconds": 0}, (400, "invalid-request")),
        ("staffing", {"kind": "calls", "target_seconds": 20, "target_share": 1}, (400, "invalid-request")),
        ("staffing", {"kind": "calls", "target_seconds": 20, "shrinkage": 0.95}, (400, "invalid-request")),
    ],
)
def test_what_is_no_setting(admin: Person, department: str, setting: str, given: dict[str, Any], refused: object):
    assert problem(admin.put(f"/departments/{department}/{setting}", given)) == refused


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"end": FAIR["begin"]}, (422, "known-event-invalid")),
        ({"name": " "}, (422, "known-event-invalid")),
        ({"begin": "2026-04-01T09:00:00"}, (400, "invalid-request")),
        ({"kind": "party"}, (400, "invalid-request")),
    ],
)
def test_what_is_no_event(admin: Person, department: str, given: dict[str, Any], refused: object):
    assert problem(admin.post(f"/departments/{department}/events", FAIR | given)) == refused


def test_planning_is_for_admins_and_events_are_for_supervisors(
    supervisor: Person, customer: Person, admin: Person, department: str
):
    path = f"/departments/{department}"
    assert problem(supervisor.put(f"{path}/calendar", {})) == (403, "forbidden")
    assert problem(supervisor.put(f"{path}/staffing", {"kind": "calls", "target_seconds": 20})) == (403, "forbidden")
    assert problem(supervisor.post(f"{path}/events", FAIR)) == (403, "forbidden")
    assert problem(customer.get(f"{path}/events")) == (403, "forbidden")
    assert problem(admin.get(f"/departments/{NOBODY}/events")) == (404, "not-found")
    assert problem(admin.post(f"/departments/{NOBODY}/events", FAIR)) == (404, "not-found")
