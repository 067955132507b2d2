"""The log's events as they come: from NATS while it is up, from the log itself where anything is missing."""

from collections.abc import Sequence

from nats.aio.client import Client

from supportix.domain.aggregate import DomainEvent
from supportix.realtime.intake import Intake
from supportix.store.feed import PAGE, POLL_SECONDS, LogFeed

Events = Sequence[tuple[int, DomainEvent]]


class Following:
    """Hands out events by position. NATS makes it fast; reading the log each POLL_SECONDS makes it sure."""

    def __init__(self, feed: LogFeed, nats: Client | None) -> None:
        self._feed = feed
        self._intake = Intake(nats) if nats else None

    async def open(self) -> None:
        if self._intake:
            await self._intake.open()

    async def close(self) -> None:
        if self._intake:
            await self._intake.close()

    async def next(self, position: int) -> Events:
        """The events that follow the position, when there are some, or none after a while."""
        events = self._arrived(position)
        if not events and not (self._intake and self._intake.has_gap):
            await self._pause(position)
            events = self._arrived(position)
        return events or await self.read(position)

    async def read(self, position: int) -> Events:
        """What follows the position in the log now."""
        entries = await self._feed.after(position, PAGE)
        if not entries and self._intake:
            self._intake.forget()
        return [(entry.position, entry.event) for entry in entries]

    def _arrived(self, position: int) -> Events:
        return self._intake.after(position) if self._intake else ()

    async def _pause(self, position: int) -> None:
        if self._intake:
            await self._intake.open()
            if self._intake.is_flowing:
                await self._intake.wait(POLL_SECONDS)
                return
        await self._feed.wait(position)
