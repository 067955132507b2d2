"""What the chooser of one department knew: its policy, its queue, the agents who serve it, and their turns.

While a pool is formed, a department's agents are those of both teams.
"""

import copy
from collections import Counter
from typing import NamedTuple
from uuid import UUID

from supportix.domain.agent import Agent, WorkReserved
from supportix.domain.aggregate import DomainEvent
from supportix.domain.demand import Requirement
from supportix.domain.department_facts import AssignmentPolicyChanged, DepartmentCreated
from supportix.domain.merge import MergeFact, MergePoolFormed
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.waiting import waiting_after
from supportix.policies.assignment import Candidate
from supportix.policies.pool import candidate_for
from supportix.processes.audit_queues import KnownQueue


class Told(NamedTuple):
    """An event that concerns a department, where it stands, and the state of an agent who joins with it."""

    position: int
    event: DomainEvent
    joined: Agent | None


class Known:
    """One department, as far as it has been told of."""

    def __init__(self, department_id: UUID) -> None:
        self.position = 0
        self.policy = ""
        self.queue = KnownQueue()
        self.agents: dict[UUID, Agent] = {}
        self.turns: dict[UUID, int] = {}
        self._id = department_id
        self._own_team = frozenset({department_id})
        self._teams = self._own_team
        self.is_ahead = False
        self._beyond_all: frozenset[Requirement] = frozenset()

    def fold(self, told: Told) -> None:
        """Take in an event of this department's."""
        self.position = told.position
        fact = told.event.fact
        if fact.AGGREGATE is Ticket:
            self._fold_ticket(told)
            return
        if not isinstance(fact, WorkReserved):  # Which alone makes nobody able to take more.
            self._beyond_all = frozenset()
        if told.joined is not None:
            self.agents[told.joined.id] = told.joined.copy()
        elif isinstance(fact, DepartmentCreated | AssignmentPolicyChanged):
            self.policy = fact.policy
        elif isinstance(fact, MergePoolFormed):
            self._teams |= {fact.source_id, fact.target_id}
        elif isinstance(fact, MergeFact):  # Whatever ended the pool.
            self._teams = self._own_team
        else:
            self._fold_agent(told.event)

    def ahead(self) -> "Known":
        """A copy that may learn more. Its queue is this one's, which has to come back before this one learns more."""
        twin = copy.copy(self)
        twin.agents, twin.turns = dict(self.agents), dict(self.turns)
        twin.is_ahead = True
        self.queue.look_ahead()
        return twin

    def able(self, requirement: Requirement) -> tuple[list[Candidate], Counter[str]]:
        """Who could take such a ticket, and why how many others could not."""
        candidates: list[Candidate] = []
        excluded: Counter[str] = Counter()
        for agent in self.agents.values():
            if self._teams.isdisjoint(agent.department_ids):
                continue
            obstacle = agent.obstacle(requirement)
            if obstacle is None:
                candidates.append(candidate_for(agent, requirement, self.turns.get(agent.id, 0)))
            else:
                excluded[obstacle] += 1
        return candidates, excluded

    def can_take(self, requirement: Requirement) -> bool:
        """Whether anybody could take such a ticket. That nobody could is remembered until somebody may be."""
        if requirement in self._beyond_all:
            return False
        found = any(
            agent.obstacle(requirement) is None and not self._teams.isdisjoint(agent.department_ids)
            for agent in self.agents.values()
        )
        if not found:
            self._beyond_all |= {requirement}
        return found

    def _fold_agent(self, event: DomainEvent) -> None:
        """One who isn't known here was brought in by a pool that the chooser didn't know of yet."""
        agent = self.agents.get(event.originator_id)
        if agent is not None and event.originator_version == agent.version + 1:
            if self.is_ahead:
                agent = self.agents[agent.id] = agent.copy()
            event.mutate(agent)

    def _fold_ticket(self, told: Told) -> None:
        ticket_id, fact = told.event.originator_id, told.event.fact
        after = waiting_after(told.event, self.queue.get(ticket_id))
        self.queue.put(ticket_id, after if after is not None and after.department_id == self._id else None)
        if isinstance(fact, TicketAssigned) and fact.department_id == self._id:
            self.turns[fact.agent_id] = told.position
