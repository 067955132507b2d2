"""Writes an import's events in chunks, each one command of a fixed id: a chunk that was written before is passed over.

Keeps the dispatch board of the import's own departments, folded event by event with the positions that they will have.
"""

from collections.abc import Sequence
from uuid import UUID

from supportix.commands.desk import SupportDesk, stored
from supportix.domain.aggregate import Aggregate, DomainEvent
from supportix.importing.identities import Identities
from supportix.importing.report import ImportRefused
from supportix.policies.dispatch import DispatchBoard
from supportix.store.committer import Command, GroupCommitter
from supportix.store.errors import VersionConflict
from supportix.store.feed import PAGE

CHUNK_EVENTS = 4_000


class ChunkWriter:
    """Collects events and appends them chunk by chunk."""

    def __init__(self, desk: SupportDesk, committer: GroupCommitter, identities: Identities) -> None:
        self.board = DispatchBoard()
        self.based_on = 0
        """The last position of the log that the board holds; the events of the open chunk stand after it."""
        self.written = 0
        self._desk = desk
        self._committer = committer
        self._identities = identities
        self._chunk: list[DomainEvent] = []
        self._ordinal = 0
        self._own_streams: set[UUID] = set()

    async def start(self) -> None:
        self.based_on = await self._desk.reading.head()

    def put(self, events: Sequence[DomainEvent]) -> None:
        """Add events that must be saved together."""
        for event in events:
            self._chunk.append(event)
            self.board.fold(self.based_on + len(self._chunk), event)

    def record(self, *aggregates: Aggregate) -> None:
        """Add what these aggregates have decided on, together."""
        self.put([event for aggregate in aggregates for event in aggregate.collect_events()])

    async def flush_when_full(self) -> None:
        if len(self._chunk) >= CHUNK_EVENTS:
            await self.flush()

    async def flush(self) -> None:
        """Append the open chunk durably; then move on to where the log stands.

        Raises ImportRefused where somebody has changed the import's own departments, agents or tickets meanwhile.
        """
        if not self._chunk:
            return
        command = Command(id=self._identities.command(self._ordinal))
        try:
            appended = await self._committer.append([stored(event) for event in self._chunk], command)
        except VersionConflict as conflict:
            raise ImportRefused(
                f"after {self.written} events: somebody has changed a ticket, an agent or a department of this import "
                "meanwhile, so its history can't be continued; import into departments that nobody works in"
            ) from conflict
        moved = appended.first_position - self.based_on - 1
        if moved:
            self.board.shift_turns(self.based_on, moved)
            await self._fold_others(self.based_on, appended.first_position)
        self._own_streams.update(event.originator_id for event in self._chunk)
        self.written += len(self._chunk)
        self.based_on = appended.last_position
        self._ordinal += 1
        self._chunk.clear()

    async def _fold_others(self, after: int, before: int) -> None:
        """Take in what others have written about our departments and agents between two of our chunks."""
        while after + 1 < before:
            entries = await self._desk.reading.after(after, min(PAGE, before - after - 1))
            for entry in entries:
                if entry.stream_id in self._own_streams:
                    self.board.fold(entry.position, entry.event)
            after = entries[-1].position
