"""A department's terms: when its tickets are due, what they weigh, and when they are taken back."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.given import given

from supportix.domain.agent import WEIGHT_LIMIT
from supportix.domain.department import LONGEST_PATIENCE_SECONDS, LONGEST_TARGET_MINUTES, TermsOutOfRange
from supportix.domain.department_facts import (
    DepartmentCreated,
    ResolutionTargetsChanged,
    TakeBack,
    TakeBackChanged,
    WorkWeightsChanged,
)
from supportix.domain.ticket_words import Channel, Priority

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = AT + timedelta(hours=1)
CREATED = DepartmentCreated(occurred_at=AT, name="Billing", policy="round_robin")
TARGETS = ResolutionTargetsChanged(occurred_at=AT, minutes={Priority.URGENT: 60, Priority.LOW: 1_440})
WEIGHTS = WorkWeightsChanged(occurred_at=AT, by_priority={Priority.URGENT: 3}, by_channel={Channel.PHONE: 2})
PATIENCE = TakeBack(offline_after=None, unanswered_after=120, stays_online=True)
PATIENT = TakeBackChanged(occurred_at=AT, take_back=PATIENCE)


def targets(minutes):
    return lambda department: department.change_targets(minutes, at=AT)


def weights(by_priority, by_channel):
    return lambda department: department.change_work_weights(by_priority, by_channel, at=AT)


def take_back(**changes):
    return lambda department: department.change_take_back(TakeBack(**changes), at=AT)


def test_targets_are_set_and_replaced_as_a_whole():
    given(CREATED).when(targets(TARGETS.minutes)).then(TARGETS)
    only_high = ResolutionTargetsChanged(occurred_at=AT, minutes={Priority.HIGH: 5})
    given(CREATED, TARGETS).when(targets({Priority.HIGH: 5})).then(only_high)
    assert given(CREATED, TARGETS, only_high).aggregate.targets == {Priority.HIGH: 5}
    given(CREATED, TARGETS).when(targets({})).then(ResolutionTargetsChanged(occurred_at=AT))


def test_weights_are_set_and_replaced_as_a_whole():
    given(CREATED).when(weights(WEIGHTS.by_priority, WEIGHTS.by_channel)).then(WEIGHTS)
    given(CREATED, WEIGHTS).when(weights({}, {Channel.CHAT: 2})).then(
        WorkWeightsChanged(occurred_at=AT, by_channel={Channel.CHAT: 2})
    )
    given(CREATED, WEIGHTS).when(weights({}, {})).then(WorkWeightsChanged(occurred_at=AT))


def test_take_back_is_set():
    given(CREATED).when(lambda department: department.change_take_back(PATIENCE, at=AT)).then(PATIENT)


def test_work_is_taken_back_five_minutes_after_its_agent_went_offline_unless_the_terms_say_otherwise():
    assert given(CREATED).aggregate.take_back == TakeBack(offline_after=300, unanswered_after=None, stays_online=False)
    assert given(CREATED, PATIENT).aggregate.take_back == PATIENCE


def test_terms_that_are_the_case_already_are_nothing_new():
    given(CREATED, TARGETS).when(targets(dict(reversed(TARGETS.minutes.items())))).then_nothing()
    given(CREATED).when(targets({})).then_nothing()
    given(CREATED, WEIGHTS).when(weights(WEIGHTS.by_priority, WEIGHTS.by_channel)).then_nothing()
    given(CREATED).when(weights({}, {})).then_nothing()
    given(CREATED).when(take_back()).then_nothing()


@pytest.mark.parametrize("minutes", [0, -1, LONGEST_TARGET_MINUTES + 1])
def test_a_target_out_of_range_is_refused(minutes):
    given(CREATED, TARGETS).when(targets({Priority.LOW: 10, Priority.HIGH: minutes})).then_refused(
        TermsOutOfRange, saying=f"the target for high in minutes: {minutes} was given; 1 to {LONGEST_TARGET_MINUTES}"
    )


@pytest.mark.parametrize("weight", [0, -1, WEIGHT_LIMIT + 1])
def test_a_weight_out_of_range_is_refused(weight):
    expected = f"{weight} was given; 1 to {WEIGHT_LIMIT} was expected"
    given(CREATED).when(weights({Priority.HIGH: weight}, {})).then_refused(
        TermsOutOfRange, saying=f"the weight of high: {expected}"
    )
    given(CREATED).when(weights({}, {Channel.CHAT: weight})).then_refused(
        TermsOutOfRange, saying=f"the weight of chat: {expected}"
    )


@pytest.mark.parametrize("seconds", [-1, LONGEST_PATIENCE_SECONDS + 1])
@pytest.mark.parametrize("name", ["offline_after", "unanswered_after"])
def test_a_patience_out_of_range_is_refused(name, seconds):
    given(CREATED).when(take_back(**{name: seconds})).then_refused(
        TermsOutOfRange, saying=f"{name} in seconds: {seconds} was given"
    )


@pytest.mark.parametrize(
    "decision",
    [
        targets({Priority.LOW: 1, Priority.HIGH: LONGEST_TARGET_MINUTES}),
        weights({Priority.LOW: 1, Priority.HIGH: WEIGHT_LIMIT}, {Channel.CHAT: WEIGHT_LIMIT}),
        take_back(offline_after=0, unanswered_after=LONGEST_PATIENCE_SECONDS),
    ],
    ids=["targets", "weights", "take back"],
)
def test_the_limits_are_allowed(decision):
    assert len(decision(given(CREATED).aggregate).collect_events()) == 1
