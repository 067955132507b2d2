"""What was reckoned is recorded once, under the lease, however often and by how many it is saved."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.issued import hours, score, to_choose, to_issue
from tests.scene import START

from supportix.bootstrap import Core
from supportix.domain.aggregate import Fact
from supportix.domain.errors import NotFound
from supportix.domain.forecast_day import (
    ForecastDay,
    ForecastIssued,
    ForecastNotIssued,
    ForecastScored,
    ForecastUpdated,
    forecast_day_id,
)
from supportix.domain.forecast_model import (
    Drift,
    ForecastDriftFound,
    ForecastDriftPassed,
    ForecastModel,
    ForecastModelChosen,
    ModelNotChosen,
    forecast_model_id,
)
from supportix.domain.forecast_words import Confidence, Horizon
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.messages import ToScore, ToTellDrift
from supportix.forecasting.process import LEASE
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases

NINE = START
HOUR = timedelta(hours=1)
AT = NINE + timedelta(seconds=3)
BILLING, SALES = UUID(int=0xB), UUID(int=0x5A)
WORSE = Drift(found=True, hours=24, pinball=3.0, expected=1.0, reason="thrice")
FINE = Drift(found=False, hours=24, pinball=1.0, expected=1.0)


def keeping_of(core: Core, fence: Any = None) -> Keeping:
    return Keeping(core.desk, lambda: AT, fence)


async def facts(core: Core) -> list[Fact]:
    return [entry.fact for entry in await core.desk.reading.after(0, 1_000)]


async def test_a_forecast_is_issued_with_all_that_was_reckoned(core: Core):
    message = to_issue(BILLING, hours(NINE, 5, 6), Horizon.FORTNIGHT, carry=0.25)
    assert (await keeping_of(core).save(message, based_on=17)).recorded
    (fact,) = await facts(core)
    assert fact == ForecastIssued(
        occurred_at=AT,
        department_id=BILLING,
        horizon=Horizon.FORTNIGHT,
        steps=message.steps,
        model="hour of the week",
        confidence=Confidence.NORMAL,
        based_on=17,
        reason="it was best",
        carry=0.25,
    )
    assert (await core.desk.load(ForecastDay, forecast_day_id(BILLING, NINE.date()))).department_id == BILLING


async def test_what_is_saved_twice_is_recorded_once(core: Core):
    keeping = keeping_of(core)
    await keeping.save(to_choose(BILLING), based_on=7)
    messages = [
        to_issue(BILLING, hours(NINE, 5, 6)),
        to_issue(None, hours(NINE, 5, 6)),
        ToScore(department_id=BILLING, day=NINE.date(), scores=(score(NINE, 5, 6), score(NINE + HOUR, 5, 6))),
        to_choose(BILLING),
        ToTellDrift(department_id=BILLING, drift=WORSE),
    ]
    for message in messages:
        await keeping.save(message, based_on=8)
    recorded = await facts(core)
    assert len(recorded) == 1 + len(messages)
    for message in messages:
        await keeping.save(message, based_on=8)
    assert await facts(core) == recorded


async def test_what_was_issued_stays_as_it_is_though_it_is_reckoned_otherwise(core: Core):
    keeping = keeping_of(core)
    first = to_issue(BILLING, hours(NINE, 5, 6))
    assert (await keeping.save(first, based_on=7)).recorded
    await asyncio.gather(*[keeping.save(to_issue(BILLING, hours(NINE, n, n)), based_on=n) for n in range(9, 14)])
    (fact,) = await facts(core)
    assert fact.steps == first.steps


async def test_hours_that_come_late_are_scored_beside_those_that_were(core: Core):
    keeping = keeping_of(core)
    ten, nine, again = score(NINE + HOUR, 5, 6), score(NINE, 5, 6), score(NINE + HOUR, 5, 99)
    assert (await keeping.save(ToScore(department_id=None, day=NINE.date(), scores=(ten,)), based_on=7)).recorded
    assert (await keeping.save(ToScore(department_id=None, day=NINE.date(), scores=(nine, again)), based_on=8)).recorded
    repeat = ToScore(department_id=None, day=NINE.date(), scores=(again, nine))
    assert not (await keeping.save(repeat, based_on=9)).recorded
    assert [fact.scores for fact in await facts(core) if isinstance(fact, ForecastScored)] == [(ten,), (nine,)]


async def test_a_model_is_chosen_again_where_more_was_known(core: Core):
    keeping = keeping_of(core)
    for based_on, name in ((7, "poisson"), (7, "boosting"), (8, "boosting")):
        await keeping.save(to_choose(BILLING, name), based_on=based_on)
    chosen = [fact.model for fact in await facts(core) if isinstance(fact, ForecastModelChosen)]
    assert chosen == ["poisson", "boosting"], "a repeat is told by what it was based on"


async def test_drift_comes_and_goes_and_each_is_told_once(core: Core):
    keeping = keeping_of(core)
    await keeping.save(to_choose(None), based_on=7)
    told = [
        (await keeping.save(ToTellDrift(department_id=None, drift=drift), based_on=8)).recorded
        for drift in (FINE, WORSE, WORSE, FINE, FINE, WORSE)
    ]
    assert told == [False, True, False, True, False, True]
    kinds = [type(fact) for fact in await facts(core)][1:]
    assert kinds == [ForecastDriftFound, ForecastDriftPassed, ForecastDriftFound]


async def test_no_drift_is_told_of_a_series_that_has_no_model(core: Core):
    with pytest.raises(ModelNotChosen):
        await keeping_of(core).save(ToTellDrift(department_id=BILLING, drift=WORSE), based_on=7)
    assert await facts(core) == []
    with pytest.raises(NotFound):
        await core.desk.load(ForecastModel, forecast_model_id(BILLING))


async def test_an_hour_is_updated_once_for_each_count_at_each_second(core: Core):
    keeping = keeping_of(core)
    await keeping.save(to_issue(BILLING, hours(NINE, 5, 6)), based_on=7)
    for arrived, elapsed in ((8, 600), (8, 600), (9, 600), (9, 660)):
        await keeping.update(BILLING, hours(NINE, arrived, 6), arrived=arrived, elapsed_seconds=elapsed)
    updates = [fact for fact in await facts(core) if isinstance(fact, ForecastUpdated)]
    assert [(fact.arrived, fact.elapsed_seconds) for fact in updates] == [(8, 600), (9, 600), (9, 660)]
    assert updates[0] == ForecastUpdated(
        occurred_at=AT, department_id=BILLING, steps=hours(NINE, 8, 6), arrived=8, elapsed_seconds=600
    )


async def test_only_an_hour_that_was_issued_is_updated(core: Core):
    keeping = keeping_of(core)
    await keeping.save(to_issue(BILLING, hours(NINE, 5, 6)), based_on=7)
    for department_id, begin in ((SALES, NINE), (BILLING, NINE + HOUR)):
        with pytest.raises(ForecastNotIssued):
            await keeping.update(department_id, hours(begin, 5, 6), arrived=8, elapsed_seconds=600)
    assert len(await facts(core)) == 1


async def test_many_departments_are_saved_at_the_same_time(core: Core):
    keeping = keeping_of(core)
    departments = [*(UUID(int=number) for number in range(1, 41)), None]
    messages = [
        to_issue(department_id, hours(NINE, 5, 6), horizon) for department_id in departments for horizon in Horizon
    ]
    messages += [to_choose(department_id) for department_id in departments]
    messages += [ToScore(department_id=each, day=NINE.date(), scores=(score(NINE, 5, 6),)) for each in departments]
    kept = await asyncio.gather(*(keeping.save(message, based_on=7) for message in messages))
    assert all(each.recorded for each in kept)
    recorded = await facts(core)
    assert len(recorded) == len(messages)
    for kind, count in ((ForecastIssued, 2), (ForecastModelChosen, 1), (ForecastScored, 1)):
        whose = [fact.department_id for fact in recorded if isinstance(fact, kind)]
        assert sorted(map(str, whose)) == sorted(map(str, departments * count))


async def test_two_who_both_think_that_they_forecast_record_it_once(core: Core):
    both = keeping_of(core), keeping_of(core)
    message = to_issue(BILLING, hours(NINE, 5, 6))
    await asyncio.gather(*(keeping.save(message, based_on=7) for keeping in both for _ in range(5)))
    assert len(await facts(core)) == 1


async def test_who_lost_the_lease_saves_nothing_more(core: Core):
    leases = Leases(core.pool, "former")
    former = await leases.acquire(LEASE)
    keeping = keeping_of(core, former)
    assert (await keeping.save(to_issue(BILLING, hours(NINE, 5, 6)), based_on=7)).recorded
    await leases.release(former)
    present = await Leases(core.pool, "present").acquire(LEASE)
    messages = [
        to_issue(SALES, hours(NINE, 5, 6)),
        ToScore(department_id=BILLING, day=NINE.date(), scores=(score(NINE, 5, 6),)),
        to_choose(BILLING),
    ]
    for message in messages:
        with pytest.raises(LeaseLost):
            await keeping.save(message, based_on=7)
    with pytest.raises(LeaseLost):
        await keeping.update(BILLING, hours(NINE, 8, 6), arrived=8, elapsed_seconds=600)
    assert len(await facts(core)) == 1
    for message in messages:
        assert (await keeping_of(core, present).save(message, based_on=7)).recorded


async def test_what_a_message_says_survives_the_way_to_the_one_who_saves_it(core: Core):
    message = to_issue(None, hours(NINE, *range(24)))
    sent = msgspec.json.decode(msgspec.json.encode(message), type=type(message))
    assert sent == message
    await keeping_of(core).save(sent, based_on=7)
    await keeping_of(core).save(message, based_on=7)
    assert len(await facts(core)) == 1
