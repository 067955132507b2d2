"""What every aggregate shares: facts, the events that carry them, and state that is folded from them.

A fact is what happened; an event is a fact at a version of a stream. Both satisfy the protocols of the `eventsourcing`
library, so that its Application, Repository and Mapper work on them.
"""

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

import msgspec

PERSONAL = msgspec.Meta(extra={"personal": True})
PersonalText = Annotated[str, PERSONAL]
"""Text about or by a person. The event mapper finds these fields by their mark, to protect and to erase them."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something that happened to one aggregate. `TOPIC` is its stored name, which never changes.

    Fields at their default are left out of the stored body, so a default is as fixed as a name.
    """

    TOPIC: ClassVar[str]
    AGGREGATE: ClassVar[type["Aggregate"]]
    occurred_at: datetime

    def apply(self, aggregate: Any) -> None:
        """Change the aggregate's state as this fact says."""
        raise NotImplementedError


class DomainEvent(msgspec.Struct, frozen=True, gc=False):
    """A fact at its place in a stream. The first event of a stream has version 1."""

    originator_id: UUID
    originator_version: int
    fact: Fact

    def mutate(self, aggregate: "Aggregate | None") -> "Aggregate":
        """The aggregate after this event; a new one where it is the stream's first.

        Raises VersionGap when the event doesn't follow the aggregate's version.
        """
        subject = self.fact.AGGREGATE(id=self.originator_id) if aggregate is None else aggregate
        if self.originator_version != subject.version + 1:
            raise VersionGap(self.originator_id, subject.version, self.originator_version)
        self.fact.apply(subject)
        subject.version = self.originator_version
        return subject


class VersionGap(Exception):  # noqa: N818 - says what was found in the stream.
    """An event doesn't follow the version that is known."""

    def __init__(self, stream: UUID, known: int, found: int) -> None:
        super().__init__(f"stream {stream}: version {known} is known, the next event has version {found}")


class Aggregate(msgspec.Struct, kw_only=True):
    """State that is folded from the facts of one stream, and the facts decided on but not yet saved."""

    id: UUID
    version: int = 0
    pending_events: list[DomainEvent] = []

    def record(self, fact: Fact) -> Self:
        """Apply a fact that was decided on, and keep its event to be saved."""
        event = DomainEvent(self.id, self.version + 1, fact)
        event.mutate(self)
        self.pending_events.append(event)
        return self

    def collect_events(self) -> Sequence[DomainEvent]:
        """The events to save, which from now on are no longer pending."""
        collected, self.pending_events = self.pending_events, []
        return collected

    def copy(self) -> Self:
        """An independent copy to decide on, so that a refused save leaves this one as it was."""
        twin = copy.copy(self)
        twin.pending_events = list(self.pending_events)
        for name in self.__struct_fields__:
            value = getattr(twin, name)
            if isinstance(value, dict):
                setattr(twin, name, value.copy())
        return twin


def fold(events: Sequence[DomainEvent], aggregate: Aggregate | None = None) -> Aggregate | None:
    """The aggregate after these events of its stream, which are in order of version."""
    for event in events:
        aggregate = event.mutate(aggregate)
    return aggregate
