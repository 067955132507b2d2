"""The changes of a ticket become the steps that our rules allow, whatever the log says; each doubt is counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.generated_log import NESTED_COLUMNS, write_as_json_lines, write_log

from supportix.importing.histories import histories_of, read_histories
from supportix.importing.mapping import load_mapping
from supportix.importing.reader import Change, Texts
from supportix.importing.report import ImportReport
from supportix.importing.steps import (
    AssignedTo,
    Closed,
    IllegalHistory,
    MovedToDepartment,
    PriorityChanged,
    Reopened,
    Resolved,
    Resumed,
    TicketHistory,
    Unassigned,
    WaitingOnCustomer,
    WorkStarted,
    situations,
)

SERVICENOW = load_mapping("servicenow")
OPENED = datetime(2021, 3, 5, 9, tzinfo=UTC)


def minute(number: int) -> datetime:
    return OPENED + timedelta(minutes=number)


def change(at: int, state, agent=None, department="Sales", *, ticket="T1", reopens=0, **fields) -> Change:
    texts = Texts("Printer", ("Printer",), "Category: Printer")
    given_fields = {"opened_at": OPENED, "sequence": 0, "requester": "Ann", "channel": "phone", "priority": "normal"}
    given_fields |= {"line": at + 2, "texts": texts, "reopen_count": reopens} | fields
    return Change(ticket=ticket, at=minute(at), state=state, agent=agent, department=department, **given_fields)


def history_of(*changes) -> tuple[TicketHistory, dict[str, int]]:
    report = ImportReport()
    [history] = histories_of(changes, SERVICENOW, report)
    list(situations(history))
    return history, dict(report.counts())


def test_a_ticket_from_the_queue_to_its_close():
    history, counts = history_of(
        change(1, "queued"),
        change(2, "queued", "Bo"),
        change(3, "in_progress", "Bo"),
        change(4, "pending", "Bo"),
        change(5, "in_progress", "Bo"),
        change(6, "resolved", "Bo"),
        change(7, "closed", "Bo"),
    )

    assert history.steps == (
        AssignedTo(minute(2), "Bo"),
        WorkStarted(minute(3)),
        WaitingOnCustomer(minute(4)),
        Resumed(minute(5)),
        Resolved(minute(6)),
        Closed(minute(7)),
    )
    assert (history.number, history.requester, history.department, history.opened_at) == ("T1", "Ann", "Sales", OPENED)
    assert counts == {}


@pytest.mark.parametrize(
    ("changes", "steps", "decisions"),
    [
        pytest.param(
            [change(1, "in_progress", "Bo"), change(2, "in_progress", "Cy")],
            [
                AssignedTo(minute(1), "Bo"),
                WorkStarted(minute(1)),
                Unassigned(minute(2)),
                AssignedTo(minute(2), "Cy"),
                WorkStarted(minute(2)),
            ],
            {},
            id="reassigned",
        ),
        pytest.param(
            [change(1, "queued", "Bo"), change(2, "queued", "Bo", "Tech")],
            [AssignedTo(minute(1), "Bo"), MovedToDepartment(minute(2), "Tech"), AssignedTo(minute(2), "Bo")],
            {"kept_agent_on_transfer": 1},
            id="the agent moves along",
        ),
        pytest.param(
            [change(1, "pending", "Bo")],
            [AssignedTo(minute(1), "Bo"), WorkStarted(minute(1)), WaitingOnCustomer(minute(1))],
            {"work_start_implied": 1},
            id="pending without work",
        ),
        pytest.param(
            [change(1, "in_progress"), change(2, "pending")],
            [],
            {"work_without_agent": 1, "pending_without_agent": 1},
            id="work without an agent",
        ),
        pytest.param(
            [change(1, "in_progress", "Bo"), change(2, "queued", "Bo")],
            [AssignedTo(minute(1), "Bo"), WorkStarted(minute(1))],
            {"step_back": 1},
            id="back to new",
        ),
        pytest.param(
            [
                change(1, "queued", priority="normal"),
                change(2, "queued", priority="urgent"),
                change(3, None, "Bo", priority="urgent"),
            ],
            [PriorityChanged(minute(2), "urgent"), AssignedTo(minute(3), "Bo")],
            {},
            id="priority, and an ignored state with an agent",
        ),
        pytest.param(
            [change(-5, "queued", "Bo")],
            [AssignedTo(OPENED, "Bo")],
            {"changed_before_opened": 1},
            id="before the opening",
        ),
        pytest.param(
            [change(2, "in_progress", "Bo"), change(1, "queued"), change(3, "in_progress", "Bo")],
            [AssignedTo(minute(2), "Bo"), WorkStarted(minute(2))],
            {"out_of_order": 1},
            id="out of order",
        ),
        pytest.param(
            [change(2, "in_progress", "Cy"), change(1, "queued", "Cy"), change(1, "queued", "Bo")],
            [AssignedTo(minute(1), "Bo"), Unassigned(minute(1)), AssignedTo(minute(1), "Cy"), WorkStarted(minute(2))],
            {"newest_first": 1},
            id="newest first",
        ),
    ],
)
def test_an_open_ticket_takes_legal_steps_only(changes, steps, decisions):
    history, counts = history_of(*changes)

    assert list(history.steps) == steps
    assert counts == decisions | {"still_open": 1}


@pytest.mark.parametrize(
    ("changes", "steps", "decisions"),
    [
        pytest.param(
            [change(2, "closed")],
            [Resolved(minute(2)), Closed(minute(2))],
            {"resolved_from_queue": 1, "resolution_implied": 1},
            id="closed at once",
        ),
        pytest.param(
            [
                change(2, "resolved", "Bo"),
                change(3, "in_progress", "Bo", reopens=1),
                change(4, "closed", "Bo", reopens=1),
            ],
            [
                AssignedTo(minute(2), "Bo"),
                Resolved(minute(2)),
                Reopened(minute(3), "Bo"),
                WorkStarted(minute(3)),
                Resolved(minute(4)),
                Closed(minute(4)),
            ],
            {"resolution_implied": 1},
            id="reopened to its agent",
        ),
        pytest.param(
            [
                change(2, "closed", "Bo"),
                change(3, "queued", "Cy", "Tech", reopens=1),
                change(4, "closed", "Cy", "Tech"),
            ],
            [
                AssignedTo(minute(2), "Bo"),
                Resolved(minute(2)),
                Closed(minute(2)),
                Reopened(minute(3), None),
                MovedToDepartment(minute(3), "Tech"),
                AssignedTo(minute(3), "Cy"),
                Resolved(minute(4)),
                Closed(minute(4)),
            ],
            {"resolution_implied": 2},
            id="reopened for another department",
        ),
        pytest.param(
            [change(2, "resolved", "Bo"), change(3, "queued", "Bo"), change(4, "closed", "Bo")],
            [AssignedTo(minute(2), "Bo"), Resolved(minute(2)), Closed(minute(4))],
            {"stale_state": 1},
            id="an old state without a reopening",
        ),
        pytest.param(
            [change(2, "resolved", "Bo"), change(3, "queued", "Bo", reopens=None), change(4, "closed", "Bo")],
            [
                AssignedTo(minute(2), "Bo"),
                Resolved(minute(2)),
                Reopened(minute(3), "Bo"),
                Resolved(minute(4)),
                Closed(minute(4)),
            ],
            {"resolution_implied": 1},
            id="a log without reopen counts",
        ),
        pytest.param(
            [change(2, "resolved", "Bo"), change(3, "closed", "Cy", "Tech")],
            [AssignedTo(minute(2), "Bo"), Resolved(minute(2)), Closed(minute(3))],
            {"change_after_resolution": 1},
            id="moved after the resolution",
        ),
    ],
)
def test_a_finished_ticket_takes_legal_steps_only(changes, steps, decisions):
    history, counts = history_of(*changes)

    assert list(history.steps) == steps
    assert counts == decisions


def test_what_a_ticket_lacks_is_filled_and_counted():
    nothing = Texts("", (), "")
    history, counts = history_of(
        change(1, "closed", "Bo", opened_at=None, requester=None, priority=None, texts=nothing)
    )

    assert (history.requester, history.subject, history.description) == ("unknown customer", "Ticket T1", "Ticket T1")
    assert (history.opened_at, history.priority) == (minute(1), "normal")
    assert counts.keys() == {"missing_opened_at", "missing_requester", "missing_subject", "resolution_implied"}


def test_the_first_of_several_customers_and_categories_and_the_earliest_opening_is_taken():
    other = Texts("Mail", ("Mail",), "Category: Mail")
    history, counts = history_of(
        change(3, "queued"), change(4, "queued", requester="Di", texts=other, opened_at=minute(2), line=9)
    )

    assert (history.requester, history.tags, history.opened_at) == ("Ann", ("Printer",), OPENED)
    assert counts == {"requester_varies": 1, "category_changed": 1, "opened_at_varies": 1, "still_open": 1}


def test_rows_of_a_ticket_may_be_anywhere_and_histories_come_by_opening():
    late = minute(1)
    rows = [
        change(2, "queued", opened_at=late),
        change(1, "queued", ticket="T2"),
        change(3, "resolved", opened_at=late),
    ]

    histories = histories_of(rows, SERVICENOW, ImportReport())

    assert [(history.number, len(history.steps)) for history in histories] == [("T2", 0), ("T1", 1)]


def test_an_illegal_history_is_told_from_a_legal_one():
    legal, _ = history_of(change(1, "queued"))
    illegal = [
        [WorkStarted(minute(1))],
        [AssignedTo(minute(1), "Bo"), AssignedTo(minute(1), "Cy")],
        [Resolved(minute(1)), Reopened(minute(2), "Bo")],
        [Resolved(minute(2)), Closed(minute(1))],
        [Resolved(minute(-1))],
    ]
    for steps in illegal:
        with pytest.raises(IllegalHistory):
            list(situations(structs.replace(legal, steps=tuple(steps))))


CHANGES = st.lists(
    st.builds(
        change,
        st.integers(-2, 6),
        st.sampled_from([None, "queued", "assigned", "in_progress", "pending", "resolved", "closed"]),
        st.sampled_from([None, "Bo", "Cy"]),
        st.sampled_from(["Sales", "Tech"]),
        reopens=st.sampled_from([None, 0, 1, 2]),
        priority=st.sampled_from([None, "normal", "urgent"]),
        sequence=st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)


@given(changes=CHANGES)
def test_whatever_the_log_says_the_history_is_legal(changes):
    history, _ = history_of(*changes)

    assert all(step.at >= OPENED for step in history.steps)
    assert len(history.steps) <= 8 * len(changes)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_generated_log_is_read_whole_and_every_trap_is_counted(tmp_path, seed):
    path = tmp_path / "log.csv"
    rows = write_log(path, tickets=200, seed=seed)

    histories, report = read_histories(path, SERVICENOW)

    assert (report.rows_read, report.rows_used, report.tickets) == (rows, rows, 200)
    assert report.steps == sum(len(history.steps) for history in histories)
    for history in histories:
        assert list(situations(history))[-1][2].state == "closed"
    expected = {"missing_department", "missing_requester", "ignored_state", "changed_before_opened", "out_of_order"}
    assert expected <= report.counts().keys()
    assert any(isinstance(step, Reopened) for history in histories for step in history.steps)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz", "log.ndjson"])
def test_a_log_makes_the_same_histories_as_csv_and_as_json_lines(tmp_path, name, nested):
    log, lines = tmp_path / "log.csv", tmp_path / name
    write_log(log, tickets=400, seed=5)
    write_as_json_lines(log, lines, nested=nested)
    columns = structs.replace(SERVICENOW.columns, **NESTED_COLUMNS) if nested else SERVICENOW.columns

    from_csv, csv_report = read_histories(log, SERVICENOW)
    from_json, json_report = read_histories(lines, structs.replace(SERVICENOW, columns=columns))

    assert len(from_csv) == 400
    assert from_json == from_csv
    assert json_report.rows_used == csv_report.rows_used == csv_report.rows_read
    assert len(csv_report.decisions) > 10
    assert {
        code: (each.count, [line + 1 for line in each.first_lines]) for code, each in json_report.decisions.items()
    } == {code: (each.count, each.first_lines) for code, each in csv_report.decisions.items()}
