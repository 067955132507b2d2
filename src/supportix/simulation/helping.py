"""When departments help each other out in a simulation: looked at once a minute while a queue is at its mark."""

from collections import Counter
from collections.abc import Collection
from uuid import UUID

from supportix.domain.agent import Availability
from supportix.domain.ids import DepartmentId
from supportix.domain.ticket import WaitingTicket
from supportix.policies.dispatch import DispatchBoard
from supportix.simulation.moments import MINUTE
from supportix.simulation.question import Marks
from supportix.simulation.redistributing import Load, moves

COOL_DOWN = 15 * MINUTE
"""How long a department that was helped is left to itself."""


class Helping:
    """Among these departments, at these marks."""

    def __init__(self, marks: Marks, department_ids: Collection[UUID]) -> None:
        self._marks = marks
        self._department_ids = sorted(department_ids)
        self._next_look = 0
        self._helped_at: dict[UUID, int] = {}

    def moves(self, board: DispatchBoard, now: int) -> list[tuple[WaitingTicket, DepartmentId]]:
        """Which waiting ticket goes to which department now."""
        if now < self._next_look:
            return []
        overloaded = [each for each in self._department_ids if board.queue_length(each) >= self._marks.high]
        if not overloaded:
            return []
        self._next_look = now + MINUTE
        cooling = {each for each, at in self._helped_at.items() if now - at < COOL_DOWN}
        if cooling.issuperset(overloaded):
            return []
        found = []
        for move in moves(self._loads(board, cooling), self._marks):
            waiting = [each for each in board.waiting.values() if each.department_id == move.source_id]
            oldest = sorted(waiting, key=lambda each: (each.opened_at, each.ticket_id))[: move.tickets]
            found += [(each, DepartmentId(move.target_id)) for each in oldest]
            self._helped_at[move.source_id] = now
        return found

    def _loads(self, board: DispatchBoard, without: set[UUID]) -> list[Load]:
        free: Counter[UUID] = Counter()
        places: Counter[UUID] = Counter()
        for agent in board.agents.values():
            if agent.availability is Availability.ONLINE and agent.on_duty:
                for department_id in agent.department_ids:
                    free[department_id] += agent.free
                    places[department_id] += agent.capacity
        return [
            Load(each, board.queue_length(each), free[each], places[each])
            for each in self._department_ids
            if each not in without
        ]
