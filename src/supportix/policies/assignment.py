"""Who gets a ticket: assignment policies as orders over the agents who are able to take it.

A policy is a name, a version and a sort key; the agent with the smallest key gets the ticket. When a policy's key
changes, its version must change too, since old choices are proved by running the version that made them.
"""

from collections.abc import Callable, Mapping

import msgspec

from supportix.domain.ids import AgentId

Key = tuple[int, ...]


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """What a policy knows of an agent. `last_turn` rises with each ticket the agent got in this department; 0: none."""

    agent_id: AgentId
    open_work: int
    capacity: int
    last_turn: int


class AssignmentPolicy(msgspec.Struct, frozen=True):
    """How a department's tickets are distributed. `explain` names what decided between the two first."""

    name: str
    version: int
    key: Callable[[Candidate], Key]
    explain: Callable[[Candidate, Candidate], str]


def _round_robin(candidate: Candidate) -> Key:
    return (candidate.last_turn, candidate.agent_id.int)


def _explain_round_robin(first: Candidate, second: Candidate) -> str:
    return "longest since a turn" if first.last_turn != second.last_turn else "none had a turn yet; lowest id"


def _load_per_million(candidate: Candidate) -> int:
    return candidate.open_work * 1_000_000 // candidate.capacity


def _least_busy(candidate: Candidate) -> Key:
    return (_load_per_million(candidate), candidate.last_turn, candidate.agent_id.int)


def _explain_least_busy(first: Candidate, second: Candidate) -> str:
    if _load_per_million(first) != _load_per_million(second):
        return "smallest load for its capacity"
    return "equal load; longest since a turn" if first.last_turn != second.last_turn else "equal in all; lowest id"


ROUND_ROBIN = AssignmentPolicy("round_robin", 1, _round_robin, _explain_round_robin)
"""Whoever had no turn for the longest is next, wherever it has been meanwhile."""

LEAST_BUSY = AssignmentPolicy("least_busy", 1, _least_busy, _explain_least_busy)
"""Smallest load relative to capacity; between equals, longest without a turn (Intercom's balanced assignment)."""

POLICIES: Mapping[str, AssignmentPolicy] = {policy.name: policy for policy in (ROUND_ROBIN, LEAST_BUSY)}
