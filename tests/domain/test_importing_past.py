"""Rows of a file of past traffic: times with and without an offset, days, counts, and what is refused with its line."""

import gzip
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from supportix.domain.traffic_past import PastInterval
from supportix.importing.past_rows import read_past
from supportix.importing.report import DecisionCode, ImportRefused, ImportReport
from supportix.projections.traffic_queries import TrafficStep

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HEADER = "department,begin,arrivals,resolutions,handle_seconds"
GOOD = "Sales,2026-02-01T08:00Z,1,,"


@pytest.fixture
def read(tmp_path):
    def reading(*rows, header=HEADER, step="15m", zone="Europe/Lisbon", known=("sales",), name="past.csv"):
        path = tmp_path / name
        body = "\n".join([header, *rows]).encode()
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
        report = ImportReport()
        names = None if known is None else frozenset(known)
        found = read_past(path, TrafficStep(step), ZoneInfo(zone), report, by=NOW, known=names)
        return {key: [row.interval for row in rows.in_order()] for key, rows in found.items()}, report

    return reading


def at(text):
    return datetime.fromisoformat(text)


def test_times_are_local_unless_they_say_otherwise(read):
    found, report = read(
        "Sales,2026-07-01T09:15,3,2,600", "SALES ,2026-07-01T09:15+02:00,4,0,", "Sales,2026-07-01 09:15:00Z,5,,"
    )
    assert found == {
        "sales": [
            PastInterval(begin=at("2026-07-01T07:15Z"), arrivals=4),
            PastInterval(begin=at("2026-07-01T08:15Z"), arrivals=3, resolutions=2, handle_seconds=600),
            PastInterval(begin=at("2026-07-01T09:15Z"), arrivals=5),
        ]
    }
    assert (report.rows_read, report.rows_refused) == (3, 0)


def test_columns_may_be_missing_in_any_order_and_the_file_may_be_packed(read):
    found, _ = read("7,2026-02-01T08:00Z,Sales", header="arrivals,begin,department", name="past.csv.gz")
    assert found == {"sales": [PastInterval(begin=at("2026-02-01T08:00Z"), arrivals=7)]}


@pytest.mark.parametrize(
    ("day", "begin", "quarters"),
    [
        ("2026-03-28", "2026-03-28T00:00Z", 96),
        ("2026-03-29", "2026-03-29T00:00Z", 92),
        ("2026-10-25T00:00", "2026-10-24T23:00Z", 100),
        ("2026-03-30T00:00+01:00", "2026-03-29T23:00Z", 96),
    ],
)
def test_days_are_as_long_as_they_are_in_their_zone(read, day, begin, quarters):
    found, _ = read(f"Sales,{day},96,,", step="1d")
    assert found == {"sales": [PastInterval(begin=at(begin), arrivals=96, quarters=quarters)]}


def test_an_hour_that_the_clock_shows_twice_is_the_first_and_then_the_second(read):
    found, report = read(
        "Sales,2026-10-25T00:00,1,,",
        "Sales,2026-10-25T01:00,2,,",
        "Sales,2026-10-25T01:00,3,,",
        "Sales,2026-10-25T02:00,4,,",
        "Help,2026-10-25T01:00,5,,",
        step="1h",
        known=None,
    )
    assert [(each.begin.hour, each.arrivals, each.quarters) for each in found["sales"]] == [
        (23, 1, 4),
        (0, 2, 4),
        (1, 3, 4),
        (2, 4, 4),
    ]
    assert [each.begin for each in found["help"]] == [at("2026-10-25T00:00Z")]
    assert report.decisions[DecisionCode.repeated_local_time].first_lines == [3, 4, 6]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Sales,2026-02-01T08:00,-1,,", "arrivals -1: 0 or more was expected"),
        ("Sales,2026-02-01T08:00,many,,", "arrivals 'many': a number was expected"),
        ("Sales,2026-02-01T08:00,,,", "arrivals '': a number was expected"),
        ("Sales,2026-02-01T08:00,1.5,,", "arrivals 1.5: a whole number was expected"),
        ("Sales,2026-02-01T08:00,1e9,,", "a number was expected"),
        ("Sales,2026-02-01T08:00,nan,,", "a number was expected"),
        ("Sales,2026-02-01T08:00,1000000001,,", "arrivals 1000000001 was given; 0 to 1000000000"),
        ("Sales,2026-02-01T08:00,1,x,", "resolutions 'x': a number was expected"),
        ("Sales,2026-02-01T08:00,1,,60", "handle_seconds without resolutions"),
        ("Sales,2026-02-01T08:05,1,,", "the start of a quarter hour was expected"),
        ("Sales,01.02.2026 08:00,1,,", "begin '01.02.2026 08:00': a time such as 2026-03-02T09:30"),
        ("Sales,,1,,", "begin '': a time such as"),
        ("Sales,2026-03-29T01:30,1,,", "clocks in Europe/Lisbon skipped that time"),
        ("Sales,2026-11-01T00:00Z,1,,", "a time from 1970 to 2026-11-01T00:00:00+00:00 was expected"),
        ("Sales,9999-12-31T23:45,1,,", "a time"),
        ("Sales,0001-01-01T00:00+14:00,1,,", "a time"),
        ("Sales,1969-02-01T08:00Z,1,,", "a time from 1970"),
        ("Help,2026-02-01T08:00,1,,", "no department is called 'Help'; create it first, or let --create-departments"),
        (",2026-02-01T08:00,1,,", "a name of 1 to 100 characters"),
        ("Sales,2026-02-01T08:00,1", "5 columns expected, 3 found"),
    ],
)
def test_a_bad_row_is_refused_alone_with_its_line(read, row, reason):
    found, report = read(GOOD, row, GOOD.replace("08:00", "09:00"))
    assert len(found["sales"]) == 2
    (refused,) = report.refused
    assert refused.line == 3
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("step", "begin", "reason"),
    [
        ("1h", "2026-02-01T08:15", "the start of an hour was expected"),
        ("1d", "2026-02-01T08:00", "midnight in Europe/Lisbon was expected"),
        ("1d", "2026-07-01T00:00Z", "midnight in Europe/Lisbon was expected"),
        ("1d", "9999-12-31", "a time in the past was expected"),
    ],
)
def test_a_row_begins_where_its_step_does(read, step, begin, reason):
    with pytest.raises(ImportRefused, match="no row can be used; the first, line 2:") as caught:
        read(f"Sales,{begin},1,,", step=step)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "header", "reason"),
    [
        ([], HEADER, "no row can be used; no rows"),
        ([GOOD], "department,start,arrivals,resolutions,handle_seconds", "expects columns that aren't there: 'begin'"),
        ([GOOD], "department,begin,arrivals,arrivals,handle_seconds", "'arrivals' more than once"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused(read, rows, header, reason):
    with pytest.raises(ImportRefused, match=reason):
        read(*rows, header=header)
