"""The real ServiceNow log, where it lies beside the repository: what it holds is known, so are the decisions on it."""

import time
from collections import Counter
from pathlib import Path

import pytest

from supportix.importing.histories import read_histories
from supportix.importing.mapping import load_mapping
from supportix.importing.staffing import staffing_of
from supportix.importing.steps import Reopened, situations

LOG = Path(__file__).parents[3] / "shared" / "data" / "incident_event_log.csv.gz"

pytestmark = pytest.mark.skipif(
    not LOG.exists(),
    reason="the real ServiceNow log (UCI 498) isn't beside the repository; generated logs cover the code",
)


@pytest.fixture(scope="module")
def imported():
    started = time.process_time()
    histories, report = read_histories(LOG, load_mapping("servicenow"))
    return histories, report, time.process_time() - started


def test_every_row_and_ticket_is_read(imported):
    _, report, _ = imported

    assert (report.rows_read, report.rows_used, report.rows_refused) == (141_712, 141_712, 0)
    assert report.tickets == 24_918


def test_each_decision_is_counted(imported):
    _, report, _ = imported

    assert dict(report.counts()) == {
        "missing_department": 14213,
        "kept_agent_on_transfer": 12578,
        "work_without_agent": 8450,
        "pending_without_agent": 3995,
        "work_start_implied": 3337,
        "category_changed": 1871,
        "approximate_state": 1206,
        "resolved_from_queue": 740,
        "change_after_resolution": 84,
        "resolution_implied": 13,
        "missing_subject": 7,
        "changed_before_opened": 5,
        "ignored_state": 5,
        "missing_requester": 3,
        "requester_varies": 3,
        "out_of_order": 1,
        "stale_state": 1,
    }


def test_every_history_is_legal_and_ends_closed(imported):
    histories, _, _ = imported

    ends = Counter([now.state for *_, now in situations(history)][-1] for history in histories)

    assert ends == {"closed": 24_918}


def test_the_275_reopened_tickets_are_reopened(imported):
    histories, _, _ = imported

    reopened = [history for history in histories if any(isinstance(step, Reopened) for step in history.steps)]

    assert len(reopened) == 275


def test_the_staffing_names_every_group_and_every_resolver(imported):
    histories, _, _ = imported

    staffing = staffing_of(histories)

    assert len(staffing.departments) == 79
    assert len(staffing.agents) == 234
    assert min(staffing.capacity.values()) == 1
    assert len(staffing.handle_seconds) == 24_918


def test_the_file_is_read_in_seconds(imported):
    assert imported[2] < 6
