"""What to tell of a merge's event: every fact of a merge says all that is told, so nothing is kept."""

from supportix.domain.aggregate import DomainEvent
from supportix.domain.merge import MergeFact
from supportix.realtime.frames import MergeChanged, Topic, text_of
from supportix.realtime.seats import EVERYONE, Change


def merge_change(epoch: str, position: int, event: DomainEvent) -> Change | None:
    """The change, for those who see every department. None where the event isn't a merge's."""
    fact = event.fact
    if not isinstance(fact, MergeFact):
        return None
    frame = MergeChanged(
        epoch=epoch,
        position=position,
        merge_id=event.originator_id,
        version=event.originator_version,
        happened=fact.TOPIC.split(".")[1],
        occurred_at=fact.occurred_at,
        source_id=fact.source_id,
        target_id=fact.target_id,
    )
    return Change(position, Topic.MERGES, frozenset({EVERYONE}), text_of(frame))
