"""Which departments' agents may serve which queues: each its own, and its partner's while a pool is formed.

Folded from the events of merges, by whoever gives tickets out and by whoever proves that it was right.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from uuid import UUID

from supportix.domain.agent import Lent, WorkReserved
from supportix.domain.aggregate import DomainEvent
from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge import Merge, MergeState


class Pooling:
    """The live merges as of one position of the log, and the pools among them."""

    def __init__(self, live: Iterable[Merge] = ()) -> None:
        self.merges: dict[UUID, Merge] = {}
        self._pool_of: dict[UUID, Merge] = {}
        for merge in live:
            self._keep(merge)

    def fold(self, event: DomainEvent) -> tuple[DepartmentId, ...]:
        """Take in a merge's event. Returns both departments where a pool of theirs was formed or has ended.

        An event of a merge that had ended before this began is passed over.
        """
        known = self.merges.get(event.originator_id)
        if event.originator_version != (known.version if known else 0) + 1:
            return ()
        was_pooled = known is not None and known.state is MergeState.POOLED
        merge = event.mutate(known)
        if not isinstance(merge, Merge):
            raise TypeError(f"stream {event.originator_id} is not a merge's")
        self._keep(merge)
        is_pooled = merge.state is MergeState.POOLED
        return (merge.source_id, merge.target_id) if is_pooled != was_pooled else ()

    def leave_alone(self, merge_id: UUID) -> tuple[DepartmentId, ...]:
        """Nobody knows how this merge stands from here on: a pool of it is used no more. Returns its departments."""
        merge = self.merges.pop(merge_id, None)
        if merge is None or merge.state is not MergeState.POOLED:
            return ()
        self._part(merge)
        return (merge.source_id, merge.target_id)

    def partner_of(self, department_id: UUID) -> DepartmentId | None:
        """The department whose queue this one's agents serve too, and the other way round."""
        pool = self._pool_of.get(department_id)
        return pool.partner_of(department_id) if pool is not None else None

    def queues_served_by(self, department_ids: Iterable[DepartmentId]) -> Iterator[DepartmentId]:
        """The queues that an agent of these departments serves, each once."""
        if not self._pool_of:
            return iter(department_ids)
        own = dict.fromkeys(department_ids)
        partners = (self.partner_of(each) for each in own)
        return iter({**own, **dict.fromkeys(each for each in partners if each is not None)})

    def lending(self, department_ids: Collection[DepartmentId], queue_id: DepartmentId) -> Lent | None:
        """How an agent of these departments comes to serve the queue; None where it is its own, or isn't served."""
        pool = self._pool_of.get(queue_id)
        partner = pool.partner_of(queue_id) if pool is not None else None
        if queue_id in department_ids or pool is None or partner is None or partner not in department_ids:
            return None
        return Lent(partner, MergeId(pool.id))

    def share(self, given: Iterable[tuple[MergeId, TicketId]], *, at: datetime) -> list[DomainEvent]:
        """The events that go with assignments across pools, one per pool: saved only while the pools last."""
        by_pool: dict[UUID, list[TicketId]] = {}
        for merge_id, ticket_id in given:
            by_pool.setdefault(merge_id, []).append(ticket_id)
        return [
            event
            for merge_id, ticket_ids in by_pool.items()
            for event in self.merges[merge_id].copy().share(ticket_ids, at=at).collect_events()
        ]

    def _keep(self, merge: Merge) -> None:
        if merge.is_live:
            self.merges[merge.id] = merge
        else:
            self.merges.pop(merge.id, None)
        if merge.state is MergeState.POOLED:
            self._pool_of[merge.source_id] = self._pool_of[merge.target_id] = merge
        else:
            self._part(merge)

    def _part(self, merge: Merge) -> None:
        for department_id in (merge.source_id, merge.target_id):
            pool = self._pool_of.get(department_id)
            if pool is not None and pool.id == merge.id:
                del self._pool_of[department_id]


def shared_tickets(events: Iterable[DomainEvent]) -> list[tuple[MergeId, TicketId]]:
    """The tickets that these events give to agents who are lent to their department, and by which pools."""
    facts = [event.fact for event in events]
    return [
        (fact.merge_id, fact.ticket_id)
        for fact in facts
        if isinstance(fact, WorkReserved) and fact.merge_id is not None
    ]
