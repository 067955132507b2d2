"""The waiting tickets of one department."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heapreplace

from sortedcontainers import SortedList

from supportix.domain.demand import Requirement
from supportix.domain.ids import TicketId
from supportix.domain.waiting import QueueOrder, WaitingTicket

_Place = tuple[QueueOrder, TicketId]


class Queue:
    """Tickets in a lane for each requirement, so that those that nobody can take now hold nobody up."""

    def __init__(self) -> None:
        self._lanes: dict[Requirement, SortedList[_Place]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def add(self, ticket: WaitingTicket) -> None:
        lane = self._lanes.get(ticket.requirement)
        if lane is None:
            lane = self._lanes[ticket.requirement] = SortedList()
        lane.add((ticket.order, ticket.ticket_id))

    def remove(self, ticket: WaitingTicket) -> None:
        lane = self._lanes[ticket.requirement]
        lane.remove((ticket.order, ticket.ticket_id))
        if not lane:
            del self._lanes[ticket.requirement]

    def requirements(self) -> Iterable[Requirement]:
        """What the waiting tickets ask for."""
        return self._lanes.keys()

    def in_order(self, can_take: Callable[[Requirement], bool]) -> Iterator[TicketId]:
        """The tickets from the head on, without those for whose requirement nobody is left when their turn comes.

        The queue must not change meanwhile; whoever can take a ticket may become fewer.
        """
        lanes = [
            (next(places), number, requirement, places)
            for number, (requirement, places) in enumerate((key, iter(lane)) for key, lane in self._lanes.items())
        ]
        heapify(lanes)
        while lanes:
            (_, ticket_id), number, requirement, places = lanes[0]
            if not can_take(requirement):
                heappop(lanes)
                continue
            yield ticket_id
            following = next(places, None)
            if following is None:
                heappop(lanes)
            else:
                heapreplace(lanes, (following, number, requirement, places))
