"""What is advised on staffing, how newer forecasts change it, what people decide, and when it is scored."""

from datetime import UTC, datetime, timedelta
from math import nan
from uuid import UUID

import msgspec
import pytest
from tests.advised import HOUR, advice_score, advised, evidence
from tests.given import STREAM, given, given_nothing

from supportix.domain.advice_words import AdviceInvalid, AdviceKind
from supportix.domain.ids import AdviceId, DepartmentId
from supportix.domain.staffing_advice import (
    AdviceAccepted,
    AdviceBegun,
    AdviceChanged,
    AdviceDecided,
    AdviceDismissed,
    AdviceGiven,
    AdviceNotOver,
    AdviceOver,
    AdviceScored,
    AdviceWithdrawn,
    advice_id,
    give_advice,
)

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TWO = NINE + 5 * HOUR
AT = NINE + timedelta(seconds=4)
BILLING = DepartmentId(UUID(int=0xB))
TOLD, MORE = advised(TWO), advised(TWO + HOUR, hours=3, agents=4)
WHOSE = {"department_id": BILLING, "begin": TOLD.begin, "end": TOLD.end}
GIVEN = AdviceGiven(occurred_at=AT, advised=TOLD, **WHOSE)
CHANGED = AdviceChanged(occurred_at=AT, department_id=BILLING, begin=MORE.begin, end=MORE.end, advised=MORE)
WITHDRAWN = AdviceWithdrawn(occurred_at=AT, **WHOSE)
ACCEPTED = AdviceAccepted(occurred_at=AT, reason="two from the early shift", **WHOSE)
DISMISSED = AdviceDismissed(occurred_at=AT, reason="training", **WHOSE)
OVER = TOLD.end + timedelta(seconds=4)
SCORED = AdviceScored(occurred_at=OVER, score=advice_score(), **WHOSE)


def changing(told=MORE, at=AT):
    return lambda advice: advice.change(told, at=at)


def withdrawing(at=AT):
    return lambda advice: advice.withdraw(at=at)


def accepting(at=AT):
    return lambda advice: advice.accept(reason=ACCEPTED.reason, at=at)


def dismissing(at=AT):
    return lambda advice: advice.dismiss(reason=DISMISSED.reason, at=at)


def scoring(at=OVER):
    return lambda advice: advice.score(advice_score(), at=at)


def test_an_advice_is_given_with_its_evidence():
    given_nothing().when(lambda _: give_advice(AdviceId(STREAM), BILLING, TOLD, at=AT)).then(GIVEN)


def test_a_newer_forecast_changes_it_also_when_it_begins():
    given(GIVEN).when(changing()).then(CHANGED)
    given(GIVEN).when(changing(TOLD)).then_nothing()
    assert given(GIVEN, CHANGED).aggregate.told == MORE


def test_a_newer_forecast_withdraws_it():
    given(GIVEN).when(withdrawing()).then(WITHDRAWN)
    given(GIVEN, WITHDRAWN).when(withdrawing()).then_refused(AdviceDecided, saying="is withdrawn")


@pytest.mark.parametrize("newer", [changing(at=TWO), withdrawing(at=TWO)], ids=["changed", "withdrawn"])
def test_once_it_has_begun_it_stays_as_it_is(newer):
    given(GIVEN).when(newer).then_refused(AdviceBegun, saying="began at 2026-03-02T14:00:00+00:00")


@pytest.mark.parametrize("decided", [ACCEPTED, DISMISSED, WITHDRAWN], ids=lambda fact: fact.TOPIC)
@pytest.mark.parametrize("then", [changing(), withdrawing(), accepting(), dismissing()])
def test_what_was_decided_stays_decided(decided, then):
    given(GIVEN, decided).when(then).then_refused(AdviceDecided)


def test_people_accept_or_dismiss_it_as_long_as_it_lasts():
    given(GIVEN).when(accepting()).then(ACCEPTED)
    given(GIVEN).when(dismissing()).then(DISMISSED)
    late = TOLD.end - timedelta(seconds=1)
    given(GIVEN).when(accepting(late)).then(msgspec.structs.replace(ACCEPTED, occurred_at=late))
    for decision in (accepting(TOLD.end), dismissing(TOLD.end)):
        given(GIVEN).when(decision).then_refused(AdviceOver)


@pytest.mark.parametrize("before", [(GIVEN,), (GIVEN, ACCEPTED), (GIVEN, DISMISSED)])
def test_it_is_scored_once_its_span_is_over_whatever_people_thought_of_it(before):
    given(*before).when(scoring()).then(SCORED)
    given(*before, SCORED).when(scoring()).then_nothing()
    given(*before).when(scoring(TOLD.end - timedelta(seconds=1))).then_refused(AdviceNotOver)


def test_what_was_withdrawn_is_not_scored():
    given(GIVEN, WITHDRAWN).when(scoring()).then_refused(AdviceDecided, saying="upheld")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (msgspec.structs.replace(TOLD, end=TOLD.begin), "ends after it begins"),
        (msgspec.structs.replace(TOLD, begin=TWO.replace(tzinfo=None)), "time zones"),
        (msgspec.structs.replace(TOLD, agents=0), "one at least"),
        (msgspec.structs.replace(TOLD, evidence=evidence(TWO, 3)), "arrivals of 3 intervals; 2 were expected"),
        (msgspec.structs.replace(TOLD, share_with=nan), "finite"),
    ],
)
def test_an_advice_whose_parts_do_not_fit_is_refused(told, why):
    given_nothing().when(lambda _: give_advice(AdviceId(STREAM), BILLING, told, at=AT)).then_refused(
        AdviceInvalid, saying=why
    )
    given(GIVEN).when(changing(told)).then_refused(AdviceInvalid, saying=why)


def test_the_same_advice_of_the_same_hour_is_one_stream():
    assert advice_id(BILLING, TOLD, NINE) == advice_id(BILLING, msgspec.structs.replace(TOLD, agents=7), NINE)
    merge = msgspec.structs.replace(TOLD, kind=AdviceKind.MERGE)
    fewer = msgspec.structs.replace(TOLD, kind=AdviceKind.FEWER_AGENTS)
    assert advice_id(BILLING, merge, NINE) == advice_id(BILLING, TOLD, NINE)
    others = [advice_id(BILLING, fewer, NINE), advice_id(BILLING, MORE, NINE), advice_id(BILLING, TOLD, TWO)]
    assert len({advice_id(BILLING, TOLD, NINE), *others}) == 4


def test_one_covers_another_that_wants_no_more_for_most_of_its_time():
    assert TOLD.covers(advised(TWO + HOUR, hours=1))
    assert TOLD.covers(advised(TWO - HOUR, hours=2, agents=1))
    assert TOLD.covers(advised(TWO + HOUR, hours=2))
    assert not TOLD.covers(advised(TWO + HOUR, hours=3))
    assert not TOLD.covers(advised(TWO, agents=3))
    assert not TOLD.covers(advised(TWO - 2 * HOUR))


def test_agents_who_came_since_count_for_what_is_still_asked_for():
    """Six were wanted; two of them are there now, and two more would be eight."""
    assert not TOLD.covers(advised(TWO, evidence=evidence(TWO, 2, on_shift=(6.0, 6.0))))
    assert TOLD.covers(advised(TWO, agents=3, evidence=evidence(TWO, 2, on_shift=(3.0, 3.4))))


def test_fewer_agents_are_covered_where_as_few_were_wanted():
    fewer = advised(TWO, kind=AdviceKind.FEWER_AGENTS)
    assert not TOLD.covers(fewer)
    assert not fewer.covers(TOLD)
    assert fewer.covers(msgspec.structs.replace(fewer, agents=1))
    assert not fewer.covers(msgspec.structs.replace(fewer, agents=3))
