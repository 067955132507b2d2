"""Histories tell the departments, the agents, what each held at once, and how long each ticket took."""

from datetime import UTC, datetime, timedelta

from tests.generated_log import write_log

from supportix.importing.histories import read_histories
from supportix.importing.mapping import load_mapping
from supportix.importing.staffing import staffing_of, timeline
from supportix.importing.steps import (
    AssignedTo,
    Closed,
    MovedToDepartment,
    Reopened,
    Resolved,
    Resumed,
    TicketHistory,
    Unassigned,
    WaitingOnCustomer,
    WorkStarted,
    situations,
)

OPENED = datetime(2021, 3, 5, 9, tzinfo=UTC)


def minute(number: int) -> datetime:
    return OPENED + timedelta(minutes=number)


def history(number: str, *steps, department="Sales") -> TicketHistory:
    return TicketHistory(number, "Ann", "phone", "Printer", "Printer", (), OPENED, department, "normal", steps)


def test_departments_know_the_agents_who_held_their_tickets():
    staffing = staffing_of(
        [
            history(
                "T1", AssignedTo(minute(1), "Bo"), MovedToDepartment(minute(2), "Tech"), AssignedTo(minute(2), "Bo")
            ),
            history("T2", AssignedTo(minute(1), "Cy")),
            history("T3", department="Empty"),
        ]
    )

    assert staffing.departments == ("Empty", "Sales", "Tech")
    assert staffing.agents_of == {"Empty": (), "Sales": ("Bo", "Cy"), "Tech": ("Bo",)}
    assert staffing.agents == ("Bo", "Cy")


def test_capacity_is_the_most_that_was_held_at_once_and_pending_counts():
    staffing = staffing_of(
        [
            history("T1", AssignedTo(minute(1), "Bo"), WorkStarted(minute(2)), WaitingOnCustomer(minute(3))),
            history("T2", AssignedTo(minute(4), "Bo"), Resolved(minute(5)), Closed(minute(9))),
            history("T3", AssignedTo(minute(6), "Bo"), Unassigned(minute(7)), AssignedTo(minute(7), "Cy")),
        ]
    )

    assert staffing.capacity == {"Bo": 2, "Cy": 1}


def test_at_the_same_instant_a_release_comes_before_a_reservation():
    takes = history("T1", AssignedTo(minute(5), "Bo"))
    gives = history("T2", AssignedTo(minute(1), "Bo"), Resolved(minute(5)))

    assert staffing_of([takes, gives]).capacity == {"Bo": 1}
    assert [ticket.number for ticket, _ in timeline([takes, gives])] == ["T2", "T2", "T1"]


def test_a_ticket_resolved_as_it_is_assigned_takes_a_place_for_that_instant():
    held = history("T1", AssignedTo(minute(1), "Bo"))
    at_once = history("T2", AssignedTo(minute(5), "Bo"), Resolved(minute(5)))

    assert staffing_of([held, at_once]).capacity == {"Bo": 2}


def test_a_reopened_ticket_takes_its_agents_place_again():
    reopened = history("T1", AssignedTo(minute(1), "Bo"), Resolved(minute(2)), Reopened(minute(4), "Bo"))
    other = history("T2", AssignedTo(minute(3), "Bo"))

    assert staffing_of([reopened, other]).capacity == {"Bo": 2}


def test_handle_time_runs_from_the_first_assignment_to_the_last_resolution_without_waiting():
    steps = [AssignedTo(minute(10), "Bo"), WorkStarted(minute(11)), WaitingOnCustomer(minute(12)), Resumed(minute(20))]
    steps += [Resolved(minute(25)), Closed(minute(30)), Reopened(minute(40), "Bo"), Resolved(minute(47))]

    staffing = staffing_of([history("T1", *steps)])

    assert staffing.handle_seconds == {"T1": (2 + 5 + 7) * 60}
    assert staffing.estimated == frozenset()


def test_time_that_was_pending_at_the_resolution_does_not_count():
    steps = [AssignedTo(minute(0), "Bo"), WorkStarted(minute(1)), WaitingOnCustomer(minute(3)), Resolved(minute(9))]

    assert staffing_of([history("T1", *steps)]).handle_seconds == {"T1": 180}


def test_what_was_not_measured_takes_the_median_of_its_department():
    def took(number, minutes, department):
        return history(number, AssignedTo(minute(0), "Bo"), Resolved(minute(minutes)), department=department)

    staffing = staffing_of(
        [
            *[took(f"S{minutes}", minutes, "Sales") for minutes in (10, 20, 90)],
            took("T1", 5, "Tech"),
            history("never resolved", AssignedTo(minute(0), "Bo")),
            history("never assigned", Resolved(minute(3)), department="Tech"),
            took("at once", 0, "Sales"),
            history("elsewhere", department="Empty"),
        ]
    )

    assert staffing.estimated == {"never resolved", "never assigned", "at once", "elsewhere"}
    assert staffing.handle_seconds["never resolved"] == staffing.handle_seconds["at once"] == 20 * 60
    assert staffing.handle_seconds["never assigned"] == 5 * 60
    assert staffing.handle_seconds["elsewhere"] == 15 * 60


def test_applying_the_timeline_never_exceeds_a_capacity(tmp_path):
    path = tmp_path / "log.csv"
    write_log(path, tickets=300, seed=4)
    histories, _ = read_histories(path, load_mapping("servicenow"))
    staffing = staffing_of(histories)
    held_before = {(id(step)): (before.held_by, now.held_by) for h in histories for step, before, now in situations(h)}

    held = dict.fromkeys(staffing.agents, 0)
    peak = dict.fromkeys(staffing.agents, 0)
    last_at = OPENED - timedelta(days=3650)
    for _, step in timeline(histories):
        assert step.at >= last_at
        last_at = step.at
        before, now = held_before[id(step)]
        if before is not None:
            held[before] -= 1
        if now is not None:
            held[now] += 1
            peak[now] = max(peak[now], held[now])

    assert peak == staffing.capacity
    assert max(peak.values()) > 1
    assert staffing.handle_seconds.keys() == {h.number for h in histories}
    assert min(staffing.handle_seconds.values()) > 0
