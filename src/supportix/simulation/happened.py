"""What happened, as a run to be measured beside simulated ones: cut off at the same end."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from supportix.domain.agent import Agent
from supportix.simulation.measuring import Meter, Visit, Window
from supportix.simulation.trace import Change, Trace


def real_visits(trace: Trace, until: int) -> Iterator[Visit]:
    """Every stay that had begun by then, as far as it had come."""
    for number, ticket in enumerate(trace.tickets):
        for place, stay in enumerate(ticket.stays):
            if stay.queued_at >= until:
                break
            left_at = stay.taken_at if stay.taken_at is not None else stay.ended_at
            if left_at is not None and left_at >= until:
                left_at = None
            taken_by = stay.agent_id if left_at is not None and stay.taken_at is not None else None
            ended_at = stay.ended_at if stay.ended_at is not None and stay.ended_at < until else None
            yield Visit(number, place, stay.queued_at, left_at, taken_by, ended_at)


def real_meter(changes: Iterable[Change], window: Window) -> Meter:
    """What agents really held and offered."""
    meter = Meter(window)
    agents: dict[UUID, Agent] = {}
    for at, _, agent_id, fact in changes:
        if at >= window.until:
            break
        agent = agents.setdefault(agent_id, Agent(id=agent_id))
        fact.apply(agent)
        meter.see(at, agent)
    return meter.finish()
