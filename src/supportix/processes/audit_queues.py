"""A department's waiting tickets as a chooser knew them: which one was next.

Owes nothing to the queue that tickets are given out from, so that the two prove each other.
"""

from collections.abc import Callable
from uuid import UUID

from sortedcontainers import SortedList

from supportix.domain.demand import Requirement
from supportix.domain.ids import TicketId
from supportix.domain.waiting import QueueOrder, WaitingTicket

_Place = tuple[QueueOrder, UUID]


class KnownQueue:
    """Tickets by what they ask for, in the order of the queue."""

    def __init__(self) -> None:
        self._tickets: dict[UUID, WaitingTicket] = {}
        self._lanes: dict[Requirement, SortedList[_Place]] = {}
        self._ahead: list[tuple[UUID, WaitingTicket | None]] | None = None

    def get(self, ticket_id: UUID) -> WaitingTicket | None:
        return self._tickets.get(ticket_id)

    def put(self, ticket_id: UUID, ticket: WaitingTicket | None) -> None:
        """The ticket as it waits from now on; None where it no longer does."""
        before = self._tickets.get(ticket_id)
        if before is ticket:
            return
        if self._ahead is not None:
            self._ahead.append((ticket_id, before))
        self._replace(ticket_id, before, ticket)

    def look_ahead(self) -> None:
        """What is put from now on is forgotten by `come_back`."""
        self._ahead = []

    def come_back(self) -> None:
        """Stand as before `look_ahead`, where that was called."""
        ahead, self._ahead = self._ahead, None
        for ticket_id, before in reversed(ahead or ()):
            self._replace(ticket_id, self._tickets.get(ticket_id), before)

    def next_one(self, can_take: Callable[[Requirement], bool]) -> TicketId | None:
        """The first ticket that somebody can take; the heads of the lanes are asked for in their order."""
        for (_, ticket_id), requirement in sorted((lane[0], requirement) for requirement, lane in self._lanes.items()):
            if can_take(requirement):
                return TicketId(ticket_id)
        return None

    def _replace(self, ticket_id: UUID, before: WaitingTicket | None, after: WaitingTicket | None) -> None:
        if before is not None:
            del self._tickets[ticket_id]
            lane = self._lanes[before.requirement]
            lane.remove((before.order, ticket_id))
            if not lane:
                del self._lanes[before.requirement]
        if after is not None:
            self._tickets[ticket_id] = after
            self._lanes.setdefault(after.requirement, SortedList()).add((after.order, ticket_id))
