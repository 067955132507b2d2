"""Makes a recorded choice again, in the plainest way, and names where the record says otherwise."""

from heapq import nsmallest
from uuid import UUID

import msgspec

from supportix.domain.demand import NO_DEMAND, Demand
from supportix.domain.ticket_facts import ConsideredAgent, Reasons, TicketAssigned
from supportix.policies.assignment import AssignmentPolicy, Candidate, ranked, tie_break
from supportix.policies.pool import CANDIDATES_KEPT, considered
from supportix.processes.audit_known import Known


def difference(
    ticket_id: UUID, fact: TicketAssigned, reasons: Reasons, policy: AssignmentPolicy, known: Known, shift: int
) -> str | None:
    """What the policy does otherwise on what was known; None where it does the same for the same reasons.

    A turn that the command itself brought about stands `shift` further on in the log than the chooser could know.
    """
    if known.policy != policy.name:
        return f"policy {policy.name!r} decided, but the department's was {known.policy!r}"
    demand = reasons.demand or NO_DEMAND
    candidates, excluded = known.able(demand.requirement)
    if not candidates:
        return f"nobody could take it, yet {fact.agent_id} was chosen"
    first = _first(policy, demand, candidates)
    if first[0].agent_id != fact.agent_id:
        return f"{policy.name} version {policy.version} gives it to {first[0].agent_id}, the log to {fact.agent_id}"
    found = Reasons(
        policy=policy.name,
        policy_version=policy.version,
        based_on=reasons.based_on,
        eligible=len(candidates),
        candidates=tuple(considered(each) for each in first),
        excluded=dict(excluded),
        tie_break=tie_break(policy, demand, first),
    )
    return _other_reasons(reasons, found, shift) or _out_of_turn(ticket_id, known)


def _other_reasons(recorded: Reasons, found: Reasons, shift: int) -> str | None:
    if found.candidates != tuple(_as_saved(each, recorded.based_on, shift) for each in recorded.candidates):
        return f"other candidates were recorded than replay finds: {found.candidates}"
    if (recorded.eligible, recorded.excluded) != (found.eligible, found.excluded):
        return f"{found.eligible} eligible and excluded {found.excluded} by replay, another count was recorded"
    if recorded.tie_break != found.tie_break:
        return f"{found.tie_break!r} decided by replay, {recorded.tie_break!r} was recorded"
    return None


def _first(policy: AssignmentPolicy, demand: Demand, candidates: list[Candidate]) -> list[Candidate]:
    """The first few of the policy's order over all who could take the ticket."""
    preferred_id = policy.preferred(demand)
    preferred = next((each for each in candidates if each.agent_id == preferred_id), None)
    order = nsmallest(CANDIDATES_KEPT, candidates, key=lambda each: policy.place(each, demand.requirement))
    return ranked(order, preferred)


def _out_of_turn(ticket_id: UUID, known: Known) -> str | None:
    """Which ticket's turn it was instead, where it wasn't this one's."""
    if known.queue.get(ticket_id) is None:
        return "it didn't wait in the department's queue as far as was known"
    next_one = known.queue.next_one(known.can_take)
    return None if next_one == ticket_id else f"ticket {next_one} was before it in the queue, and could be taken"


def _as_saved(considered: ConsideredAgent, based_on: int, shift: int) -> ConsideredAgent:
    """With its turn where that event really stands, if it was one of the command's own."""
    if considered.last_turn <= based_on:
        return considered
    return msgspec.structs.replace(considered, last_turn=considered.last_turn + shift)
