"""The ticket list: pages, orders, filters, and who sees what."""

from urllib.parse import quote, urlencode

import pytest
from tests.api.scene import Json, Person, problem, sign_up, unique


@pytest.fixture
def some_tickets(supervisor: Person, customer: Person, department: str) -> list[Json]:
    """Seven waiting tickets, in the order in which they were opened."""
    priorities = ("low", "urgent", "normal", "high", "normal", "urgent", "low")
    return [
        supervisor.does(
            "POST",
            "/tickets",
            {
                "subject": f"Number {n} of 100% {unique('tickets')}",
                "priority": priority,
                "channel": "email" if n % 2 else "phone",
                "tags": [f"tag-{n}", "all"],
                "department_id": department,
                "requester_id": customer.id,
            },
        )
        for n, priority in enumerate(priorities)
    ]


def ids(tickets: list[Json]) -> list[str]:
    return [ticket["ticket_id"] for ticket in tickets]


@pytest.mark.parametrize("limit", [1, 3, 7, 200])
@pytest.mark.parametrize("sort", ["opened_at", "-opened_at", "updated_at", "-updated_at", "priority"])
def test_pages_hold_every_ticket_once_and_in_order(
    supervisor: Person, department: str, some_tickets: list[Json], limit: int, sort: str
):
    found = supervisor.reads_all(f"/tickets?department_id={department}&limit={limit}&sort={sort}")

    in_order = ids(some_tickets)
    if sort == "priority":
        ranks = ("urgent", "high", "normal", "low")
        in_order = ids(sorted(some_tickets, key=lambda each: (ranks.index(each["priority"]), each["number"])))
    assert ids(found) == (in_order[::-1] if sort.startswith("-") else in_order)


def test_updates_change_the_order_of_updates(supervisor: Person, department: str, some_tickets: list[Json]):
    touched = some_tickets[2]["ticket_id"]
    supervisor.does("PUT", f"/tickets/{touched}/priority", {"priority": "urgent"})

    assert ids(supervisor.reads_all(f"/tickets?department_id={department}&sort=-updated_at"))[0] == touched


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("priority=urgent", [1, 5]),
        ("priority=urgent&priority=high", [1, 3, 5]),
        ("channel=email", [1, 3, 5]),
        ("tag=tag-2", [2]),
        ("tag=tag-2&tag=tag-3", [2, 3]),
        ("tag=all&channel=phone", [0, 2, 4, 6]),
        ("status=queued", [0, 1, 2, 3, 4, 5, 6]),
        ("status=closed&status=resolved", []),
        ("q=NUMBER+4", [4]),
        ("q=100%25", [0, 1, 2, 3, 4, 5, 6]),
        ("q=1_0", []),
        ("opened_after=2100-01-01T00:00:00Z", []),
        ("opened_before=2100-01-01T00:00:00%2B02:00", [0, 1, 2, 3, 4, 5, 6]),
        ("agent_id=01a207a0-0000-7000-8000-000000000000", []),
    ],
)
def test_filters(supervisor: Person, department: str, some_tickets: list[Json], wanted: str, expected: list[int]):
    found = supervisor.reads_all(f"/tickets?department_id={department}&sort=opened_at&{wanted}")

    assert ids(found) == [some_tickets[n]["ticket_id"] for n in expected]


def test_finding_one_by_number(supervisor: Person, some_tickets: list[Json]):
    number = some_tickets[3]["number"]

    assert ids(supervisor.reads_all(f"/tickets?number={number}")) == [some_tickets[3]["ticket_id"]]
    assert supervisor.get(f"/tickets/{number}").json()["ticket_id"] == some_tickets[3]["ticket_id"]


def test_a_span_of_openings(supervisor: Person, department: str, some_tickets: list[Json]):
    moments = [
        each["opened_at"] for each in supervisor.reads_all(f"/tickets?department_id={department}&sort=opened_at")
    ]
    wanted = urlencode({"opened_after": moments[1], "opened_before": moments[5], "sort": "opened_at"})

    found = supervisor.reads_all(f"/tickets?department_id={department}&{wanted}")

    assert ids(found) == ids(some_tickets[2:5])


def test_a_cursor_can_not_be_made_up(supervisor: Person):
    for cursor in ("AAAA", "A", "x" * 400, "bm90IG91cnM"):
        assert problem(supervisor.get(f"/tickets?cursor={cursor}")) == (422, "unknown-cursor")
    assert problem(supervisor.get("/tickets?cursor=a%20b")) == (400, "invalid-request")


def test_a_cursor_fits_one_list_in_one_order(supervisor: Person, department: str, some_tickets: list[Json]):
    first = supervisor.get(f"/tickets?department_id={department}&limit=1&sort=priority").json()

    other = supervisor.get(f"/tickets?department_id={department}&limit=1&cursor={first['next_cursor']}")

    assert some_tickets
    assert problem(other) == (422, "unknown-cursor")


@pytest.mark.parametrize(
    "wanted",
    [
        "limit=0",
        "limit=201",
        "limit=ten",
        "limit=1&limit=2",
        "sort=subject",
        "status=open",
        "agent_id=nobody",
        "opened_after=2026-01-01",
        "opened_after=2026-01-01T00:00:00",
        "q=",
        "q=%00",
        "q=%ff",
        "number=12",
        "colour=blue",
        "tag=" + "x" * 51,
    ],
)
def test_what_is_no_filter(supervisor: Person, wanted: str):
    answer = supervisor.get(f"/tickets?{wanted}")

    assert problem(answer) == (400, "invalid-request")
    assert answer.json()["errors"][0]["in"] == "query"


def test_customers_see_their_own_tickets_alone(
    stranger: Person, customer: Person, another_customer: Person, a_waiting_ticket: Json
):
    ticket = a_waiting_ticket["ticket_id"]

    assert ticket in ids(customer.reads_all("/tickets?limit=200"))
    assert ids(sign_up(stranger).reads_all("/tickets")) == []
    assert ids(another_customer.reads_all(f"/tickets?requester_id={customer.id}")) == []
    for path in (f"/tickets/{ticket}", f"/tickets/{a_waiting_ticket['number']}", f"/tickets/{ticket}/timeline"):
        assert problem(another_customer.get(path)) == (404, "not-found")
        assert customer.get(path).status_code == 200
    assert problem(another_customer.post(f"/tickets/{ticket}/close")) == (404, "not-found")


def test_agents_see_the_tickets_of_their_departments_and_those_they_hold(
    admin: Person, agent: Person, an_assigned_ticket: Json, another_department: str, customer: Person
):
    elsewhere = customer.does("POST", "/tickets", {"subject": "Elsewhere", "department_id": another_department})
    assert ids(agent.reads_all("/tickets")) == [an_assigned_ticket["ticket_id"]]
    for path in (f"/tickets/{elsewhere['ticket_id']}", f"/tickets/{elsewhere['ticket_id']}/assignments"):
        assert problem(agent.get(path)) == (404, "not-found")
    assert problem(agent.post(f"/tickets/{elsewhere['ticket_id']}/resolve")) == (404, "not-found")

    admin.does("PUT", f"/agents/{agent.id}/departments", {"department_ids": [another_department]})

    expected = {an_assigned_ticket["ticket_id"], elsewhere["ticket_id"]}
    assert set(ids(agent.reads_all("/tickets"))) == expected


def test_a_ticket_that_nobody_knows(supervisor: Person):
    assert problem(supervisor.get("/tickets/01a207a0-0000-7000-8000-000000000000")) == (404, "not-found")
    assert problem(supervisor.get("/tickets/SUP-1999-000001")) == (404, "not-found")
    for reference in ("one", quote("\x00"), "SUP-2026-1", "%FF"):
        assert supervisor.get(f"/tickets/{reference}").status_code in {400, 404}
