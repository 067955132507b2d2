"""Good rows become changes; a bad row is refused alone with its line and reason; a wrong file is refused at once."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from msgspec import structs
from tests.generated_log import write_log

from supportix.importing.mapping import Columns, load_mapping, mapping_from_toml
from supportix.importing.reader import read_changes
from supportix.importing.report import ImportRefused, ImportReport

DESK = mapping_from_toml(
    """
date_formats = ["%d/%m/%Y %H:%M"]
missing = ["?"]
ignored_states = ["-100"]
approximate_states = ["vendor"]
[columns]
ticket = "id"
changed_at = "when"
state = "status"
department = "team"
agent = "agent"
requester = "customer"
priority = "priority"
subject = ["about"]
[columns.description]
About = "about"
[states]
open = "queued"
vendor = "pending"
done = "closed"
[priorities]
P1 = "urgent"
""",
    source="desk.toml",
    name="desk",
)
HEADER = "id,when,status,team,agent,customer,priority,about"
GOOD = "T1,5/3/2021 09:07,open,Sales,?,Ann,P1,Printer"


def read(path, mapping=DESK, progress=None):
    report = ImportReport()
    return list(read_changes(path, mapping, report, progress)), report


@pytest.fixture
def log(tmp_path):
    def write(*rows, header=HEADER, name="log.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes("\n".join([header, *rows]).encode(encoding))
        return path

    return write


def test_a_row_is_read_in_our_words(log):
    [change], report = read(log(GOOD))

    assert (change.line, change.ticket, change.state) == (2, "T1", "queued")
    assert change.at == datetime(2021, 3, 5, 9, 7, tzinfo=UTC)
    assert (change.department, change.agent, change.requester, change.priority) == ("Sales", None, "Ann", "urgent")
    assert (change.texts.subject, change.texts.description) == ("Printer", "About: Printer")
    assert (report.rows_read, report.rows_used, report.rows_refused, report.decisions) == (1, 1, 0, {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("?,5/3/2021 09:07,open,Sales,?,Ann,P1,x", "no ticket number in column 'id'"),
        ("T2,,open,Sales,?,Ann,P1,x", "no time of the change in column 'when'"),
        ("T2,31/2/2021 09:07,open,Sales,?,Ann,P1,x", "when: '31/2/2021 09:07' isn't a date"),
        ("T2,5/3/2021 09:07,lost,Sales,?,Ann,P1,x", "unknown state 'lost'; the mapping knows 'open'"),
        ("T2,5/3/2021 09:07,?,Sales,?,Ann,P1,x", "no state in column 'status'"),
        ("T2,5/3/2021 09:07,open", "8 columns expected, 3 found"),
        (GOOD + ",more", "8 columns expected, 9 found"),
        ('T2,"5/3/2021" 09:07,open,Sales,?,Ann,P1,x', "not valid CSV"),
    ],
)
def test_a_bad_row_is_refused_alone_with_its_line_and_reason(log, row, reason):
    changes, report = read(log(GOOD, "", row, GOOD))

    assert [change.line for change in changes] == [2, 5]
    assert (report.rows_read, report.rows_used, report.rows_refused) == (3, 2, 1)
    assert report.refused[0].line == 4
    assert report.refused[0].reason.startswith(reason)


def test_a_field_over_several_lines_keeps_the_line_numbers(log):
    changes, _ = read(log('T1,5/3/2021 09:07,open,Sales,?,Ann,P1,"one\ntwo"', GOOD))

    assert [change.line for change in changes] == [2, 4]
    assert changes[0].texts.subject == "one\ntwo"


def test_an_unclosed_quote_says_how_many_lines_it_swallowed(log):
    _, report = read(log(GOOD, 'T1,5/3/2021 09:07,open,Sales,?,Ann,P1,"one', GOOD))

    assert report.refused[0].line == 3
    assert "up to line 4: an unclosed quote?" in report.refused[0].reason


def test_a_line_in_another_encoding_is_refused_alone(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes("\n".join([HEADER, GOOD.replace("Ann", "Zoë")]).encode() + b"\n" + GOOD.encode() + b"\xe9\n")

    changes, report = read(path)

    assert changes[0].requester == "Zoë"
    assert report.refused[0].line == 3
    assert "isn't utf-8 text" in report.refused[0].reason


def test_soft_problems_are_decided_counted_and_located(log):
    changes, report = read(
        log(
            "T1,5/3/2021 09:07,-100,?,?,Ann,P7,x",
            "T1,5/3/2021 09:07,vendor,Sales,?,Ann,P1,x",
            "T1,5/3/2021 09:07,-100,Sales,?,Ann,P1,x",
        )
    )

    assert (changes[0].state, changes[0].department, changes[0].priority) == (None, "Triage", None)
    assert dict(report.counts()) == {
        "ignored_state": 2,
        "approximate_state": 1,
        "missing_department": 1,
        "unknown_priority": 1,
    }
    code, count, meaning, lines = report.decision_rows()[0]
    assert (code, count, lines) == ("ignored_state", "2", "2, 4")
    assert meaning


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("id,when,team", ["T1,x,y"], "expects columns that aren't there: 'status' \\(for state\\)"),
        (HEADER.replace(",", ";"), [GOOD], "expects columns.*delimiter ','"),
        (HEADER + ",id", [GOOD + ",x"], "the header holds 'id' more than once"),
        ("", [], "is empty; expected a header with 'id', 'when'"),
        (HEADER, [], "log.csv: holds no rows"),
        (HEADER, ["T1,2021-03-05,open,a,b,c,d,e"] * 3, "none of the first 3 rows fits the mapping 'desk'.*line 2"),
        (HEADER, ["T1,2021-03-05,open,a,b,c,d,e"] * 100 + [GOOD], "none of the first 100 rows fits.*line 2"),
    ],
)
def test_a_wholly_wrong_file_is_one_clear_refusal(log, header, rows, message):
    with pytest.raises(ImportRefused, match=message):
        read(log(*rows, header=header))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ImportRefused, match=r"gone.csv: can't be read: No such file"):
        read(tmp_path / "gone.csv")


def test_a_byte_order_mark_is_no_part_of_the_first_column(log):
    changes, _ = read(log(GOOD, encoding="utf-8-sig"))

    assert len(changes) == 1


def test_utf_16_is_refused_for_its_encoding(log):
    with pytest.raises(ImportRefused, match="isn't utf-8 text"):
        read(log(GOOD, encoding="utf-16"))


def test_gzip_is_recognised_by_its_content_and_a_cut_off_file_is_refused(tmp_path):
    packed = gzip.compress("\n".join([HEADER, *[GOOD] * 500]).encode())
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv.gz"
    whole.write_bytes(packed)
    cut.write_bytes(packed[:-20])

    assert len(read(whole)[0]) == 500
    with pytest.raises(ImportRefused, match=r"cut.csv.gz: damaged or cut off gzip file"):
        read(cut)


@pytest.fixture
def json_lines(tmp_path):
    def write(*lines, name="log.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
        return path

    return write


FIELDS = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))


def test_json_lines_are_read_like_rows_gzipped_too(tmp_path):
    lines = [json.dumps(FIELDS), "", json.dumps(FIELDS | {"about": None, "id": 17}), json.dumps(FIELDS | {"id": True})]
    path = tmp_path / "LOG.JSONL.GZ"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))

    changes, report = read(path)

    assert [(change.line, change.ticket, change.texts.subject) for change in changes] == [
        (1, "T1", "Printer"),
        (3, "17", ""),
        (4, "true", "Printer"),
    ]
    assert (report.rows_read, report.rows_used) == (3, 3)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "expected one JSON object on the line: JSON is malformed"),
        ('{"id": "T1", "when": ', "expected one JSON object on the line: Input data was truncated"),
        ('[{"id": "T1"}]', "expected one JSON object on the line: Expected `object`, got `array`"),
        ('{"id": ' + "[" * 50_000 + "]" * 50_000 + "}", "expected one JSON object on the line: maximum recursion"),
        ("{}", "no key 'id' (for ticket); the object has no keys"),
        ({"id": "T1", "when": "x"}, "no key 'status' (for state); the object has 'id', 'when'"),
        (FIELDS | {"id": None}, "no ticket number in column 'id'"),
        (FIELDS | {"id": []}, "id: expected a text or a number, got a list; name what is in it with a dot"),
        (FIELDS | {"team": {"name": "x"}}, "team: expected a text or a number, got an object"),
        (FIELDS | {"when": "2021-03-05T09:07:00Z"}, "when: '2021-03-05T09:07:00Z' isn't a date of the form %d/%m/%Y"),
        (FIELDS | {"when": 1614935220}, "when: '1614935220' isn't a date of the form %d/%m/%Y"),
        (FIELDS | {"status": "lost"}, "unknown state 'lost'; the mapping knows 'open'"),
        (FIELDS | {"customer": "An\0n"}, "holds a NUL character"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_bad_line_of_json_is_refused_alone_even_the_first(json_lines, line, reason, first):
    lines = [line, FIELDS, FIELDS] if first else [FIELDS, "", line, FIELDS]

    changes, report = read(json_lines(*lines))

    assert [change.line for change in changes] == ([2, 3] if first else [1, 4])
    assert (report.rows_read, report.rows_used, report.rows_refused) == (3, 2, 1)
    assert report.refused[0].line == (1 if first else 3)
    assert report.refused[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "is empty; expected one JSON object on each line"),
        (["", "", ""], "log.jsonl: holds no rows"),
        (["[", "{}", "]"], "none of the first 3 rows fits.*line 1: expected one JSON object on the line"),
        (
            [{"id": "T1", "when": "x"}],
            "the first, line 1: no key 'status' \\(for state\\); the object has 'id', 'when'",
        ),
        (["nonsense"] * 100 + [FIELDS], "none of the first 100 rows fits"),
        (
            [{key: FIELDS[key] for key in ("id", "when", "status", "agent", "customer", "about")}] * 2,
            "expects keys that no line has: 'team' \\(for department\\), 'priority' \\(for priority\\)",
        ),
    ],
)
def test_a_wholly_wrong_file_of_json_lines_is_one_clear_refusal(json_lines, lines, message):
    with pytest.raises(ImportRefused, match=message):
        read(json_lines(*lines))


NESTED = mapping_from_toml(
    """
[columns]
ticket = "issue.key"
changed_at = "at"
state = "issue.fields.status.name"
agent = "assignee.name"
priority = "dotted.key"
subject = ["issue.fields.summary"]
tags = ["labels.0", "labels.1"]
[states]
open = "queued"
[priorities]
P1 = "urgent"
""",
    source="nested.toml",
    name="nested",
)


def test_dots_lead_into_objects_and_lists_unless_a_key_has_that_very_name(json_lines):
    issue = {"key": "T-1", "fields": {"status": {"name": "open"}, "summary": "Printer"}}
    full = {"at": "2021-03-05T09:07:00Z", "issue": issue, "assignee": {"name": "Bo"}, "dotted.key": "P1"}
    bare = {"at": "2021-03-05T09:08:00Z", "issue": {"key": 2, "fields": {"status": {"name": "open"}}}}

    changes, report = read(
        json_lines(full | {"labels": ["fire", "urgent", "more"]}, bare | {"assignee": None, "labels": ["one"]}), NESTED
    )

    assert [(each.ticket, each.state, each.agent, each.priority) for each in changes] == [
        ("T-1", "queued", "Bo", "urgent"),
        ("2", "queued", None, None),
    ]
    assert [(each.texts.subject, each.texts.tags) for each in changes] == [
        ("Printer", ("fire", "urgent")),
        ("", ("one",)),
    ]
    assert report.rows_refused == 0


ONLY_NESTED = structs.replace(NESTED, columns=Columns("issue.key", "at", "issue.fields.status.name"))
NO_STATE = "no key 'issue.fields.status.name' (for state); the object has 'at', 'issue'"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, NO_STATE),
        ({"status": "open"}, NO_STATE),
        ({"status": [{"name": "open"}]}, NO_STATE),
        ({"status": None}, "no state in column 'issue.fields.status.name'"),
    ],
)
def test_a_nested_key_that_is_not_there_refuses_its_line(json_lines, fields, reason):
    good = {"at": "2021-03-05T09:07:00Z", "issue": {"key": "T-1", "fields": {"status": {"name": "open"}}}}
    bad = {"at": "2021-03-05T09:07:00Z", "issue": {"key": "T-2", "fields": fields}}

    [refused] = read(json_lines(good, bad), ONLY_NESTED)[1].refused

    assert (refused.line, refused.reason) == (2, reason)


def test_progress_grows_to_the_whole_file(tmp_path):
    path, calls = tmp_path / "log.csv", []
    rows = write_log(path, tickets=1000, seed=1)

    changes, _ = read(path, load_mapping("servicenow"), lambda done, total: calls.append((done, total)))

    assert len(changes) == rows
    assert len(calls) > 1
    assert calls == sorted(calls)
    assert calls[-1] == (path.stat().st_size, path.stat().st_size)
