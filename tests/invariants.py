"""What holds of every log, whoever wrote it and however they raced. Replaying it fails at the first breach."""

from collections.abc import Iterable
from itertools import groupby
from uuid import UUID

from supportix.domain.agent import Agent, Availability, WorkForced, WorkReserved
from supportix.domain.aggregate import Aggregate
from supportix.domain.merge import Merge, MergeState
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.store.log import LogEntry


def check_log(entries: Iterable[LogEntry]) -> dict[UUID, Aggregate]:
    """Positions and versions without gaps, each command once, capacity never exceeded unless forced, one assignee per
    ticket, and ticket and agent agreeing on who holds what after each command. Returns all aggregates as they stand at
    the end.
    """
    state: dict[UUID, Aggregate] = {}
    position = 0
    carried_out: set[UUID] = set()
    for command_id, group in groupby(entries, key=lambda entry: entry.command_id):
        events = list(group)
        assert command_id not in carried_out, f"command {command_id} stands in the log twice"
        carried_out.add(command_id)
        for entry in events:
            position += 1
            assert entry.position == position
            state[entry.stream_id] = _checked(entry, state)
        _must_agree(events, state)
    return state


def _checked(entry: LogEntry, state: dict[UUID, Aggregate]) -> Aggregate:
    known = state.get(entry.stream_id)
    assert entry.version == (known.version if known else 0) + 1, f"a gap before position {entry.position}"
    if isinstance(entry.fact, TicketAssigned):
        assert isinstance(known, Ticket)
        assert known.agent_id is None, f"position {entry.position} assigns a ticket that {known.agent_id} holds"
    if isinstance(entry.fact, WorkReserved):
        assert isinstance(known, Agent)
        fits = known.open_work + entry.fact.weight <= known.capacity
        assert fits or isinstance(entry.fact, WorkForced), f"{entry.position} exceeds {known.capacity} of {known.id}"
        assert known.availability is Availability.ONLINE
        assert known.on_duty
        assert _serving(entry.fact, state) in known.department_ids
    return entry.event.mutate(known)


def _serving(fact: WorkReserved, state: dict[UUID, Aggregate]) -> UUID | None:
    """The department of the agent: the ticket's, or its partner's while their pool lasts."""
    if fact.merge_id is None:
        return fact.department_id
    merge = state[fact.merge_id]
    assert isinstance(merge, Merge)
    assert merge.state is MergeState.POOLED
    return merge.partner_of(fact.department_id)


def _must_agree(events: list[LogEntry], state: dict[UUID, Aggregate]) -> None:
    """Of the streams that a command changed."""
    for stream_id in {entry.stream_id for entry in events}:
        aggregate = state[stream_id]
        if isinstance(aggregate, Ticket) and aggregate.agent_id is not None:
            holder = state[aggregate.agent_id]
            assert isinstance(holder, Agent)
            assert str(stream_id) in holder.work, f"ticket {stream_id} is with {holder.id}, who doesn't hold it"
        if isinstance(aggregate, Agent):
            for ticket_id in aggregate.work:
                ticket = state[UUID(ticket_id)]
                assert isinstance(ticket, Ticket)
                assert ticket.agent_id == stream_id, f"agent {stream_id} holds {ticket_id}, which is {ticket.status}"
