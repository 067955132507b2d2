"""The changes that a reader missed, told from the log as they would have been told live."""

import asyncio

from supportix.realtime.plain_changes import plain_change
from supportix.realtime.seats import Change
from supportix.realtime.ticket_changes import TicketStates
from supportix.store.feed import PAGE, LogFeed
from supportix.store.log import EventLog

MOST_REPLAYED_EVENTS = 10_000
"""Whoever is further back reads everything afresh, which costs less."""


async def changes_between(log: EventLog, feed: LogFeed, epoch: str, after: int, until: int) -> list[Change]:
    """Changes of the events after one position up to another, in order."""
    states = TicketStates(log, epoch)
    changes: list[Change] = []
    while after < until:
        entries = await feed.after(after, min(PAGE, until - after))
        if not entries:
            break
        events = [(entry.position, entry.event) for entry in entries]
        await states.prepare(events)
        for position, event in events:
            found = states.change(position, event)
            change = found[0] if found else plain_change(epoch, position, event)
            changes += [change] if change else []
        after = entries[-1].position
        await asyncio.sleep(0)  # Others are served between two pages.
    return changes
