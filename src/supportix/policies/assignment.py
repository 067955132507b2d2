"""Who gets a ticket: assignment policies as orders over the agents who are able to take it.

A policy is a name, a version and a sort key; the agent with the smallest key gets the ticket. When a policy's key
changes, its version must change too, since old choices are proved by running the version that made them.
"""

from collections.abc import Callable, Sequence

import msgspec

from supportix.domain.demand import Demand, Requirement
from supportix.domain.ids import AgentId

Key = tuple[int, ...]

AVERAGE_LEVEL = 300
"""The proficiency that counts where a ticket asks for no skill: level 3, in hundredths."""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """What a policy knows of an agent who can take the ticket.

    `open_work` and `capacity` in points, `last_turn` rises with each ticket that the agent got in this department (0:
    none), `proficiency` is its mean level in the skills asked for, in hundredths (0 where none is).
    """

    agent_id: AgentId
    open_work: int
    capacity: int
    last_turn: int
    proficiency: int = 0


def nobody(_: Demand) -> AgentId | None:
    """Prefers no agent."""
    return None


class AssignmentPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a department's tickets are distributed.

    `key` orders the agents who can take a ticket of that requirement; between equal keys the lowest id is first.
    `explain` names what decided between the two first. `preferred` names an agent that goes before the order, if it can
    take the ticket. All of them are pure: the same arguments, the same answer, for ever.
    """

    name: str
    version: int
    key: Callable[[Candidate, Requirement], Key]
    explain: Callable[[Candidate, Candidate, Requirement], str]
    preferred: Callable[[Demand], AgentId | None] = nobody

    def place(self, candidate: Candidate, requirement: Requirement) -> Key:
        """The candidate's place in the order, which no other shares."""
        return (*self.key(candidate, requirement), candidate.agent_id.int)


def ranked(first: Sequence[Candidate], preferred: Candidate | None) -> list[Candidate]:
    """The first few of a policy's order; the preferred agent, where it can take the ticket, before the others."""
    if preferred is None:
        return list(first)
    return [preferred, *(each for each in first if each.agent_id != preferred.agent_id)][: len(first)]


def tie_break(policy: AssignmentPolicy, demand: Demand, order: Sequence[Candidate]) -> str:
    """What made the first of these the first."""
    if order[0].agent_id == policy.preferred(demand):
        return "the customer's previous agent"
    if len(order) == 1:
        return "the only one who can take it"
    return policy.explain(order[0], order[1], demand.requirement)


def _longest_without_a_turn(first: Candidate, second: Candidate, _: Requirement) -> str:
    return "longest since a turn" if first.last_turn != second.last_turn else "none had a turn yet; lowest id"


def _load(candidate: Candidate) -> int:
    """Of its capacity, in millionths. Whoever can take a ticket has a capacity of one point at least."""
    return candidate.open_work * 1_000_000 // candidate.capacity


def _explain_load(first: Candidate, second: Candidate, _: Requirement) -> str:
    if _load(first) != _load(second):
        return "smallest load for its capacity"
    return _between_equals(first, second)


def _between_equals(first: Candidate, second: Candidate) -> str:
    return "equal load; longest since a turn" if first.last_turn != second.last_turn else "equal in all; lowest id"


def _weighted_load(candidate: Candidate, weight: int) -> int:
    """The load that the agent would have with the ticket, per capacity and level: smaller means sooner done."""
    level = candidate.proficiency or AVERAGE_LEVEL
    return (candidate.open_work + weight) * 100_000_000 // (candidate.capacity * level)


def _explain_weighted(first: Candidate, second: Candidate, requirement: Requirement) -> str:
    if _weighted_load(first, requirement.weight) == _weighted_load(second, requirement.weight):
        return _between_equals(first, second)
    if first.proficiency != second.proficiency:
        return "smallest load with the ticket, for its capacity and its level in the skills asked for"
    return "smallest load with the ticket, for its capacity"


ROUND_ROBIN = AssignmentPolicy(
    name="round_robin", version=1, key=lambda candidate, _: (candidate.last_turn,), explain=_longest_without_a_turn
)
"""Whoever had no turn for the longest is next, wherever it has been meanwhile."""

LEAST_BUSY = AssignmentPolicy(
    name="least_busy",
    version=1,
    key=lambda candidate, _: (_load(candidate), candidate.last_turn),
    explain=_explain_load,
)
"""Smallest load relative to capacity; between equals, longest without a turn (Intercom's balanced assignment)."""

WEIGHTED = AssignmentPolicy(
    name="weighted",
    version=1,
    key=lambda candidate, requirement: (_weighted_load(candidate, requirement.weight), candidate.last_turn),
    explain=_explain_weighted,
)
"""Weighted least connections (W. Zhang, Linux Virtual Server, 2000): (load + the ticket's weight) / weight of the
server, which is here the capacity times the mean level in the skills asked for."""

STICKY = AssignmentPolicy(
    name="sticky",
    version=1,
    key=LEAST_BUSY.key,
    explain=_explain_load,
    preferred=lambda demand: demand.preferred_agent_id,
)
"""The agent who last worked for the customer, if it can take the ticket; else the least busy one."""
