"""Events for tests that care where they are stored, not what they say."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from supportix.store.committer import Appended, NewEvent
from supportix.store.log import EventLog, LogEntry

NAME = "department.assignment_resumed.v1"
BODY = b'{"occurred_at":"2026-03-02T09:00:00Z"}'


def event(stream_id: UUID, version: int, name: str = NAME, body: bytes = BODY) -> NewEvent:
    return NewEvent(stream_id, version, name, body)


def events(stream_id: UUID, first: int, count: int) -> list[NewEvent]:
    return [event(stream_id, version) for version in range(first, first + count)]


def new_stream(count: int = 1) -> list[NewEvent]:
    """The first events of a stream that nobody knows yet."""
    return events(uuid4(), 1, count)


async def whole_log(log: EventLog) -> list[LogEntry]:
    entries: list[LogEntry] = []
    while page := await log.after(entries[-1].position if entries else 0, 5_000):
        entries += page
    return entries


def positions(appended: Sequence[Appended]) -> list[int]:
    """All positions that these commands were told, in order."""
    return sorted(position for each in appended for position in range(each.first_position, each.last_position + 1))
