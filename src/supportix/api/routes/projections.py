"""How the read models stand, and what is parked for them. None of it is in the log."""

from typing import Annotated
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Page
from supportix.api.endpoints import action
from supportix.api.inputs import CursorText, Limit
from supportix.api.paging import page_of
from supportix.identity.roles import Permission
from supportix.projections import parked
from supportix.projections.checkpoint_queries import ReadModelProgress, read_model_progress
from supportix.projections.parked import NotParked, ParkedStream, StaysParked, parked_streams

TAG = "Read models"
READING = any_of(Permission.PROJECTIONS_READ)
MANAGING = any_of(Permission.PROJECTIONS_MANAGE)

ReadModelName = Annotated[str, msgspec.Meta(max_length=100, pattern="^[a-z_]+$", examples=["ticket_list"])]


class ReadModels(msgspec.Struct, frozen=True):
    """Every read model, by name."""

    items: tuple[ReadModelProgress, ...]


class ParkedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of the parked streams."""

    limit: Limit = 50
    cursor: CursorText | None = None


class ParkedKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a parked stream stands in the list."""

    projection: str
    stream_id: UUID


@action("GET", "/projections", needs=READING, tag=TAG)
async def list_projections(call: Call) -> ReadModels:
    """Tell how far each read model is, and for how many streams it is in trouble."""
    return ReadModels(await read_model_progress(call.backend.core.pool))


@action("GET", "/projections/parked", needs=READING, tag=TAG)
async def list_parked_streams(call: Call, query: ParkedQuery) -> Page[ParkedStream]:
    """List the streams that read models leave out, and why; dropped ones too."""
    pool, cursors = call.backend.core.pool, call.backend.cursors
    key = cursors.read("parked", query.cursor, ParkedKey) if query.cursor else None
    behind = None if key is None else (key.projection, key.stream_id)
    found = await parked_streams(pool, behind=behind, limit=query.limit + 1)
    return page_of(cursors, "parked", found, query.limit, lambda each: ParkedKey(each.projection, each.stream_id))


@action(
    "POST",
    "/projections/{name}/parked/{stream_id}/retry",
    needs=MANAGING,
    tag=TAG,
    status=204,
    refusals=(NotParked, StaysParked),
)
async def retry_parked_stream(call: Call, name: ReadModelName, stream_id: UUID) -> None:
    """Take a parked stream up again, with all that was left out of it."""
    await parked.retry(call.backend.core.pool, name, stream_id)


@action("POST", "/projections/{name}/parked/{stream_id}/drop", needs=MANAGING, tag=TAG, refusals=(NotParked,))
async def drop_parked_stream(call: Call, name: ReadModelName, stream_id: UUID) -> ParkedStream:
    """Leave a parked stream out until the read model is rebuilt, on purpose: it counts as trouble no longer."""
    return await parked.drop(call.backend.core.pool, name, stream_id)


ENDPOINTS = (list_projections, list_parked_streams, retry_parked_stream, drop_parked_stream)
