"""What each department's chooser knew: its agents and their turns, as of any position that a decision names.

While a pool is formed, a department's agents are those of both teams.
"""

import copy
from collections import Counter, deque
from heapq import nsmallest
from uuid import UUID

import msgspec

from supportix.domain.agent import Agent, AgentJoinedDepartment, AgentRegistered
from supportix.domain.aggregate import DomainEvent
from supportix.domain.demand import NO_DEMAND, Demand, Requirement
from supportix.domain.ids import DepartmentId
from supportix.domain.merge import Merge, MergeFact, MergePoolFormed
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import ConsideredAgent, Reasons, TicketAssigned
from supportix.domain.waiting import WaitingTicket, waiting_after
from supportix.policies.assignment import AssignmentPolicy, Candidate, ranked
from supportix.policies.pool import CANDIDATES_KEPT, candidate_for, considered
from supportix.policies.pooling import Pooling
from supportix.policies.registry import KNOWN
from supportix.store.log import LogEntry


class Known:
    """The agents who serve one department and their turns, as far as they have been told."""

    def __init__(self, department_id: UUID) -> None:
        self.position = 0
        self.own_team = frozenset({department_id})
        self.teams = self.own_team
        self.agents: dict[UUID, Agent] = {}
        self.turns: dict[UUID, int] = {}

    def fold(self, position: int, event: DomainEvent, joined: Agent | None) -> None:
        """Take in an event of this department's. `joined`: the state of an agent that joins with this event."""
        self.position = position
        fact = event.fact
        if isinstance(fact, TicketAssigned):
            self.turns[fact.agent_id] = position
        elif joined is not None:
            self.agents[joined.id] = joined.copy()
        elif isinstance(fact, MergePoolFormed):
            self.teams |= {fact.source_id, fact.target_id}
        elif isinstance(fact, MergeFact):  # Whatever ended the pool.
            self.teams = self.own_team
        else:
            # One who isn't known here was brought in by a pool that the chooser didn't know of yet.
            agent = self.agents.get(event.originator_id)
            if agent is not None and event.originator_version == agent.version + 1:
                event.mutate(agent)

    def clone(self) -> "Known":
        twin = copy.copy(self)
        twin.agents = {agent_id: agent.copy() for agent_id, agent in self.agents.items()}
        twin.turns = dict(self.turns)
        return twin

    def able(self, requirement: Requirement) -> tuple[list[Candidate], Counter[str]]:
        """Who could take such a ticket, and why how many others could not."""
        candidates: list[Candidate] = []
        excluded: Counter[str] = Counter()
        for agent in self.agents.values():
            if self.teams.isdisjoint(agent.department_ids):
                continue
            obstacle = agent.obstacle(requirement)
            if obstacle is None:
                candidates.append(candidate_for(agent, requirement, self.turns.get(agent.id, 0)))
            else:
                excluded[obstacle] += 1
        return candidates, excluded


class Replica:
    """One department: what was known up to a position, and the events after it that are not folded yet."""

    def __init__(self, department_id: UUID) -> None:
        self._known = Known(department_id)
        self._pending: deque[tuple[int, DomainEvent, Agent | None]] = deque()
        self._command: UUID | None = None
        self._view: Known | None = None
        self._viewed = 0

    def tell(self, entry: LogEntry, joined: Agent | None = None) -> None:
        self._pending.append((entry.position, entry.event, joined))

    def view(self, entry: LogEntry, based_on: int, first: int) -> Known | None:
        """What the chooser of this entry knew: the log up to `based_on`, and its own command's events so far.

        `first` is the command's first position. None where an earlier choice was based on later knowledge.
        """
        if entry.command_id != self._command:
            self._command = entry.command_id
            self._view = self._begin(based_on, first)
            self._viewed = first - 1
        if self._view is self._known:
            while self._pending and self._pending[0][0] < entry.position:
                self._fold_next()
        elif self._view is not None:
            for position, event, joined in self._pending:
                if self._viewed < position < entry.position:
                    self._view.fold(position, event, joined)
            self._viewed = entry.position - 1
        return self._view

    def _begin(self, based_on: int, first: int) -> Known | None:
        """The department as of `based_on`: a copy where there are events that the chooser hadn't seen."""
        if self._known.position > based_on:
            return None
        while self._pending and self._pending[0][0] <= based_on:
            self._fold_next()
        unseen = bool(self._pending) and self._pending[0][0] < first
        return self._known.clone() if unseen else self._known

    def _fold_next(self) -> None:
        position, event, joined = self._pending.popleft()
        self._known.fold(position, event, joined)


class Replicas:
    """All departments, told of every event in the order of the log."""

    def __init__(self) -> None:
        self._departments: dict[UUID, Replica] = {}
        self._agents: dict[UUID, Agent] = {}
        self._served: dict[UUID, set[UUID]] = {}
        self._pooling = Pooling()
        self._waiting: dict[UUID, WaitingTicket] = {}
        self._asked: Demand | None = None
        self._command: UUID | None = None
        self._first = 0

    def take(self, entry: LogEntry) -> None:
        if entry.command_id != self._command:
            self._command, self._first = entry.command_id, entry.position
        if entry.fact.AGGREGATE is Ticket:
            self._take_ticket(entry)
        if isinstance(entry.fact, TicketAssigned):
            self._replica(entry.fact.department_id).tell(entry)
        elif entry.fact.AGGREGATE is Agent:
            self._take_agent(entry)
        elif entry.fact.AGGREGATE is Merge:
            self._take_merge(entry)

    def difference(self, entry: LogEntry, fact: TicketAssigned) -> str | None:
        """What replay says otherwise than this entry, which was taken last; None where it proves it."""
        reasons = fact.reasons
        if reasons is None:
            return "a policy's choice that names no reasons"
        if (reasons.demand or NO_DEMAND) != self._asked:
            return f"decided on the demand {reasons.demand or NO_DEMAND}, but the ticket waited with {self._asked}"
        policy = KNOWN.get((reasons.policy, reasons.policy_version))
        if policy is None:
            return f"policy {reasons.policy!r} version {reasons.policy_version} isn't known to this release"
        view = self._replica(fact.department_id).view(entry, reasons.based_on, self._first)
        if view is None:
            return f"based on position {reasons.based_on}, older than what an earlier choice was based on"
        return _compare(fact, reasons, policy, view, self._first - reasons.based_on - 1)

    def _take_ticket(self, entry: LogEntry) -> None:
        before = self._waiting.pop(entry.stream_id, None)
        self._asked = before.demand if before is not None else None
        after = waiting_after(entry.event, before)
        if after is not None:
            self._waiting[entry.stream_id] = after

    def _take_agent(self, entry: LogEntry) -> None:
        known = self._agents.get(entry.stream_id)
        if known is not None and entry.version != known.version + 1:
            return  # The check of invariants names it.
        agent = entry.event.mutate(known)
        if not isinstance(agent, Agent):
            return
        self._agents[agent.id] = agent
        served = self._served.setdefault(agent.id, set())
        joins: tuple[UUID, ...] = ()
        match entry.fact:
            case AgentRegistered(department_ids=department_ids):
                joins = department_ids
            case AgentJoinedDepartment(department_id=joined):
                joins = (joined,)
        joins = tuple(self._pooling.queues_served_by(map(DepartmentId, joins)))
        served.update(joins)
        for department_id in served:
            self._replica(department_id).tell(entry, agent.copy() if department_id in joins else None)

    def _take_merge(self, entry: LogEntry) -> None:
        """Tell both departments that their pool was formed or has ended; first who serves them from then on."""
        pair = self._pooling.fold(entry.event)
        if isinstance(entry.fact, MergePoolFormed):
            for agent in self._agents.values():
                if not set(pair).isdisjoint(agent.department_ids):
                    self._served[agent.id].update(pair)
                    for department_id in pair:
                        self._replica(department_id).tell(entry, agent.copy())
        for department_id in pair:
            self._replica(department_id).tell(entry)

    def _replica(self, department_id: UUID) -> Replica:
        replica = self._departments.get(department_id)
        if replica is None:
            replica = self._departments[department_id] = Replica(department_id)
        return replica


def _compare(fact: TicketAssigned, reasons: Reasons, policy: AssignmentPolicy, view: Known, shift: int) -> str | None:
    """Run the policy over everybody, and hold the outcome against what was recorded."""
    demand = reasons.demand or NO_DEMAND
    requirement = demand.requirement
    candidates, excluded = view.able(requirement)
    if not candidates:
        return f"nobody could take it, yet {fact.agent_id} was chosen"
    preferred_id = policy.preferred(demand)
    preferred = next((each for each in candidates if each.agent_id == preferred_id), None)
    order = nsmallest(CANDIDATES_KEPT, candidates, key=lambda each: policy.place(each, requirement))
    first = ranked(order, preferred)
    if first[0].agent_id != fact.agent_id:
        return f"{policy.name} version {policy.version} gives it to {first[0].agent_id}, the log to {fact.agent_id}"
    found = tuple(considered(each) for each in first)
    if found != tuple(_as_saved(each, reasons.based_on, shift) for each in reasons.candidates):
        return f"other candidates were recorded than replay finds: {found}"
    if (reasons.eligible, dict(reasons.excluded)) != (len(candidates), dict(excluded)):
        return f"{len(candidates)} eligible and excluded {dict(excluded)} by replay, another count was recorded"
    return None


def _as_saved(considered: ConsideredAgent, based_on: int, shift: int) -> ConsideredAgent:
    """With its turn where that event really stands, if it was one of the command's own."""
    if considered.last_turn <= based_on:
        return considered
    return msgspec.structs.replace(considered, last_turn=considered.last_turn + shift)
