"""Following the log: one reading for all followers of a process, woken by hints and certain by position."""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import islice

from supportix.store.log import EventLog, LogEntry

KEPT_ENTRIES = 20_000
PAGE = 1_000
POLL_SECONDS = 0.5


class Wakeups:
    """Hints that the log has grown. A lost hint costs at most POLL_SECONDS."""

    def __init__(self) -> None:
        self.head = 0
        self._grown = asyncio.Event()

    def hint(self, head: int) -> None:
        """Tell that the log has reached this position."""
        if head > self.head:
            self.head = head
            self._grown.set()

    async def wait(self, beyond: int) -> None:
        """Return when a hint tells of a position beyond, or after POLL_SECONDS."""
        if self.head > beyond:
            return
        self._grown.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):  # wait_for can lose a cancellation (python/cpython#86296).
                await self._grown.wait()


class LogFeed:
    """The log's latest entries, decoded once and handed to every follower of the process."""

    def __init__(self, log: EventLog, wakeups: Wakeups) -> None:
        self._log = log
        self._wakeups = wakeups
        self._kept: list[LogEntry] = []
        self._reading = asyncio.Lock()

    async def after(self, position: int, limit: int = PAGE) -> Sequence[LogEntry]:
        """What stands in the log after this position now: at most `limit` entries, perhaps none. Doesn't wait.

        Unreadable stands in the place of an event that this release can't read: followers go on past it.
        """
        kept = self._slice(position, limit)
        if kept:
            return kept
        async with self._reading:
            kept = self._slice(position, limit)
            if kept:
                return kept
            entries = await self._log.readable_after(position, limit)
            if not self._kept or self._kept[-1].position == position:
                self._keep(entries)
            elif entries and entries[0].position > self._kept[-1].position:
                self._kept = list(entries)  # A list of its own: this page belongs to the follower, and stays as it is.
            return entries

    async def wait(self, position: int) -> None:
        """Return when the log has likely grown beyond this position, or after POLL_SECONDS."""
        if not self._kept or self._kept[-1].position <= position:
            await self._wakeups.wait(position)

    def _slice(self, position: int, limit: int) -> Sequence[LogEntry]:
        if not self._kept or not self._kept[0].position <= position + 1 <= self._kept[-1].position:
            return ()
        start = position + 1 - self._kept[0].position
        return list(islice(self._kept, start, start + limit))

    def _keep(self, entries: Sequence[LogEntry]) -> None:
        self._kept.extend(entries)
        if len(self._kept) > KEPT_ENTRIES:
            del self._kept[: KEPT_ENTRIES // 2]
