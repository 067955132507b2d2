"""The agents of one department, in the order in which its policy gives them tickets."""

from collections import Counter, OrderedDict
from itertools import islice
from uuid import UUID

from sortedcontainers import SortedDict

from supportix.domain.agent import Agent
from supportix.domain.demand import Demand, Requirement, stored_demand
from supportix.domain.ids import AgentId
from supportix.domain.ticket_facts import ConsideredAgent, Reasons
from supportix.policies.assignment import AssignmentPolicy, Candidate, Key, ranked, tie_break

CANDIDATES_KEPT = 5
ORDERS_KEPT = 32


class Order:
    """Who can take tickets of one requirement, in a policy's order, and why the others can't."""

    def __init__(self, policy: AssignmentPolicy, requirement: Requirement) -> None:
        self.exclusions: Counter[str] = Counter()
        self._policy = policy
        self._requirement = requirement
        self._eligible: SortedDict[Key, Candidate] = SortedDict()
        self._keys: dict[UUID, Key] = {}
        self._excluded: dict[UUID, str] = {}

    def __len__(self) -> int:
        return len(self._eligible)

    def place(self, agent: Agent, turn: int) -> None:
        """Put an agent where it belongs now."""
        self.remove(agent.id)
        obstacle = agent.obstacle(self._requirement)
        if obstacle is not None:
            self._excluded[agent.id] = obstacle
            self.exclusions[obstacle] += 1
            return
        candidate = candidate_for(agent, self._requirement, turn)
        key = self._policy.place(candidate, self._requirement)
        self._keys[agent.id] = key
        self._eligible[key] = candidate

    def remove(self, agent_id: UUID) -> None:
        key = self._keys.pop(agent_id, None)
        if key is not None:
            del self._eligible[key]
            return
        obstacle = self._excluded.pop(agent_id, None)
        if obstacle is not None:
            self.exclusions[obstacle] -= 1

    def first(self, count: int) -> list[Candidate]:
        return list(islice(self._eligible.values(), count))

    def get(self, agent_id: UUID | None) -> Candidate | None:
        """The agent, if it can take such a ticket."""
        key = self._keys.get(agent_id) if agent_id is not None else None
        return self._eligible[key] if key is not None else None


class Pool:
    """A department's agents, with an order for each requirement that its tickets have.

    Choosing costs O(log n) in the number of agents, for each of the orders in use. An agent who has changed is put
    where it belongs when the pool is next asked: an agent of many departments mostly changes again before that.
    """

    def __init__(self, policy: AssignmentPolicy) -> None:
        self.policy = policy
        self.turns: dict[UUID, int] = {}
        self.members: dict[UUID, Agent] = {}
        self._orders: OrderedDict[Requirement, Order] = OrderedDict()
        self._changed: set[UUID] = set()

    def place(self, agent: Agent) -> None:
        """Take in an agent as it is now."""
        self.members[agent.id] = agent
        self._changed.add(agent.id)

    def remove(self, agent_id: UUID) -> None:
        self.members.pop(agent_id, None)
        self._changed.add(agent_id)

    def follow(self, policy: AssignmentPolicy) -> None:
        """Order the agents by another policy."""
        self.policy = policy
        self._orders.clear()

    def order(self, requirement: Requirement) -> Order:
        """The order for tickets of this requirement; of those in use before, the most recent are kept."""
        if self._changed:
            self._settle()
        order = self._orders.get(requirement)
        if order is None:
            order = self._orders[requirement] = Order(self.policy, requirement)
            for agent in self.members.values():
                order.place(agent, self.turns.get(agent.id, 0))
            if len(self._orders) > ORDERS_KEPT:
                self._orders.popitem(last=False)
        elif len(self._orders) > 1:
            self._orders.move_to_end(requirement)
        return order

    def _settle(self) -> None:
        """Put everyone who has changed where they belong now."""
        for agent_id in self._changed:
            agent = self.members.get(agent_id)
            for order in self._orders.values():
                if agent is None:
                    order.remove(agent_id)
                else:
                    order.place(agent, self.turns.get(agent_id, 0))
        self._changed.clear()

    def can_take(self, requirement: Requirement) -> bool:
        """Whether anybody can take such a ticket now."""
        return len(self.order(requirement)) > 0

    def reasons(self, demand: Demand, based_on: int) -> Reasons:
        """Who gets a ticket of this demand, and why: the first of the candidates. At least one is eligible."""
        order = self.order(demand.requirement)
        first = ranked(order.first(CANDIDATES_KEPT), order.get(self.policy.preferred(demand)))
        return Reasons(
            policy=self.policy.name,
            policy_version=self.policy.version,
            based_on=based_on,
            eligible=len(order),
            candidates=tuple(considered(each) for each in first),
            excluded={reason: count for reason, count in sorted(order.exclusions.items()) if count},
            tie_break=tie_break(self.policy, demand, first),
            demand=stored_demand(demand),
        )


def candidate_for(agent: Agent, requirement: Requirement, turn: int) -> Candidate:
    """The agent as a policy sees it."""
    return Candidate(AgentId(agent.id), agent.open_work, agent.capacity, turn, agent.proficiency(requirement))


def considered(candidate: Candidate) -> ConsideredAgent:
    """The candidate as an event keeps it."""
    return ConsideredAgent(
        candidate.agent_id, candidate.open_work, candidate.capacity, candidate.last_turn, candidate.proficiency
    )
