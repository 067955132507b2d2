"""A small support desk in memory: aggregates, the events that led there, and a dispatch board that followed them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple, TypeVar
from uuid import UUID

from supportix.domain.aggregate import Aggregate, DomainEvent
from supportix.policies.dispatch import DispatchBoard

START = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
AggregateT = TypeVar("AggregateT", bound=Aggregate)
OptionT = TypeVar("OptionT")


class Step(NamedTuple):
    """Something to try; the numbers choose on what, modulo what there is."""

    name: str
    which: int
    what: int
    minutes: int


class Choices:
    """One choice after the other, all of them made by one number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def of(self, options: Sequence[OptionT]) -> OptionT:
        self._number, index = divmod(self._number, len(options))
        return options[index]


class Desk:
    """All aggregates as they stand, the events that led there, and a dispatch board that followed them."""

    def __init__(self) -> None:
        self.now = START
        self.log: list[DomainEvent] = []
        self.commands: list[list[DomainEvent]] = []
        self.state: dict[UUID, Aggregate] = {}
        self.board = DispatchBoard()
        self._ids = (UUID(int=number) for number in count(0x1000))

    def all(self, kind: type[AggregateT]) -> list[AggregateT]:
        return [each for each in self.state.values() if isinstance(each, kind)]

    def pick(self, kind: type[AggregateT], number: int) -> AggregateT | None:
        """A copy to decide on; None while there is none of the kind."""
        all_of = self.all(kind)
        return all_of[number % len(all_of)].copy() if all_of else None

    def new_id(self) -> UUID:
        return next(self._ids)

    def save(self, events: Sequence[DomainEvent]) -> None:
        """Append the events of one command."""
        for event in events:
            self.state[event.originator_id] = event.mutate(self.state.get(event.originator_id))
            self.log.append(event)
            self.board.fold(len(self.log), event)
        if events:
            self.commands.append(list(events))
