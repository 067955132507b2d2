"""Advice by the hour's forecasts on a real store: what is given, how newer forecasts change it, and what came of it."""

import asyncio
from datetime import timedelta

import pytest
from tests.scene import SUPERVISOR
from tests.staffed import BUSY_AT_TWO, HOUR, NINE_TO_FIVE, USUAL, StaffedDesk, at, ticket_terms

from supportix.commands.actors import Actor
from supportix.domain.advice_words import AdviceKind, AdviceState
from supportix.domain.errors import Forbidden, NotFound
from supportix.domain.ids import DepartmentId
from supportix.domain.merge_settings import MergeMode
from supportix.domain.schedule import ALWAYS, Leave, Schedule, Shift
from supportix.domain.staffing_advice import AdviceDecided
from supportix.domain.staffing_terms import WorkKind
from supportix.forecasting.advising import Advising, advise_all
from supportix.identity.roles import Role
from supportix.store.committer import Command
from supportix.store.errors import LeaseLost, StaleVersion
from supportix.store.leases import Leases

BUSIER = (24, 24, 24, 24, 24, 90, 90, 24)


@pytest.fixture
def desk(core) -> StaffedDesk:
    return StaffedDesk(core)


async def billing_with(desk: StaffedDesk, agents: int = 8) -> DepartmentId:
    """A department of eight agents, to which at two far more come than before."""
    billing = await desk.department("Billing", terms=ticket_terms())
    await desk.agents(agents, billing)
    await desk.forecast(billing, at(9), BUSY_AT_TWO)
    return billing


async def test_a_peak_that_the_shifts_can_not_take_is_advised_on_with_its_evidence(desk: StaffedDesk):
    billing = await billing_with(desk)
    assert await desk.advise(at(9)) == Advising(departments=1, given=1)
    (advice,) = await desk.advice(billing)
    assert (advice.kind, advice.state, advice.with_department_id) == (AdviceKind.MORE_AGENTS, AdviceState.GIVEN, None)
    assert (advice.begins_at, advice.ends_at) == (at(13), at(17))
    assert advice.share_without < 0.8 <= advice.share_with
    assert advice.sentence.startswith(f"{advice.agents} more agents on Monday 2 March from 13:00 to 17:00 keep 80 %")
    evidence = advice.evidence
    assert evidence.arrivals == (24, 60, 60, 24)
    assert (evidence.arrivals_low[1], evidence.arrivals_high[1]) == (41, 80)
    assert evidence.on_shift == (8,) * 4
    assert {need - 8 for need in evidence.required} == {advice.agents}
    assert (evidence.handle_seconds, evidence.handle_times_seen) == (600, None)
    assert (evidence.forecast_from, evidence.forecast_model) == (at(9), "hour of the week")
    assert advice.given_at == desk.now


async def test_the_same_hour_gives_nothing_twice(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    head = await desk.core.desk.reading.head()
    assert await desk.advise(at(9)) == Advising(departments=1)
    both = (advise_all(desk.core.desk, None, lambda: desk.now, at(9)) for _ in range(2))
    assert await asyncio.gather(*both) == [Advising(departments=1)] * 2
    assert await desk.core.desk.reading.head() == head
    assert len(await desk.advice(billing)) == 1


async def test_two_who_both_think_that_they_advise_give_it_once(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.project()
    both = (advise_all(desk.core.desk, None, lambda: desk.now, at(9)) for _ in range(2))
    assert sorted(each.given for each in await asyncio.gather(*both)) == [0, 1]
    await desk.project()
    assert len(await desk.advice(billing)) == 1


async def test_who_lost_the_lease_advises_nothing(desk: StaffedDesk):
    billing = await billing_with(desk)
    leases = Leases(desk.core.pool, "former")
    former = await leases.acquire("forecasting")
    await leases.release(former)
    await Leases(desk.core.pool, "present").acquire("forecasting")
    await desk.project()
    with pytest.raises(LeaseLost):
        await advise_all(desk.core.desk, former, lambda: desk.now, at(9))
    await desk.project()
    assert await desk.advice(billing) == []


async def test_a_newer_forecast_changes_what_is_advised(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    await desk.forecast(billing, at(10), BUSIER)
    assert await desk.advise(at(10)) == Advising(departments=1, changed=1)
    (advice,) = await desk.advice(billing)
    assert advice.evidence.arrivals == (24, 90, 90, 24)
    assert (advice.given_at, advice.changed_at) == (at(9) + timedelta(seconds=5), desk.now)
    assert {need - 8 for need in advice.evidence.required} == {advice.agents}


async def test_a_newer_forecast_that_says_about_the_same_changes_nothing(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    await desk.forecast(billing, at(10), [24, 24, 24, 24, 24, 60.5, 60, 24])
    assert await desk.advise(at(10)) == Advising(departments=1)
    assert [each.version for each in await desk.advice(billing)] == [1]


async def test_a_newer_forecast_withdraws_what_it_no_longer_asks_for(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    await desk.forecast(billing, at(10), USUAL)
    assert await desk.advise(at(10)) == Advising(departments=1, withdrawn=1)
    (advice,) = await desk.advice(billing)
    assert (advice.state, advice.withdrawn_at) == (AdviceState.WITHDRAWN, desk.now)


async def test_once_it_has_begun_it_stays_as_it_was_told(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    for hour, means in ((13, BUSY_AT_TWO), (14, BUSY_AT_TWO), (15, [10] * 8)):
        await desk.forecast(billing, at(hour), means)
        await desk.advise(at(hour))
    (first,) = [each for each in await desk.advice(billing) if each.begins_at == at(13)]
    assert (first.state, first.version, first.ends_at) == (AdviceState.GIVEN, 1, at(17))


async def test_shifts_end_at_the_same_time_whenever_a_plan_is_made(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    for hour in (10, 11, 12):
        await desk.forecast(billing, at(hour), BUSY_AT_TWO)
        await desk.advise(at(hour))
    assert [(each.begins_at, each.ends_at) for each in await desk.advice(billing)] == [(at(13), at(17))]


async def test_what_was_accepted_is_upheld_and_asked_for_no_more(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    (advice,) = await desk.advice(billing)
    await desk.decisions.accept(advice.advice_id, "the late shift", SUPERVISOR, Command(), 1, at=desk.now)
    for hour, means in ((10, BUSY_AT_TWO), (11, USUAL)):
        await desk.forecast(billing, at(hour), means)
        await desk.advise(at(hour))
    (advice,) = await desk.advice(billing)
    assert (advice.state, advice.version) == (AdviceState.ACCEPTED, 2)


async def test_where_more_is_needed_than_was_accepted_that_is_told_beside(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    (first,) = await desk.advice(billing)
    await desk.decisions.accept(first.advice_id, "", SUPERVISOR, Command(), None, at=desk.now)
    await desk.agents(first.agents, billing)
    await desk.forecast(billing, at(10), [24, 24, 24, 24, 24, 120, 120, 24])
    await desk.advise(at(10))
    more = [each for each in await desk.advice(billing) if each.state is AdviceState.GIVEN and each.begins_at == at(13)]
    assert [each.evidence.on_shift[0] for each in more] == [8 + first.agents]


async def test_what_was_dismissed_is_not_told_again(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    (advice,) = await desk.advice(billing)
    await desk.decisions.dismiss(advice.advice_id, "training", SUPERVISOR, Command(), None, at=desk.now)
    await desk.forecast(billing, at(10), BUSY_AT_TWO)
    assert await desk.advise(at(10)) == Advising(departments=1)
    assert [each.state for each in await desk.advice(billing)] == [AdviceState.DISMISSED]


async def test_a_compatible_department_with_agents_to_spare_is_offered(desk: StaffedDesk):
    billing = await billing_with(desk)
    sales = await desk.department("Sales", terms=ticket_terms())
    await desk.agents(20, sales)
    await desk.forecast(sales, at(9), [5] * 8)
    await desk.may_help(billing, sales)
    await desk.advise(at(9))
    (advice,) = await desk.advice(billing)
    assert (advice.kind, advice.with_department_id) == (AdviceKind.MERGE, sales)
    assert "or a merge with Sales" in advice.sentence
    fewer = await desk.advice(sales)
    assert {each.kind for each in fewer} == {AdviceKind.FEWER_AGENTS}


async def test_one_that_takes_no_part_in_merges_is_offered_none(desk: StaffedDesk):
    billing = await billing_with(desk)
    sales = await desk.department("Sales", terms=ticket_terms())
    await desk.agents(20, sales)
    await desk.forecast(sales, at(9), [5] * 8)
    await desk.may_help(billing, sales, mode=MergeMode.OFF)
    await desk.advise(at(9))
    assert [each.kind for each in await desk.advice(billing)] == [AdviceKind.MORE_AGENTS]


async def test_nobody_is_told_to_stay_at_home_whose_hours_nobody_knows(desk: StaffedDesk):
    sales = await desk.department("Sales", terms=ticket_terms())
    await desk.agents(20, sales, schedule=ALWAYS)
    await desk.forecast(sales, at(9), [5] * 8)
    await desk.advise(at(9))
    assert await desk.advice(sales) == []
    await desk.agents(1, sales)
    await desk.advise(at(9))
    assert {each.kind for each in await desk.advice(sales)} == {AdviceKind.FEWER_AGENTS}


async def test_who_serves_two_departments_counts_for_half_in_each(desk: StaffedDesk):
    sales = await desk.department("Sales")
    billing = await desk.department("Billing", terms=ticket_terms())
    leave = Schedule(shifts=NINE_TO_FIVE.shifts, leave=(Leave(at(15), at(17)),))
    await desk.agents(2, billing)
    await desk.agents(3, billing, sales)
    await desk.agents(1, billing, schedule=leave)
    await desk.agents(1, billing, schedule=Schedule(shifts=(Shift(0, 840, 960),)))
    await desk.forecast(billing, at(9), BUSY_AT_TWO)
    await desk.advise(at(9))
    there = {}
    for each in await desk.advice(billing):
        hours = range(len(each.evidence.on_shift))
        there |= {each.begins_at + number * HOUR: each.evidence.on_shift[number] for number in hours}
    assert [there[at(hour)] for hour in (13, 14, 15, 16)] == [4.5, 5.5, 4.5, 3.5]


async def test_a_handle_time_that_no_terms_tell_is_the_measured_one(desk: StaffedDesk):
    billing = await desk.department("Billing", terms=ticket_terms(handle_seconds=None))
    await desk.agents(4, billing)
    await desk.forecast(billing, at(9), BUSY_AT_TWO)
    await desk.advise(at(9))
    first, *_ = await desk.advice(billing)
    assert (first.evidence.handle_seconds, first.evidence.handle_times_seen) == (1_800, 0)


async def test_without_terms_or_a_forecast_of_the_hour_nothing_is_advised(desk: StaffedDesk):
    await desk.department("Sales", terms=ticket_terms())
    late, plain = await desk.department("Late", terms=ticket_terms()), await desk.department("Plain")
    await desk.forecast(plain, at(9), BUSY_AT_TWO)
    await desk.forecast(late, at(8), BUSY_AT_TWO)
    await desk.forecast(None, at(9), BUSY_AT_TWO)
    assert await desk.advise(at(9)) == Advising()
    assert await desk.advice() == []


async def test_chats_are_staffed_with_several_at_a_time(desk: StaffedDesk):
    for concurrency in (1, 3):
        terms = ticket_terms(kind=WorkKind.CHATS, target_seconds=60.0, concurrency=concurrency)
        chats = await desk.department(f"Chats {concurrency}", terms=terms)
        await desk.agents(2, chats)
        await desk.forecast(chats, at(9), [30] * 8)
    await desk.advise(at(9))
    told = sorted((each.evidence for each in await desk.advice()), key=lambda each: each.concurrency)
    one, three = told[0], told[-1]
    assert one.work_kind is three.work_kind is WorkKind.CHATS
    assert one.required[0] > three.required[0]


async def test_a_closed_department_needs_nobody(desk: StaffedDesk):
    billing = await desk.department("Billing", terms=ticket_terms())
    await desk.forecast(billing, at(18), [0.0] * 8)
    assert await desk.advise(at(18)) == Advising(departments=1)


async def a_day_goes_by(desk: StaffedDesk, department: DepartmentId, agent_id, *, arrivals: int) -> None:
    """As many tickets as that come at two; every other one is given out at once, the others at four."""
    for number in range(arrivals):
        opened_at = at(14, number % 60)
        ticket_id = await desk.ticket(department, opened_at)
        await desk.give_out(ticket_id, agent_id, opened_at if number % 2 else at(16))


async def test_what_came_of_it_is_told_once_its_tickets_have_had_their_time(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    (agent_id,) = await desk.agents(1, billing)
    await a_day_goes_by(desk, billing, agent_id, arrivals=10)
    assert (await desk.advise(at(17))).scored == 0, "who came at five to five isn't late before five to six"
    assert (await desk.advise(at(18))).scored == 1
    (advice,) = await desk.advice(billing)
    score = advice.score
    assert score is not None
    assert (score.came, score.in_time, score.arrivals, score.arrivals_expected) == (10, 5, 10, 168)
    assert (score.needed, score.followed, score.merged, score.arrivals_within_band) == (False, False, False, False)
    assert (score.agents_planned, score.agents) == (8, 9)
    assert score.sentence == "Not followed, not needed: 10 came, 168 were expected; 50 % in time."
    assert (advice.state, advice.scored_at) == (AdviceState.GIVEN, desk.now)
    assert (await desk.advise(at(19))).scored == 0


async def test_agents_who_came_make_it_followed_and_tickets_that_were_given_again_keep_their_first_time(
    desk: StaffedDesk,
):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    (advice,) = await desk.advice(billing)
    one, other, *_ = await desk.agents(advice.agents, billing)
    ticket_id = await desk.ticket(billing, at(14))
    await desk.give_out(ticket_id, one, at(14, 30))
    await desk.reassign(ticket_id, other, at(16))
    await desk.advise(at(18))
    (advice,) = await desk.advice(billing)
    assert advice.score is not None
    assert (advice.score.followed, advice.score.came, advice.score.in_time) == (True, 1, 1)


async def test_what_people_may_not_decide(desk: StaffedDesk):
    billing = await billing_with(desk)
    await desk.advise(at(9))
    (advice,) = await desk.advice(billing)
    decide = desk.decisions.accept
    agent = Actor(billing, Role.AGENT)
    with pytest.raises(Forbidden):
        await decide(advice.advice_id, "", agent, Command(), None, at=desk.now)
    with pytest.raises(StaleVersion):
        await decide(advice.advice_id, "", SUPERVISOR, Command(), 2, at=desk.now)
    with pytest.raises(NotFound, match="no advice has the id"):
        await decide(billing, "", SUPERVISOR, Command(), None, at=desk.now)
    await decide(advice.advice_id, "", SUPERVISOR, Command(), None, at=desk.now)
    with pytest.raises(AdviceDecided):
        await desk.decisions.dismiss(advice.advice_id, "", SUPERVISOR, Command(), None, at=desk.now)
