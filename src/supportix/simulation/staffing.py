"""Changed staffing: the agents, capacities and policies of an alternative, from those that the log tells of.

Nothing here is random. Agents that are added have the department's median capacity and the hours of its present agents,
the first to have registered first, round and round; those that are taken away registered last. They leave the
department and finish what they hold.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import cycle, islice
from statistics import median_low
from uuid import UUID, uuid5

import msgspec

from supportix.domain.agent import (
    CAPACITY_LIMIT,
    Agent,
    AgentAvailabilityChanged,
    AgentCapacityChanged,
    AgentJoinedDepartment,
    AgentLeftDepartment,
    AgentRegistered,
    Availability,
)
from supportix.domain.aggregate import Fact
from supportix.domain.department import Department
from supportix.domain.department_facts import AssignmentPolicyChanged, DepartmentCreated, DepartmentRenamed
from supportix.domain.ids import AgentId, DepartmentId
from supportix.policies.dispatch import DispatchBoard
from supportix.simulation.measuring import Window
from supportix.simulation.moments import moment
from supportix.simulation.question import Alternative, ChangeOutOfRange, StaffingBelowNothing
from supportix.simulation.trace import Change, Trace

_ADDED = UUID("c1b0a7a4-3c3e-5b62-9d0f-51d0b6a0e7aa")
"""The namespace of the ids of added agents."""
_OF_ONE_DEPARTMENT = (AgentRegistered, AgentCapacityChanged, AgentJoinedDepartment, AgentLeftDepartment)
"""What an added agent doesn't share with the one whose hours it has."""
_ALWAYS = UUID(int=0)


class Roster:
    """The departments, and who served them within the window, in the order of registration."""

    def __init__(self, trace: Trace, window: Window) -> None:
        self.names: dict[UUID, str] = {}
        self.first_at: dict[UUID, int] = {}
        self.capacity: dict[UUID, int] = {}
        self.serving: dict[UUID, list[UUID]] = {}
        for change in trace.changes:
            if change.at >= window.until:
                break
            self._take(change, before=change.at < window.since)

    def _take(self, change: Change, *, before: bool) -> None:
        agent_id = change.stream_id
        match change.fact:
            case DepartmentCreated(name=name):
                self.names[change.stream_id] = name
                self.serving[change.stream_id] = []
                self.first_at[change.stream_id] = change.at
            case DepartmentRenamed(name=name):
                self.names[change.stream_id] = name
            case AgentRegistered(department_ids=department_ids, capacity=capacity):
                self.capacity[agent_id] = capacity
                for department_id in department_ids:
                    self._join(department_id, agent_id)
            case AgentCapacityChanged(capacity=capacity):
                self.capacity[agent_id] = capacity
            case AgentJoinedDepartment(department_id=department_id):
                self._join(department_id, agent_id)
            case AgentLeftDepartment(department_id=department_id) if before:
                self.serving[department_id].remove(agent_id)

    def _join(self, department_id: UUID, agent_id: UUID) -> None:
        serving = self.serving.setdefault(department_id, [])
        if agent_id not in serving:
            serving.append(agent_id)


class Added(msgspec.Struct, frozen=True):
    """An agent more, with the hours of `like`."""

    agent_id: AgentId
    department_id: DepartmentId
    capacity: int
    like: UUID


class Staffing:
    """One alternative's staff and policies in these departments. Refused: StaffingBelowNothing, ChangeOutOfRange."""

    def __init__(
        self,
        roster: Roster,
        alternative: Alternative,
        departments: frozenset[UUID],
        by_department: Mapping[UUID, int],
    ) -> None:
        """`by_department`: how many agents more or fewer, for those of the departments where it isn't none."""
        self.added: list[Added] = []
        self._roster = roster
        self._policy = alternative.policy
        self._capacity = alternative.capacity
        self._departments = departments
        self._removed: set[tuple[UUID, UUID]] = set()
        self._serving = {agent for each in departments for agent in roster.serving.get(each, ())}
        for department_id, by in by_department.items():
            self._remove(department_id, -by)
            self._add(department_id, by)
        self._like: dict[UUID, list[Added]] = {}
        for added in self.added:
            self._like.setdefault(added.like, []).append(added)
        if self._capacity is not None:
            self._must_fit(self._capacity.of(capacity) for capacity in roster.capacity.values())

    def of(self, department_id: UUID) -> frozenset[UUID]:
        """The agents of a department."""
        real = [
            each for each in self._roster.serving.get(department_id, ()) if (department_id, each) not in self._removed
        ]
        return frozenset([*real, *(each.agent_id for each in self.added if each.department_id == department_id)])

    def is_as(self, changes: Iterable[Change]) -> bool:
        """Whether nothing is otherwise than in these changes, which are all of the log's.

        The policy of a department that nobody serves is of no account.
        """
        served = {department_id for department_id, agents in self._roster.serving.items() if agents}
        told = (each for each in changes if each.fact.AGGREGATE is not Department or each.stream_id in served)
        return not self.added and all(self._changed(each.stream_id, each.fact) == each.fact for each in told)

    def before(self, changes: Iterable[Change], begun: int) -> Iterator[Change]:
        """What is new of the added agents up to the beginning of the window, where all else is as it was."""
        yield from (change for change in self._registrations() if change.at < begun)
        for change in changes:
            yield from self._mirrored(change)

    def beginning(self, board: DispatchBoard, at: int) -> Iterator[Change]:
        """What has to change on a board that stands as things really were then."""
        occurred_at = moment(at)
        for department_id in sorted(self._departments & board.departments.keys()):
            if self._policy is not None and board.departments[department_id].policy != self._policy:
                changed = AssignmentPolicyChanged(occurred_at=occurred_at, policy=self._policy)
                yield Change(at, 0, department_id, changed)
        for agent_id, agent in sorted(board.agents.items()):
            capacity = self._changed_capacity(agent_id, agent.capacity)
            if capacity != agent.capacity:
                yield Change(at, 0, agent_id, AgentCapacityChanged(occurred_at=occurred_at, capacity=capacity))
            for department_id in agent.department_ids:
                if (department_id, agent_id) in self._removed:
                    left = AgentLeftDepartment(occurred_at=occurred_at, department_id=department_id)
                    yield Change(at, 0, agent_id, left)

    def after(self, changes: Iterable[Change], begun: int) -> Iterator[Change]:
        """The log's changes from the beginning of the window on, as they are under this alternative, in order."""
        registrations = sorted((each for each in self._registrations() if each.at >= begun), key=lambda each: each.at)
        return merge(registrations, self._all_changed(changes), key=lambda change: change.at)

    def _all_changed(self, changes: Iterable[Change]) -> Iterator[Change]:
        for change in changes:
            fact = self._changed(change.stream_id, change.fact)
            if fact is not None:
                yield change if fact is change.fact else change._replace(fact=fact)
            yield from self._mirrored(change)

    def _changed(self, stream_id: UUID, fact: Fact) -> Fact | None:
        match fact:
            case DepartmentCreated() | AssignmentPolicyChanged():
                if self._policy is not None and stream_id in self._departments:
                    return msgspec.structs.replace(fact, policy=self._policy)
            case AgentRegistered(department_ids=department_ids, capacity=capacity):
                kept = tuple(each for each in department_ids if (each, stream_id) not in self._removed)
                changed = self._changed_capacity(stream_id, capacity)
                if (kept, changed) != (department_ids, capacity):
                    return msgspec.structs.replace(fact, department_ids=kept, capacity=changed)
            case AgentCapacityChanged(capacity=capacity):
                return msgspec.structs.replace(fact, capacity=self._changed_capacity(stream_id, capacity))
            case AgentJoinedDepartment(department_id=department_id) | AgentLeftDepartment(department_id=department_id):
                return None if (department_id, stream_id) in self._removed else fact
        return fact

    def _changed_capacity(self, agent_id: UUID, capacity: int) -> int:
        return self._capacity.of(capacity) if self._capacity and agent_id in self._serving else capacity

    def _registrations(self) -> Iterator[Change]:
        for added in self.added:
            at = self._roster.first_at[added.department_id]
            registered = AgentRegistered(
                occurred_at=moment(at), name="", department_ids=(added.department_id,), capacity=added.capacity
            )
            yield Change(at, 0, added.agent_id, registered)
            if added.like == _ALWAYS:
                online = AgentAvailabilityChanged(occurred_at=moment(at), availability=Availability.ONLINE)
                yield Change(at, 0, added.agent_id, online)

    def _mirrored(self, change: Change) -> Iterator[Change]:
        if change.fact.AGGREGATE is Agent and not isinstance(change.fact, _OF_ONE_DEPARTMENT):
            for added in self._like.get(change.stream_id, ()):
                yield change._replace(stream_id=added.agent_id)

    def _add(self, department_id: UUID, count: int) -> None:
        if count <= 0:
            return
        serving = self._roster.serving.get(department_id, [])
        known = [self._roster.capacity[each] for each in serving] or list(self._roster.capacity.values()) or [1]
        capacity = median_low(known)
        if self._capacity is not None:
            capacity = self._capacity.of(capacity)
        for number, like in enumerate(islice(cycle(serving or [_ALWAYS]), count)):
            agent_id = AgentId(uuid5(_ADDED, f"{department_id}:{number}"))
            self.added.append(Added(agent_id, DepartmentId(department_id), capacity, like))

    def _remove(self, department_id: UUID, count: int) -> None:
        if count <= 0:
            return
        serving = self._roster.serving.get(department_id, [])
        if count > len(serving):
            name = self._roster.names.get(department_id, str(department_id))
            raise StaffingBelowNothing(f"{count} agents were to leave {name!r}, which has {len(serving)} in that time")
        self._removed.update((department_id, agent_id) for agent_id in serving[-count:])

    @staticmethod
    def _must_fit(capacities: Iterable[int]) -> None:
        largest = max(capacities, default=0)
        if largest > CAPACITY_LIMIT:
            raise ChangeOutOfRange(f"an agent would have {largest} places; at most {CAPACITY_LIMIT} were expected")
