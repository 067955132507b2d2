"""Reading the log itself for people: the audit feed, and who sent the commands behind a stream's events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from supportix.projections.checkpoint_queries import ReadDatabase
from supportix.store.log import SCANNED_POSITIONS
from supportix.store.schema import commands, events


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with all that is recorded about it. `fact` has the fields that its `name` calls for."""

    position: int
    stream_id: UUID
    version: int
    name: str
    fact: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]
    recorded_at: datetime
    command_id: UUID
    actor_id: UUID | None
    correlation_id: UUID | None
    causation_id: UUID | None
    trace_context: str | None


class AuditFeed(msgspec.Struct, frozen=True, kw_only=True):
    """Events in order. Go on with `after=next_after`; nothing more is there while it equals `head`."""

    items: tuple[AuditEvent, ...]
    next_after: int
    head: int


async def audit_feed(database: ReadDatabase, *, after: int, names: Sequence[str], limit: int) -> AuditFeed:
    """Up to `limit` events behind a position, those of the given names only where there are any."""
    origin = [events.c[name] for name in ("position", "stream_id", "version", "name", "body", "recorded_at")]
    sent = [commands.c[name] for name in ("actor_id", "correlation_id", "causation_id", "trace_context")]
    query = (
        select(*origin, events.c.command_id, *sent)
        .select_from(events.outerjoin(commands, commands.c.command_id == events.c.command_id))
        .where(events.c.position > after, events.c.position <= after + SCANNED_POSITIONS)
        .order_by(events.c.position)
        .limit(limit)
    )
    if names:
        query = query.where(events.c.name.in_(names))
    async with database.connect() as connection:
        # The head first: what is read afterwards holds at least all up to it, since positions appear in order.
        head = int((await connection.execute(select(func.max(events.c.position)))).scalar() or 0)
        rows = (await connection.execute(query)).all()
    items = tuple(_audit_event(row) for row in rows)
    scanned = max(after, min(after + SCANNED_POSITIONS, head))
    return AuditFeed(items=items, next_after=items[-1].position if len(items) == limit else scanned, head=head)


async def senders(database: ReadDatabase, command_ids: Sequence[UUID]) -> Mapping[UUID, UUID | None]:
    """The account that sent each command; None for what a process of ours did."""
    query = select(commands.c.command_id, commands.c.actor_id).where(commands.c.command_id.in_(command_ids))
    async with database.connect() as connection:
        return {row.command_id: row.actor_id for row in await connection.execute(query)}


def _audit_event(row: Any) -> AuditEvent:
    return AuditEvent(
        position=row.position,
        stream_id=row.stream_id,
        version=row.version,
        name=row.name,
        fact=msgspec.Raw(bytes(row.body)),
        recorded_at=row.recorded_at,
        command_id=row.command_id,
        actor_id=row.actor_id,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        trace_context=row.trace_context,
    )
