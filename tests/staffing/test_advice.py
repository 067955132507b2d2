"""What supervisors are advised, in which words, and what came of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from supportix.domain.ids import DepartmentId
from supportix.staffing.advice import Advice, AdviceKind, advise
from supportix.staffing.outcome import OutcomeInvalid, judge
from supportix.staffing.plan import Department, Plan, Spare, plan, spare
from supportix.staffing.wording import duration, percent, span
from supportix.staffing.work import Arrivals, ArrivalsInvalid, Kind, StaffInvalid, Target, Work

HOUR = 3600.0
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
BILLING, SALES, TECHNICAL = (DepartmentId(UUID(int=number)) for number in (1, 2, 3))
TICKETS = Department(
    department_id=BILLING,
    name="Billing",
    time_zone="Europe/Berlin",
    work=Work(handle_seconds=600),
    target=Target(within_seconds=HOUR),
    compatible_ids=(SALES,),
)
CALLS = msgspec.structs.replace(TICKETS, kind=Kind.CALLS, target=Target(within_seconds=60))
BUSY_AT_NOON = [20.0] * 12 + [60.0] * 3 + [20.0] * 9


def hourly(means: list[float], *, begin: datetime = MONDAY) -> Arrivals:
    bands = {"0.1": tuple(mean * 0.8 for mean in means), "0.9": tuple(mean * 1.3 for mean in means)}
    return Arrivals(begin=begin, step_seconds=HOUR, mean=tuple(means), quantiles=bands)


def sales(*agents: int) -> Spare:
    return Spare(department_id=SALES, name="Sales", begin=MONDAY, step_seconds=HOUR, agents=agents)


def planned(department: Department, present: list[float], means: list[float] = BUSY_AT_NOON) -> Plan:
    return plan(department, hourly(means), present)


def test_callers_who_would_wait_are_told_of_with_who_is_missing_when():
    [advice] = advise(planned(CALLS, [9.0] * 24))
    assert (advice.kind, advice.agents, advice.with_department_id) == (AdviceKind.MORE_AGENTS, 11, None)
    assert (advice.begin, advice.end) == (MONDAY + timedelta(hours=12), MONDAY + timedelta(hours=15))
    assert advice.share_without < 0.01
    assert advice.share_with > 0.8
    assert advice.sentence == (
        "11 more agents on Monday 2 March from 13:00 to 16:00 keep 80 % under 60 s: "
        "0 % expected as planned, 88 % with 11 more."
    )


def test_the_evidence_tells_what_the_advice_is_based_on():
    [advice] = advise(planned(CALLS, [9.0] * 24))
    evidence = advice.evidence
    assert evidence.arrivals == (60.0,) * 3
    assert evidence.arrivals_low == (48.0,) * 3
    assert evidence.arrivals_high == (78.0,) * 3
    assert evidence.required == (20,) * 3
    assert evidence.required_at_work == (14,) * 3
    assert evidence.on_shift == (9.0,) * 3
    assert evidence.occupancy == 1
    assert evidence.square_root[0] == pytest.approx(13, abs=1)
    assert evidence.staffed_for is None
    assert msgspec.json.decode(msgspec.json.encode(advice), type=Advice) == advice


def test_a_compatible_department_with_enough_to_spare_is_offered_beside():
    present = planned(CALLS, [9.0] * 24)
    [advice] = advise(present, [sales(*[13] * 24)])
    assert (advice.kind, advice.with_department_id, advice.evidence.spare) == (AdviceKind.MERGE, SALES, 13)
    assert advice.sentence.startswith(
        "11 more agents on Monday 2 March from 13:00 to 16:00, or a merge with Sales, which has 13 to spare, keep 80 %"
    )


def test_one_that_has_some_of_them_is_told_to_have_some():
    [advice] = advise(planned(CALLS, [9.0] * 24), [sales(*[13] * 14, 4, *[13] * 9)])
    assert (advice.kind, advice.with_department_id, advice.evidence.spare) == (AdviceKind.MORE_AGENTS, SALES, 4)
    assert "16:00, 4 of them by a merge with Sales, keep" in advice.sentence


@pytest.mark.parametrize(
    "helper",
    [
        msgspec.structs.replace(sales(*[13] * 24), department_id=TECHNICAL),
        sales(*[13] * 13, 0, *[13] * 10),
        sales(*[13] * 14),
        msgspec.structs.replace(sales(*[13] * 24), begin=MONDAY + timedelta(hours=13)),
    ],
    ids=["not compatible", "needed meanwhile", "not known for long enough", "known only later"],
)
def test_one_that_cannot_help_is_not_named(helper: Spare):
    [advice] = advise(planned(CALLS, [9.0] * 24), [helper])
    assert (advice.kind, advice.with_department_id) == (AdviceKind.MORE_AGENTS, None)


def test_spare_is_what_a_plan_leaves_over():
    left = spare(planned(CALLS, [9.0] * 12 + [25.5] * 12))
    assert left.agents == (0,) * 12 + (5,) * 3 + (16,) * 9


def test_tickets_that_would_wait_too_long_are_told_of():
    [advice] = advise(planned(TICKETS, [8.0] * 24))
    assert advice.share_without < 0.8 <= advice.share_with
    assert advice.begin == MONDAY + timedelta(hours=12)
    assert advice.sentence == (
        "4 more agents on Monday 2 March from 13:00 to 17:00 keep 80 % under 1 h: "
        "41 % expected as planned, 90 % with 4 more."
    )


def test_a_plan_tells_what_no_number_of_agents_could_reach():
    opening = [8 <= hour < 16 for hour in range(24)]
    closed_at_night = plan(TICKETS, hourly([10.0] * 24), [8.0 * each for each in opening], opening=opening)
    assert closed_at_night.reachable == pytest.approx(9 / 24, abs=0.05), "those of eight hours, and the hour before"
    assert planned(TICKETS, [8.0] * 24).reachable > 0.99


def test_tickets_that_can_wait_without_missing_the_target_ask_for_nobody():
    patient = msgspec.structs.replace(TICKETS, target=Target(within_seconds=12 * HOUR))
    assert [each for each in advise(planned(patient, [8.0] * 24)) if each.kind is not AdviceKind.FEWER_AGENTS] == []


def test_too_many_are_told_where_the_target_is_met_without_them():
    [advice] = advise(planned(CALLS, [12.0] * 24, [20.0] * 24))
    assert (advice.kind, advice.agents) == (AdviceKind.FEWER_AGENTS, 3)
    assert advice.share_without > advice.share_with >= 0.8
    assert advice.sentence == (
        "3 fewer agents from Monday 2 March 01:00 to Tuesday 3 March 01:00 keep 80 % under 60 s: "
        "99 % expected as planned, 91 % with 3 fewer."
    )


def test_agents_who_would_be_too_busy_are_told_of_though_nobody_waits_long():
    easy = msgspec.structs.replace(CALLS, target=Target(share=0.5, within_seconds=1_800))
    [advice] = advise(planned(easy, [16.0] * 24, [60.0] * 24))
    assert advice.share_without > 0.5
    assert advice.evidence.occupancy == pytest.approx(10 / (16 * 0.7), abs=0.01)
    assert advice.sentence.endswith("keep agents busy for no more than 85 % of their time: 89 % as planned.")


def test_what_an_earlier_advice_prevents_is_told_no_more():
    """Without the four at noon, tickets left over would make later ones late, for which the plan has one more too."""
    short_later = planned(TICKETS, [8.0] * 24)
    assert short_later.needs[16].scheduled > 8
    assert len(advise(short_later)) == 1


def test_as_many_as_are_needed_is_worth_no_word():
    needs = [need.scheduled for need in planned(CALLS, [0.0] * 24).needs]
    assert advise(planned(CALLS, [float(each) for each in needs])) == ()


@pytest.mark.parametrize(
    ("begin", "hours", "zone", "words"),
    [
        (datetime(2026, 3, 3, 14, tzinfo=UTC), 2, "UTC", "on Tuesday 3 March from 14:00 to 16:00"),
        (datetime(2026, 3, 3, 14, tzinfo=UTC), 2, "America/New_York", "on Tuesday 3 March from 09:00 to 11:00"),
        (datetime(2026, 3, 3, 22, tzinfo=UTC), 2, "UTC", "on Tuesday 3 March from 22:00 to 24:00"),
        (datetime(2026, 3, 3, 22, tzinfo=UTC), 4, "UTC", "from Tuesday 3 March 22:00 to Wednesday 4 March 02:00"),
        (datetime(2026, 3, 3, 14, tzinfo=UTC), 1, "Asia/Kolkata", "on Tuesday 3 March from 19:30 to 20:30"),
        (
            datetime(2026, 10, 25, tzinfo=UTC),
            2,
            "Europe/Lisbon",
            "on Sunday 25 October from 01:00 (UTC+1) to 02:00 (UTC+0)",
        ),
        (
            datetime(2026, 3, 8, 6, tzinfo=UTC),
            2,
            "America/New_York",
            "on Sunday 8 March from 01:00 (UTC-5) to 04:00 (UTC-4)",
        ),
    ],
)
def test_spans_are_told_by_the_departments_clock(begin: datetime, hours: int, zone: str, words: str):
    assert span(begin, begin + timedelta(hours=hours), zone) == words


def test_durations_and_shares_in_words():
    told = [duration(each) for each in (20, 90, 120, 1_800, 3_600, 5_400, 129_600, 7.5)]
    assert told == ["20 s", "90 s", "2 min", "30 min", "1 h", "1 h 30 min", "36 h", "7.5 s"]
    assert [percent(each) for each in (0, 0.001, 0.794, 0.999, 1)] == ["0 %", "under 1 %", "79 %", "over 99 %", "100 %"]


def more() -> Advice:
    [advice] = advise(planned(CALLS, [9.0] * 24), [sales(*[13] * 24)])
    return advice


def fewer() -> Advice:
    [advice] = advise(planned(CALLS, [12.0] * 24, [20.0] * 24))
    return advice


@pytest.mark.parametrize(
    ("came", "present", "merged", "followed", "needed"),
    [
        (60.0, 20.0, False, True, True),
        (60.0, 9.0, False, False, True),
        (20.0, 20.0, False, True, False),
        (20.0, 9.0, False, False, False),
        (60.0, 9.0, True, True, True),
        (60.0, 15.0, False, True, True),
        (60.0, 12.0, False, False, True),
    ],
)
def test_more_agents_were_needed_where_those_planned_would_have_missed_the_target(
    came: float, present: float, merged: bool, followed: bool, needed: bool
):
    told = judge(
        more(), arrivals=[came] * 3, on_shift=[present] * 3, came=int(came * 3), in_time=int(came), merged=merged
    )
    assert (told.followed, told.needed) == (followed, needed)
    assert (told.arrivals_expected, told.arrivals) == (180, came * 3)
    assert told.arrivals_within_band is (came == 60)
    assert (told.agents_planned, told.agents_advised, told.agents) == (9, 20, present)
    assert told.share == pytest.approx(1 / 3)
    assert told.share_with > told.share_without


@pytest.mark.parametrize(
    ("came", "present", "followed", "needed"),
    [(20.0, 9.0, True, True), (20.0, 12.0, False, True), (35.0, 9.0, True, False), (35.0, 13.0, False, False)],
)
def test_fewer_agents_were_needed_where_the_target_would_have_been_met_without_them(
    came: float, present: float, followed: bool, needed: bool
):
    told = judge(fewer(), arrivals=[came] * 24, on_shift=[present] * 24, came=int(came * 24), in_time=0)
    assert (told.followed, told.needed) == (followed, needed)


def test_what_came_of_it_is_told_in_words():
    told = judge(more(), arrivals=[50.0, 55.0, 60.0], on_shift=[20.0] * 3, came=165, in_time=150)
    assert told.sentence == "Followed, needed: 165 came, 180 were expected; 91 % in time."
    idle = judge(more(), arrivals=[0.0] * 3, on_shift=[9.0] * 3, came=0, in_time=0)
    assert idle.sentence == "Not followed, not needed: 0 came, 180 were expected."
    assert idle.share is None


def test_an_advice_about_tickets_is_judged_by_what_waited_and_came():
    [advice] = advise(planned(TICKETS, [8.0] * 24))
    length = len(advice.evidence.on_shift)
    calm, busy, behind = (
        judge(advice, arrivals=[came] * length, on_shift=[8.0] * length, came=10, in_time=9, waiting=waiting)
        for came, waiting in ((15.0, 0), (60.0, 0), (15.0, 150))
    )
    assert (calm.needed, busy.needed, behind.needed) == (False, True, True)


@pytest.mark.parametrize(
    ("refusal", "refused"),
    [
        (StaffInvalid, lambda: planned(CALLS, [9.0] * 23)),
        (StaffInvalid, lambda: planned(msgspec.structs.replace(CALLS, time_zone="Mars/Olympus"), [9.0] * 24)),
        (OutcomeInvalid, lambda: judge(more(), arrivals=[1.0], on_shift=[9.0] * 3, came=1, in_time=1)),
        (OutcomeInvalid, lambda: judge(more(), arrivals=[1.0] * 3, on_shift=[9.0] * 3, came=1, in_time=2)),
        (StaffInvalid, lambda: judge(more(), arrivals=[1.0] * 3, on_shift=[9.0], came=1, in_time=1)),
        (ArrivalsInvalid, lambda: judge(more(), arrivals=[-1.0] * 3, on_shift=[9.0] * 3, came=1, in_time=1)),
    ],
)
def test_nonsense_is_refused(refusal, refused):
    with pytest.raises(refusal, match="expected"):
        refused()
