"""An agent: departments, skills, availability, duty, capacity, and the work it holds.

Owns the streams of agents: emits AgentRegistered, AgentAvailabilityChanged, AgentCapacityChanged, AgentSkillsChanged,
AgentScheduleChanged, AgentDutyChanged, AgentJoinedDepartment, AgentLeftDepartment, WorkReserved, WorkForced and
WorkReleased. Capacity is an invariant here: nothing reserves work on an agent except through `reserve`, saved together
with the ticket's own event.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple

from supportix.domain.aggregate import Aggregate, Fact, PersonalText
from supportix.domain.demand import ANYBODY, Requirement
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import AgentId, DepartmentId, MergeId, TicketId
from supportix.domain.schedule import ALWAYS, Schedule

CAPACITY_LIMIT = 10_000
WEIGHT_LIMIT = 100
BEST_LEVEL = 5
MOST_SKILLS = 100


class Availability(StrEnum):
    """Whether an agent takes new work: only `online` does."""

    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


class Lent(NamedTuple):
    """That a pool lets an agent of one department, `by` which it is lent, take the tickets of its partner."""

    by: DepartmentId
    merge_id: MergeId


# Names in TOPIC and the names of fields are the storage format of years of history: never change them. A field may be
# added where it has a default that means what was meant before; anything else is a new version.


class AgentRegistered(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.registered.v1"
    name: PersonalText
    department_ids: tuple[DepartmentId, ...]
    capacity: int

    def apply(self, agent: "Agent") -> None:
        agent.department_ids = self.department_ids
        agent.capacity = self.capacity


class AgentAvailabilityChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.availability_changed.v1"
    availability: Availability
    reason: PersonalText = ""

    def apply(self, agent: "Agent") -> None:
        agent.availability = self.availability
        agent.availability_since = self.occurred_at


class AgentCapacityChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.capacity_changed.v1"
    capacity: int

    def apply(self, agent: "Agent") -> None:
        agent.capacity = self.capacity


class AgentJoinedDepartment(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.joined_department.v1"
    department_id: DepartmentId

    def apply(self, agent: "Agent") -> None:
        agent.department_ids = (*agent.department_ids, self.department_id)


class AgentLeftDepartment(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.left_department.v1"
    department_id: DepartmentId

    def apply(self, agent: "Agent") -> None:
        agent.department_ids = tuple(each for each in agent.department_ids if each != self.department_id)


class WorkReserved(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.work_reserved.v1"
    ticket_id: TicketId
    department_id: DepartmentId
    weight: int = 1
    merge_id: MergeId | None = None
    """The pool by which the agent took a ticket of a department that isn't its own."""

    def apply(self, agent: "Agent") -> None:
        agent.work[str(self.ticket_id)] = str(self.department_id)
        agent.open_work += self.weight
        if self.weight != 1:
            agent.weights[str(self.ticket_id)] = self.weight


class WorkForced(WorkReserved, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A person with the permission to do so gave the agent work beyond its capacity or its skills."""

    TOPIC: ClassVar[str] = "agent.work_forced.v1"
    reason: PersonalText = ""


class WorkReleased(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.work_released.v1"
    ticket_id: TicketId
    weight: int = 1

    def apply(self, agent: "Agent") -> None:
        if agent.work.pop(str(self.ticket_id), None) is not None:
            agent.open_work -= agent.weights.pop(str(self.ticket_id), 1)


class AgentSkillsChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`skills`: each skill's name and the agent's level in it, 1 to 5. They replace those that it had."""

    TOPIC: ClassVar[str] = "agent.skills_changed.v1"
    skills: dict[str, int] = {}

    def apply(self, agent: "Agent") -> None:
        agent.skills = dict(self.skills)


class AgentScheduleChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.schedule_changed.v1"
    schedule: Schedule

    def apply(self, agent: "Agent") -> None:
        agent.schedule = self.schedule


class AgentDutyChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A shift or a leave has begun or ended."""

    TOPIC: ClassVar[str] = "agent.duty_changed.v1"
    on_duty: bool

    def apply(self, agent: "Agent") -> None:
        agent.on_duty = self.on_duty


class Agent(Aggregate, kw_only=True):
    """An agent's state. `work` maps each held ticket to the department it was taken for, both as text.

    `capacity` and `open_work` are in points; `weights` holds the points of those tickets that don't weigh one.
    """

    department_ids: tuple[DepartmentId, ...] = ()
    capacity: int = 0
    availability: Availability = Availability.OFFLINE
    availability_since: datetime | None = None
    skills: dict[str, int] = {}
    schedule: Schedule = ALWAYS
    on_duty: bool = True
    work: dict[str, str] = {}
    weights: dict[str, int] = {}
    open_work: int = 0

    @property
    def free(self) -> int:
        """How many points are free; 0 also where capacity was lowered below the work that is held."""
        return max(0, self.capacity - self.open_work)

    def obstacle(self, requirement: Requirement) -> str | None:
        """Why the agent can't take such a ticket now, in a few words; None where it can."""
        if self.availability is not Availability.ONLINE:
            return self.availability.value
        if not self.on_duty:
            return "off duty"
        if requirement.skills and any(skill not in self.skills for skill in requirement.skills):
            return "lacks a skill"
        return "at capacity" if self.capacity - self.open_work < requirement.weight else None

    def proficiency(self, requirement: Requirement) -> int:
        """The mean level in the skills that are asked for, in hundredths; 0 where none is."""
        skills = requirement.skills
        return sum(self.skills.get(skill, 0) for skill in skills) * 100 // len(skills) if skills else 0

    def reserve(
        self,
        ticket_id: TicketId,
        department_id: DepartmentId,
        *,
        at: datetime,
        requirement: Requirement = ANYBODY,
        lent: Lent | None = None,
    ) -> "Agent":
        """Take a ticket on, of a department that the agent is `lent` to where it isn't its own.

        Refused: NotInDepartment, AgentUnavailable, AgentLacksSkill, AgentAtCapacity.
        """
        self.must_be_there(department_id if lent is None else lent.by)
        missing = [skill for skill in requirement.skills if skill not in self.skills]
        if missing:
            raise AgentLacksSkill(f"agent {self.id} was expected to have the skills {', '.join(missing)}")
        if self.capacity - self.open_work < requirement.weight:
            raise AgentAtCapacity(
                f"agent {self.id} holds {self.open_work} of at most {self.capacity} points, "
                f"and the ticket weighs {requirement.weight}"
            )
        return self.record(
            WorkReserved(
                occurred_at=at,
                ticket_id=ticket_id,
                department_id=department_id,
                weight=requirement.weight,
                merge_id=None if lent is None else lent.merge_id,
            )
        )

    def force(
        self,
        ticket_id: TicketId,
        department_id: DepartmentId,
        *,
        at: datetime,
        requirement: Requirement = ANYBODY,
        lent: Lent | None = None,
        reason: str = "",
    ) -> "Agent":
        """Take a ticket on whatever the capacity and the skills are. Refused: NotInDepartment, AgentUnavailable."""
        self.must_be_there(department_id if lent is None else lent.by)
        return self.record(
            WorkForced(
                occurred_at=at,
                ticket_id=ticket_id,
                department_id=department_id,
                weight=requirement.weight,
                merge_id=None if lent is None else lent.merge_id,
                reason=reason,
            )
        )

    def must_be_there(self, department_id: DepartmentId) -> None:
        """Refused: NotInDepartment, AgentUnavailable."""
        if department_id not in self.department_ids:
            raise NotInDepartment(f"agent {self.id} doesn't belong to department {department_id}")
        if self.availability is not Availability.ONLINE:
            raise AgentUnavailable(f"agent {self.id} is {self.availability}; an online one was expected")
        if not self.on_duty:
            raise AgentUnavailable(f"agent {self.id} is off duty; one whose shift has begun was expected")

    def release(self, ticket_id: TicketId, *, at: datetime) -> "Agent":
        """Let go of a ticket. Nothing is recorded where the agent doesn't hold it."""
        if str(ticket_id) in self.work:
            weight = self.weights.get(str(ticket_id), 1)
            self.record(WorkReleased(occurred_at=at, ticket_id=ticket_id, weight=weight))
        return self

    def change_availability(self, availability: Availability, *, at: datetime, reason: str = "") -> "Agent":
        if availability is not self.availability:
            self.record(AgentAvailabilityChanged(occurred_at=at, availability=availability, reason=reason))
        return self

    def change_skills(self, skills: Mapping[str, int], *, at: datetime) -> "Agent":
        """Have exactly these skills, each at a level. Refused: SkillsInvalid."""
        _check_skills(skills)
        ordered = dict(sorted(skills.items()))
        if ordered != self.skills:
            self.record(AgentSkillsChanged(occurred_at=at, skills=ordered))
        return self

    def change_schedule(self, schedule: Schedule, *, at: datetime) -> "Agent":
        """Work these shifts from now on, less this leave. Refused: ScheduleInvalid."""
        schedule.must_be_sound()
        if schedule != self.schedule:
            self.record(AgentScheduleChanged(occurred_at=at, schedule=schedule))
        return self.keep_to_schedule(at=at)

    def keep_to_schedule(self, *, at: datetime) -> "Agent":
        """Go on or off duty, where the schedule says so. Nothing is recorded where it does so already."""
        on_duty = self.schedule.on_duty(at)
        if on_duty is not self.on_duty:
            self.record(AgentDutyChanged(occurred_at=at, on_duty=on_duty))
        return self

    def change_capacity(self, capacity: int, *, at: datetime) -> "Agent":
        """A capacity below the work that is held lets it finish and takes no new one. Refused: CapacityOutOfRange."""
        _check_capacity(capacity)
        if capacity != self.capacity:
            self.record(AgentCapacityChanged(occurred_at=at, capacity=capacity))
        return self

    def change_departments(self, department_ids: tuple[DepartmentId, ...], *, at: datetime) -> "Agent":
        """Serve exactly these departments. Held work stays with the agent."""
        for department_id in department_ids:
            if department_id not in self.department_ids:
                self.record(AgentJoinedDepartment(occurred_at=at, department_id=department_id))
        for department_id in self.department_ids:
            if department_id not in department_ids:
                self.record(AgentLeftDepartment(occurred_at=at, department_id=department_id))
        return self


def register_agent(
    agent_id: AgentId, *, name: str, department_ids: tuple[DepartmentId, ...], capacity: int, at: datetime
) -> Agent:
    """A new agent, offline at first. Refused: CapacityOutOfRange."""
    _check_capacity(capacity)
    unique = tuple(dict.fromkeys(department_ids))
    return Agent(id=agent_id).record(
        AgentRegistered(occurred_at=at, name=name, department_ids=unique, capacity=capacity)
    )


def _check_capacity(capacity: int) -> None:
    if not 0 <= capacity <= CAPACITY_LIMIT:
        raise CapacityOutOfRange(f"capacity {capacity} was given; 0 to {CAPACITY_LIMIT} tickets were expected")


def _check_skills(skills: Mapping[str, int]) -> None:
    if len(skills) > MOST_SKILLS:
        raise SkillsInvalid(f"{len(skills)} skills were given; at most {MOST_SKILLS} were expected")
    for skill, level in skills.items():
        if not 1 <= level <= BEST_LEVEL:
            raise SkillsInvalid(f"level {level} was given for {skill!r}; 1 to {BEST_LEVEL} was expected")


class AgentAtCapacity(Conflict):
    """The agent has not as many points free as the ticket weighs."""


class AgentLacksSkill(Conflict):
    """The agent lacks a skill that the ticket asks for."""


class SkillsInvalid(InvalidInput):
    """The skills are out of range."""


class AgentUnavailable(Conflict):
    """The agent takes no new work now."""


class NotInDepartment(Conflict):
    """The agent doesn't belong to that department."""


class CapacityOutOfRange(InvalidInput):
    """The capacity is out of range."""


for _fact in (
    AgentRegistered,
    AgentAvailabilityChanged,
    AgentCapacityChanged,
    AgentJoinedDepartment,
    AgentLeftDepartment,
    AgentSkillsChanged,
    AgentScheduleChanged,
    AgentDutyChanged,
    WorkReserved,
    WorkForced,
    WorkReleased,
):
    _fact.AGGREGATE = Agent
