"""Good rows become changes; a bad row is refused alone with its line and reason; a wrong file is refused at once."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from tests.generated_log import write_log

from supportix.importing.mapping import load_mapping, mapping_from_toml
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
        (HEADER, [], "no rows after the header"),
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


def test_json_lines_are_read_like_rows(tmp_path):
    fields = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    lines = [json.dumps(fields), "", "nonsense", json.dumps(fields | {"about": None, "id": 17}), '{"id": []}']
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))

    changes, report = read(path)

    assert [(change.line, change.ticket, change.texts.subject) for change in changes] == [
        (1, "T1", "Printer"),
        (4, "17", ""),
    ]
    assert [refused.line for refused in report.refused] == [3, 5]
    assert report.refused[1].reason == "id: expected a text or a number, got list"


def test_json_of_another_shape_is_refused_at_once(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("[\n{}\n]", encoding="utf-8")
    with pytest.raises(ImportRefused, match="expected one JSON object on each line; line 1"):
        read(path)
    path.write_text('{"id": "T1", "when": "x"}', encoding="utf-8")
    with pytest.raises(ImportRefused, match="'status' \\(for state\\); the file has 'id', 'when'"):
        read(path)


def test_progress_grows_to_the_whole_file(tmp_path):
    path, calls = tmp_path / "log.csv", []
    rows = write_log(path, tickets=1000, seed=1)

    changes, _ = read(path, load_mapping("servicenow"), lambda done, total: calls.append((done, total)))

    assert len(changes) == rows
    assert len(calls) > 1
    assert calls == sorted(calls)
    assert calls[-1] == (path.stat().st_size, path.stat().st_size)
