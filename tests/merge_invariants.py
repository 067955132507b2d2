"""What holds of merges in every log: no department in two at once, no ticket lost or moved twice, each step once."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from supportix.domain.department_facts import MergeJoined, MergeLeft
from supportix.domain.merge import (
    Merge,
    MergeFact,
    MergeStarted,
    MergeSuggested,
    MergeTicketsMoved,
)
from supportix.domain.ticket_facts import TicketTransferred
from supportix.store.log import LogEntry


def check_merges(entries: Sequence[LogEntry]) -> list[Merge]:
    """All merges as they stand at the end."""
    merges: dict[UUID, Merge] = {}
    planned: dict[UUID, tuple[UUID, ...]] = {}
    claims: dict[UUID, UUID] = {}
    transfers: Counter[tuple[UUID, UUID]] = Counter()
    for _, group in groupby(entries, key=lambda entry: entry.command_id):
        events = list(group)
        for entry in events:
            fact = entry.fact
            if isinstance(fact, MergeFact):
                merge = entry.event.mutate(merges.get(entry.stream_id))
                assert isinstance(merge, Merge)
                merges[entry.stream_id] = merge
                if isinstance(fact, MergeStarted):
                    planned[entry.stream_id] = fact.ticket_ids
            elif isinstance(fact, MergeJoined):
                assert entry.stream_id not in claims, f"position {entry.position} is a department's second merge"
                claims[entry.stream_id] = fact.merge_id
            elif isinstance(fact, MergeLeft):
                assert claims.pop(entry.stream_id) == fact.merge_id
            elif isinstance(fact, TicketTransferred) and fact.merge_id is not None:
                assert fact.from_agent_id is None, f"position {entry.position} moves a ticket away from its agent"
                transfers[fact.merge_id, entry.stream_id] += 1
        _must_move_what_it_says(events)
        _must_claim_both(events, merges, claims)
    assert not [key for key, count in transfers.items() if count > 1], "a ticket was moved twice"
    for merge_id, merge in merges.items():
        of_it = sum(count for (each, _), count in transfers.items() if each == merge_id)
        assert of_it == merge.moved
        assert merge.moved + merge.passed_over <= len(planned.get(merge_id, ()))
        if not merge.is_live and merge_id in planned:
            assert not merge.remaining
    return list(merges.values())


def _must_move_what_it_says(events: list[LogEntry]) -> None:
    """A command's transfers are those that its merge tells of."""
    told = {each for entry in events if isinstance(entry.fact, MergeTicketsMoved) for each in entry.fact.ticket_ids}
    moved = {
        entry.stream_id
        for entry in events
        if isinstance(entry.fact, TicketTransferred) and entry.fact.merge_id is not None
    }
    assert told == moved


def _must_claim_both(events: list[LogEntry], merges: dict[UUID, Merge], claims: dict[UUID, UUID]) -> None:
    """After each command, a live merge has both of its departments, and an ended one has neither."""
    for merge_id in {entry.stream_id for entry in events if isinstance(entry.fact, MergeFact)}:
        merge = merges[merge_id]
        holding = {department for department, held in claims.items() if held == merge_id}
        assert holding == ({merge.source_id, merge.target_id} if merge.is_live else set())
    begun = [entry for entry in events if isinstance(entry.fact, MergeSuggested)]
    assert len(begun) <= 1
