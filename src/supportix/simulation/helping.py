"""When departments help each other out in a simulation: looked at once a minute while a queue is at its mark.

Decides by the rules of merges that hold in life, with the strategy `redistribute` and the marks that were asked for.
"""

from collections import Counter
from collections.abc import Collection
from uuid import UUID

import msgspec

from supportix.domain.agent import Availability
from supportix.domain.ids import DepartmentId
from supportix.domain.merge_evidence import DepartmentLoad
from supportix.domain.merge_settings import LARGEST_MARK, MergeMode, MergeSettings, MergeStrategy
from supportix.domain.waiting import WaitingTicket
from supportix.policies.dispatch import DispatchBoard
from supportix.policies.merging import Standing, suggestions, to_move
from supportix.simulation.moments import MINUTE, moment
from supportix.simulation.question import Marks

UNDERUSED_PERCENT = 50
COOL_DOWN_MINUTES = 15
"""Where the department itself says nothing about merges; every other one may help it then."""


class Helping:
    """Among these departments, at these marks."""

    def __init__(self, marks: Marks, department_ids: Collection[UUID]) -> None:
        self._marks = marks
        self._department_ids = sorted(map(DepartmentId, department_ids))
        self._next_look = 0
        self._took_part_at: dict[DepartmentId, int] = {}

    def moves(self, board: DispatchBoard, now: int) -> list[tuple[WaitingTicket, DepartmentId]]:
        """Which waiting ticket goes to which department now."""
        if now < self._next_look or all(board.queue_length(each) < self._marks.high for each in self._department_ids):
            return []
        self._next_look = now + MINUTE
        found = []
        for suggested in suggestions(self._standings(board), moment(now)):
            source_id, target_id = suggested.source.department_id, suggested.target.department_id
            waiting = sorted(
                (each for each in board.waiting.values() if each.department_id == source_id),
                key=lambda each: (each.opened_at, each.ticket_id),
            )
            weighed = [(each.ticket_id, each.requirement.weight) for each in waiting]
            chosen = to_move(weighed, suggested.source, suggested.target)
            found += [(board.waiting[each], target_id) for each in chosen]
            self._took_part_at[source_id] = self._took_part_at[target_id] = now
        return found

    def _standings(self, board: DispatchBoard) -> list[Standing]:
        free: Counter[UUID] = Counter()
        capacity: Counter[UUID] = Counter()
        for agent in board.agents.values():
            if agent.availability is Availability.ONLINE and agent.on_duty:
                for department_id in agent.department_ids:
                    free[department_id] += agent.free
                    capacity[department_id] += agent.capacity
        return [
            Standing(
                load=DepartmentLoad(
                    department_id=each,
                    queue_length=board.queue_length(each),
                    oldest_wait_minutes=0,
                    taken_per_hour=0,
                    free_capacity=free[each],
                    capacity=capacity[each],
                ),
                settings=self._settings(board, each),
                paused=each not in board.departments or board.departments[each].paused,
                merge_left_at=moment(self._took_part_at[each]) if each in self._took_part_at else None,
            )
            for each in self._department_ids
        ]

    def _settings(self, board: DispatchBoard, department_id: DepartmentId) -> MergeSettings:
        """The department's own, as far as it has any, but for the marks: those of waits are out of reach."""
        department = board.departments.get(department_id)
        own = department.merging if department is not None else None
        settings = own or MergeSettings(
            mode=MergeMode.AUTOMATIC,
            strategy=MergeStrategy.REDISTRIBUTE,
            queue_low=self._marks.low,
            queue_high=self._marks.high,
            wait_low_minutes=0,
            wait_high_minutes=LARGEST_MARK,
            underused_percent=UNDERUSED_PERCENT,
            cool_down_minutes=COOL_DOWN_MINUTES,
            compatible_ids=tuple(each for each in self._department_ids if each != department_id),
        )
        return msgspec.structs.replace(
            settings,
            mode=MergeMode.AUTOMATIC,
            strategy=MergeStrategy.REDISTRIBUTE,
            queue_low=self._marks.low,
            queue_high=self._marks.high,
            wait_high_minutes=LARGEST_MARK,
        )
