"""What an agent takes on: as many points as are free, only with the skills asked for, only on duty, or by force."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.given import STREAM, but, given

from supportix.domain.agent import (
    BEST_LEVEL,
    MOST_SKILLS,
    Agent,
    AgentAtCapacity,
    AgentAvailabilityChanged,
    AgentCapacityChanged,
    AgentDutyChanged,
    AgentLacksSkill,
    AgentRegistered,
    AgentScheduleChanged,
    AgentSkillsChanged,
    AgentUnavailable,
    Availability,
    NotInDepartment,
    SkillsInvalid,
    WorkForced,
    WorkReleased,
    WorkReserved,
)
from supportix.domain.demand import ANYBODY, Requirement
from supportix.domain.ids import DepartmentId, TicketId
from supportix.domain.schedule import ALWAYS, Leave, Schedule, ScheduleInvalid, Shift

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = AT + timedelta(hours=1)
BILLING = DepartmentId(UUID("00000000-0000-7000-8000-0000000000b1"))
NETWORK = DepartmentId(UUID("00000000-0000-7000-8000-0000000000b2"))
FIRST, SECOND = (TicketId(UUID(int=n)) for n in (1, 2))

REGISTERED = AgentRegistered(occurred_at=AT, name="Anna Beck", department_ids=(BILLING,), capacity=5)
ONLINE = AgentAvailabilityChanged(occurred_at=AT, availability=Availability.ONLINE)
SKILLED = AgentSkillsChanged(occurred_at=AT, skills={"español": 2, "vpn": 5})
OFF_DUTY = AgentDutyChanged(occurred_at=AT, on_duty=False)
HEAVY = WorkReserved(occurred_at=AT, ticket_id=FIRST, department_id=BILLING, weight=3)
MORNINGS = Schedule(shifts=(Shift(0, 480, 600),))
"""On duty at AT, no longer so at NOW."""


def reserving(requirement: Requirement, department_id: DepartmentId = BILLING):
    return lambda agent: agent.reserve(SECOND, department_id, at=NOW, requirement=requirement)


def forcing(requirement: Requirement = ANYBODY, department_id: DepartmentId = BILLING):
    return lambda agent: agent.force(SECOND, department_id, at=NOW, requirement=requirement, reason="VIP")


def reserved(weight: int) -> WorkReserved:
    return WorkReserved(occurred_at=NOW, ticket_id=SECOND, department_id=BILLING, weight=weight)


def forced(weight: int) -> WorkForced:
    return WorkForced(occurred_at=NOW, ticket_id=SECOND, department_id=BILLING, weight=weight, reason="VIP")


@pytest.mark.parametrize(
    ("facts", "requirement", "obstacle", "refusal"),
    [
        ((ONLINE,), ANYBODY, None, None),
        ((), ANYBODY, "offline", AgentUnavailable),
        ((but(ONLINE, availability=Availability.AWAY),), ANYBODY, "away", AgentUnavailable),
        ((ONLINE, OFF_DUTY), ANYBODY, "off duty", AgentUnavailable),
        ((OFF_DUTY,), ANYBODY, "offline", AgentUnavailable),
        ((ONLINE,), Requirement(1, ("vpn",)), "lacks a skill", AgentLacksSkill),
        ((ONLINE, SKILLED), Requirement(1, ("vpn",)), None, None),
        ((ONLINE, SKILLED), Requirement(1, ("english", "vpn")), "lacks a skill", AgentLacksSkill),
        ((ONLINE, HEAVY), Requirement(2), None, None),
        ((ONLINE, HEAVY), Requirement(3), "at capacity", AgentAtCapacity),
        ((ONLINE, HEAVY), Requirement(3, ("vpn",)), "lacks a skill", AgentLacksSkill),
        ((ONLINE, AgentCapacityChanged(occurred_at=AT, capacity=0)), ANYBODY, "at capacity", AgentAtCapacity),
    ],
)
def test_what_is_in_the_way_of_a_ticket_is_what_refuses_it(facts, requirement, obstacle, refusal):
    scene = given(REGISTERED, *facts)
    assert scene.aggregate.obstacle(requirement) == obstacle
    decided = scene.when(reserving(requirement))
    if refusal is None:
        decided.then(reserved(requirement.weight))
    else:
        decided.then_refused(refusal)


def test_refusals_say_what_is_missing():
    given(REGISTERED, ONLINE, SKILLED).when(reserving(Requirement(1, ("english", "latin", "vpn")))).then_refused(
        AgentLacksSkill, saying="was expected to have the skills english, latin"
    )
    given(REGISTERED, ONLINE, HEAVY).when(reserving(Requirement(3))).then_refused(
        AgentAtCapacity, saying="holds 3 of at most 5 points, and the ticket weighs 3"
    )
    given(REGISTERED, ONLINE, OFF_DUTY).when(reserving(ANYBODY)).then_refused(AgentUnavailable, saying="is off duty")


def test_work_is_counted_in_points():
    agent = given(REGISTERED, ONLINE, HEAVY, reserved(1)).aggregate
    assert (agent.open_work, agent.free, len(agent.work)) == (4, 1, 2)


def test_a_ticket_gives_back_the_points_that_it_took():
    released = WorkReleased(occurred_at=NOW, ticket_id=FIRST, weight=3)
    given(REGISTERED, ONLINE, HEAVY, reserved(1)).when(lambda agent: agent.release(FIRST, at=NOW)).then(released)
    agent = given(REGISTERED, ONLINE, HEAVY, reserved(1), released).aggregate
    assert (agent.open_work, agent.work, agent.weights) == (1, {str(SECOND): str(BILLING)}, {})


def test_a_ticket_taken_again_weighs_what_it_weighs_then():
    """Its weight may have changed while it waited."""
    released = WorkReleased(occurred_at=AT, ticket_id=FIRST, weight=3)
    again = but(HEAVY, weight=1)
    agent = given(REGISTERED, ONLINE, HEAVY, released, again).aggregate
    assert agent.open_work == 1
    given(REGISTERED, ONLINE, HEAVY, released, again).when(lambda each: each.release(FIRST, at=NOW)).then(
        WorkReleased(occurred_at=NOW, ticket_id=FIRST)
    )


def test_a_capacity_lowered_below_the_work_leaves_nothing_free():
    lowered = AgentCapacityChanged(occurred_at=NOW, capacity=1)
    assert given(REGISTERED, ONLINE, HEAVY, lowered).aggregate.free == 0


def test_work_is_forced_beyond_capacity_and_skills():
    given(REGISTERED, ONLINE, HEAVY).when(forcing(Requirement(4, ("vpn",)))).then(forced(4))
    agent = given(REGISTERED, ONLINE, HEAVY, forced(4)).aggregate
    assert (agent.open_work, agent.free, agent.obstacle(ANYBODY)) == (7, 0, "at capacity")


def test_forced_work_is_released_like_any_other():
    given(REGISTERED, ONLINE, HEAVY, forced(4)).when(lambda agent: agent.release(SECOND, at=NOW)).then(
        WorkReleased(occurred_at=NOW, ticket_id=SECOND, weight=4)
    )


def test_work_is_forced_only_on_those_who_are_there():
    given(REGISTERED).when(forcing()).then_refused(AgentUnavailable)
    given(REGISTERED, ONLINE, OFF_DUTY).when(forcing()).then_refused(AgentUnavailable)
    given(REGISTERED, ONLINE).when(forcing(department_id=NETWORK)).then_refused(NotInDepartment)


def test_work_is_released_off_duty():
    given(REGISTERED, ONLINE, HEAVY, OFF_DUTY).when(lambda agent: agent.release(FIRST, at=NOW)).then(
        WorkReleased(occurred_at=NOW, ticket_id=FIRST, weight=3)
    )


def skills(wanted):
    return lambda agent: agent.change_skills(wanted, at=AT)


def test_skills_are_set_and_replaced_as_a_whole():
    given(REGISTERED).when(skills({"vpn": 5, "español": 2})).then(SKILLED)
    given(REGISTERED, SKILLED).when(skills({"vpn": 4})).then(AgentSkillsChanged(occurred_at=AT, skills={"vpn": 4}))
    given(REGISTERED, SKILLED).when(skills({})).then(AgentSkillsChanged(occurred_at=AT))
    given(REGISTERED, SKILLED).when(skills({"vpn": 5, "español": 2})).then_nothing()


def test_skills_are_stored_in_the_order_of_their_names():
    [event] = skills({"vpn": 5, "español": 2})(given(REGISTERED).aggregate).collect_events()
    assert list(event.fact.skills) == ["español", "vpn"]


@pytest.mark.parametrize("level", [0, BEST_LEVEL + 1])
def test_a_level_out_of_range_is_refused(level):
    given(REGISTERED, SKILLED).when(skills({"vpn": level})).then_refused(
        SkillsInvalid, saying=f"level {level} was given for 'vpn'; 1 to {BEST_LEVEL} was expected"
    )


def test_too_many_skills_are_refused():
    many = {f"skill {number}": 1 for number in range(MOST_SKILLS + 1)}
    given(REGISTERED).when(skills(many)).then_refused(SkillsInvalid, saying=f"at most {MOST_SKILLS} were expected")
    many.popitem()
    given(REGISTERED).when(skills(many)).then(AgentSkillsChanged(occurred_at=AT, skills=many))


@pytest.mark.parametrize(
    ("asked", "proficiency"), [((), 0), (("vpn",), 500), (("español",), 200), (("español", "vpn"), 350)]
)
def test_proficiency_is_the_mean_level_in_hundredths(asked, proficiency):
    assert given(REGISTERED, SKILLED).aggregate.proficiency(Requirement(1, asked)) == proficiency


def test_a_schedule_takes_an_agent_off_duty_at_once_where_it_says_so():
    at_work = AgentScheduleChanged(occurred_at=AT, schedule=MORNINGS)
    given(REGISTERED).when(lambda agent: agent.change_schedule(MORNINGS, at=AT)).then(at_work)
    given(REGISTERED).when(lambda agent: agent.change_schedule(MORNINGS, at=NOW)).then(
        but(at_work, occurred_at=NOW), but(OFF_DUTY, occurred_at=NOW)
    )


def test_a_schedule_puts_an_agent_on_duty_at_once_where_it_says_so():
    at_work = AgentScheduleChanged(occurred_at=AT, schedule=MORNINGS)
    given(REGISTERED, at_work, OFF_DUTY).when(lambda agent: agent.change_schedule(ALWAYS, at=NOW)).then(
        AgentScheduleChanged(occurred_at=NOW, schedule=ALWAYS), AgentDutyChanged(occurred_at=NOW, on_duty=True)
    )


def test_the_same_schedule_is_nothing_new_but_is_kept_to():
    at_work = AgentScheduleChanged(occurred_at=AT, schedule=MORNINGS)
    given(REGISTERED, at_work).when(lambda agent: agent.change_schedule(MORNINGS, at=AT)).then_nothing()
    given(REGISTERED, at_work).when(lambda agent: agent.change_schedule(MORNINGS, at=NOW)).then(
        but(OFF_DUTY, occurred_at=NOW)
    )


def test_an_agent_keeps_to_its_schedule():
    at_work = AgentScheduleChanged(occurred_at=AT, schedule=MORNINGS)

    def keeping(agent):
        return agent.keep_to_schedule(at=NOW)

    given(REGISTERED, at_work).when(keeping).then(but(OFF_DUTY, occurred_at=NOW))
    given(REGISTERED, at_work, OFF_DUTY).when(keeping).then_nothing()
    given(REGISTERED).when(keeping).then_nothing()


def test_an_unsound_schedule_is_refused():
    backwards = Schedule(leave=(Leave(NOW, AT),))
    given(REGISTERED).when(lambda agent: agent.change_schedule(backwards, at=NOW)).then_refused(ScheduleInvalid)


def test_a_copy_has_skills_and_weights_of_its_own():
    agent = given(REGISTERED, ONLINE, SKILLED, HEAVY).aggregate
    twin = agent.copy()
    twin.change_skills({}, at=NOW).release(FIRST, at=NOW)
    assert agent == given(REGISTERED, ONLINE, SKILLED, HEAVY).aggregate
    assert isinstance(twin, Agent)
    assert twin.id == STREAM
