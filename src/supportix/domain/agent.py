"""An agent: departments, availability, capacity, and the work it holds.

Owns the streams of agents: emits AgentRegistered, AgentAvailabilityChanged, AgentCapacityChanged,
AgentJoinedDepartment, AgentLeftDepartment, WorkReserved and WorkReleased. Capacity is an invariant here: nothing
reserves work on an agent except through `reserve`, saved together with the ticket's own event.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from supportix.domain.aggregate import Aggregate, Fact, PersonalText
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import AgentId, DepartmentId, TicketId

CAPACITY_LIMIT = 10_000


class Availability(StrEnum):
    """Whether an agent takes new work: only `online` does."""

    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


# Names in TOPIC and the names of fields are the storage format of years of history: never change them, add a version.


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

    def apply(self, agent: "Agent") -> None:
        agent.availability = self.availability


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

    def apply(self, agent: "Agent") -> None:
        agent.work[str(self.ticket_id)] = str(self.department_id)


class WorkReleased(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "agent.work_released.v1"
    ticket_id: TicketId

    def apply(self, agent: "Agent") -> None:
        agent.work.pop(str(self.ticket_id), None)


class Agent(Aggregate, kw_only=True):
    """An agent's state. `work` maps each held ticket to the department it was taken for, both as text."""

    department_ids: tuple[DepartmentId, ...] = ()
    capacity: int = 0
    availability: Availability = Availability.OFFLINE
    work: dict[str, str] = {}

    @property
    def open_work(self) -> int:
        return len(self.work)

    @property
    def free(self) -> int:
        """How many more tickets fit; 0 also where capacity was lowered below the work that is held."""
        return max(0, self.capacity - len(self.work))

    def reserve(self, ticket_id: TicketId, department_id: DepartmentId, *, at: datetime) -> "Agent":
        """Take a ticket on. Refused: NotInDepartment, AgentUnavailable, AgentAtCapacity."""
        if department_id not in self.department_ids:
            raise NotInDepartment(f"agent {self.id} doesn't belong to department {department_id}")
        if self.availability is not Availability.ONLINE:
            raise AgentUnavailable(f"agent {self.id} is {self.availability}; an online one was expected")
        if len(self.work) >= self.capacity:
            raise AgentAtCapacity(f"agent {self.id} holds {len(self.work)} of at most {self.capacity} tickets")
        return self.record(WorkReserved(occurred_at=at, ticket_id=ticket_id, department_id=department_id))

    def release(self, ticket_id: TicketId, *, at: datetime) -> "Agent":
        """Let go of a ticket. Nothing is recorded where the agent doesn't hold it."""
        if str(ticket_id) in self.work:
            self.record(WorkReleased(occurred_at=at, ticket_id=ticket_id))
        return self

    def change_availability(self, availability: Availability, *, at: datetime) -> "Agent":
        if availability is not self.availability:
            self.record(AgentAvailabilityChanged(occurred_at=at, availability=availability))
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


class AgentAtCapacity(Conflict):
    """The agent holds as many tickets as it may."""


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
    WorkReserved,
    WorkReleased,
):
    _fact.AGGREGATE = Agent
