"""A department's name, policy and pauses."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.given import STREAM, given, given_nothing

from supportix.domain.aggregate import DomainEvent, VersionGap, fold
from supportix.domain.department import DepartmentNameMissing, create_department
from supportix.domain.department_facts import (
    AssignmentPaused,
    AssignmentPolicyChanged,
    AssignmentResumed,
    DepartmentCreated,
    DepartmentRenamed,
)

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = AT + timedelta(hours=1)
CREATED = DepartmentCreated(occurred_at=AT, name="Billing", policy="round_robin")
PAUSED = AssignmentPaused(occurred_at=AT, reason="all at the meeting")


def creating(name: str):
    return lambda _: create_department(STREAM, name=name, policy="round_robin", at=AT)


def test_a_department_is_created():
    given_nothing().when(creating("Billing")).then(CREATED)


@pytest.mark.parametrize("name", ["", " ", "\u2003\t"])
def test_a_department_needs_a_name(name):
    given_nothing().when(creating(name)).then_refused(DepartmentNameMissing)
    given(CREATED).when(lambda department: department.rename(name, at=NOW)).then_refused(DepartmentNameMissing)


def test_a_department_is_renamed():
    given(CREATED).when(lambda department: department.rename("Invoices", at=NOW)).then(
        DepartmentRenamed(occurred_at=NOW, name="Invoices")
    )


def test_another_policy_is_chosen():
    given(CREATED).when(lambda department: department.change_policy("least_busy", at=NOW)).then(
        AssignmentPolicyChanged(occurred_at=NOW, policy="least_busy")
    )


def test_assignment_is_paused_and_resumed():
    given(CREATED).when(lambda department: department.pause_assignment(reason="all at the meeting", at=AT)).then(PAUSED)
    given(CREATED, PAUSED).when(lambda department: department.resume_assignment(at=NOW)).then(
        AssignmentResumed(occurred_at=NOW)
    )


def test_what_is_the_case_already_is_nothing_new():
    given(CREATED).when(lambda department: department.rename("Billing", at=NOW)).then_nothing()
    given(CREATED).when(lambda department: department.change_policy("round_robin", at=NOW)).then_nothing()
    given(CREATED).when(lambda department: department.resume_assignment(at=NOW)).then_nothing()
    given(CREATED, PAUSED).when(lambda department: department.pause_assignment(reason="", at=NOW)).then_nothing()


def test_a_stream_with_a_gap_is_not_folded():
    with pytest.raises(VersionGap, match="version 1 is known, the next event has version 3"):
        fold([DomainEvent(STREAM, 1, CREATED), DomainEvent(STREAM, 3, PAUSED)])


def test_a_stream_that_misses_its_beginning_is_not_folded():
    with pytest.raises(VersionGap, match="version 0 is known"):
        fold([DomainEvent(STREAM, 2, PAUSED)])
