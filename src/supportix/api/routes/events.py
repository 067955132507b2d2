"""The audit feed: every event of the log, with who caused it and when it was recorded."""

from typing import Annotated

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Read
from supportix.api.endpoints import query
from supportix.api.inputs import Limit, Position
from supportix.identity.roles import Permission
from supportix.projections.log_queries import AuditFeed, audit_feed

TAG = "Audit"

EventName = Annotated[str, msgspec.Meta(max_length=100, pattern="^[a-z0-9_.]+$", examples=["ticket.assigned.v1"])]


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From where on, and which events; all of them without a name."""

    after: Position = 0
    name: Annotated[tuple[EventName, ...], msgspec.Meta(max_length=50)] = ()
    limit: Limit = 50


@query("/events", needs=any_of(Permission.EVENTS_READ), tag=TAG)
async def read_events(call: Call, query: EventsQuery) -> Read[AuditFeed]:
    """Read the log in order of position. Positions have no gaps, and what was read never changes.

    Go on with `after=next_after`. With a name few events may come at once, even none, while `next_after` is still below
    `head`.
    """
    feed = await audit_feed(call.backend.database, after=query.after, names=query.name, limit=query.limit)
    return Read(feed, feed.head)


ENDPOINTS = (read_events,)
