"""What the log teaches: each ticket's text, its tags, and the department in which it ended. Consumes tickets' events.

Tags are those that people gave, or took over from a model. A move that a merge of departments made says nothing about
where a ticket belongs, so it is left out of account.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.ids import TRIAGE_DEPARTMENT_ID
from supportix.domain.ticket_facts import (
    TicketClosed,
    TicketOpened,
    TicketResolved,
    TicketRouted,
    TicketTagsAccepted,
    TicketTransferred,
)
from supportix.routing.reading import text_of
from supportix.routing.sampling import Example
from supportix.store.log import EventLog, LogEntry

MOST_TICKETS = 100_000
"""So many are learned from: the newest by opening."""
PAGE = 5_000
_TEACHING = (TicketOpened, TicketTagsAccepted, TicketRouted, TicketTransferred, TicketResolved, TicketClosed)
_NAMES = [fact.TOPIC for fact in _TEACHING]


class _Ticket(msgspec.Struct):
    text: str
    tags: tuple[str, ...]
    department_id: UUID | None = None
    ended_in: UUID | None = None


class TicketEndings:
    """Follows tickets from their opening; entries come in the order of the log."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[UUID, _Ticket] = OrderedDict()

    def take(self, entry: LogEntry) -> None:
        fact = entry.fact
        if isinstance(fact, TicketOpened):
            self._tickets[entry.stream_id] = _Ticket(text_of(fact.subject, fact.description), fact.tags)
            if len(self._tickets) > MOST_TICKETS:
                self._tickets.popitem(last=False)
            return
        ticket = self._tickets.get(entry.stream_id)
        if ticket is None:
            return
        if isinstance(fact, TicketTagsAccepted):
            ticket.tags += fact.tags
        elif isinstance(fact, TicketRouted):
            ticket.department_id = fact.department_id
        elif isinstance(fact, TicketTransferred):
            if fact.merge_id is None:
                ticket.department_id = fact.to_department_id
        elif isinstance(fact, TicketResolved | TicketClosed):
            ticket.ended_in = ticket.department_id

    def examples(self) -> list[Example]:
        """In order of opening. What ended in triage belongs nowhere yet."""
        return [Example(each.text, _label(each.ended_in), each.tags) for each in self._tickets.values()]


async def examples_until(
    pool: AsyncConnectionPool[Any], position: int, told: Callable[[int, int], None] = lambda _done, _total: None
) -> Sequence[Example]:
    """What the log up to this position teaches; the same for the same position."""
    log, endings, reached = EventLog(pool), TicketEndings(), 0
    while reached < position:
        scan = await log.named(_NAMES, reached, PAGE)
        for entry in scan.entries:
            if entry.position <= position:
                endings.take(entry)
        if scan.scanned == reached:
            break
        reached = scan.scanned
        told(min(reached, position), position)
    return endings.examples()


def _label(ended_in: UUID | None) -> str | None:
    return None if ended_in in {None, TRIAGE_DEPARTMENT_ID} else str(ended_in)
