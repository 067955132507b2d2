"""`supportix parked`: streams that read models leave out, since they made no sense to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import STAYS_PARKED, CommandRefused
from supportix.cli.output import show_table

if TYPE_CHECKING:
    from supportix.projections.parked import ParkedStream
    from supportix.settings import Settings

HEADINGS = ("projection", "stream", "position", "parked at", "dropped at", "reason")


@click.group()
def parked() -> None:
    """List, retry or drop the streams that read models leave out."""


@parked.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@data_option
def list_(*, as_json: bool, data: Path | None) -> None:
    """Show which streams are parked, for which read model, and why."""
    import asyncio

    import msgspec

    found = asyncio.run(_listed(command_settings(data)))
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    rows = [
        (each.projection, each.stream_id, each.position, each.parked_at, each.dropped_at, each.reason) for each in found
    ]
    show_table("Parked streams", HEADINGS, rows)


@parked.command()
@click.argument("projection", required=False)
@click.argument("stream", type=click.UUID, required=False)
@click.option("--all", "every", is_flag=True, help="Every parked stream that isn't dropped.")
@data_option
@click.pass_context
def retry(ctx: click.Context, *, projection: str | None, stream: UUID | None, every: bool, data: Path | None) -> None:
    """Take parked streams up again, with all that was left out of them.

    Exits 1 where one makes no sense still, which then stays parked.
    """
    import asyncio

    named = projection is not None and stream is not None
    if named is every or (every and projection is not None):
        raise CommandRefused("expected a read model and a stream, or --all; `supportix parked list` shows them")
    wanted = None if projection is None or stream is None else (projection, stream)
    if not asyncio.run(_retry(command_settings(data), wanted)):
        ctx.exit(STAYS_PARKED)


@parked.command()
@click.argument("projection")
@click.argument("stream", type=click.UUID)
@data_option
def drop(*, projection: str, stream: UUID, data: Path | None) -> None:
    """Leave a parked stream out until the read model is rebuilt, on purpose."""
    import asyncio

    asyncio.run(_drop(command_settings(data), projection, stream))
    click.echo(f"{projection} goes on without stream {stream} until it is rebuilt.")


async def _listed(settings: Settings) -> Sequence[ParkedStream]:
    from supportix.cli.preparing import open_pool
    from supportix.projections.parked import parked_streams

    async with open_pool(settings) as pool:
        return await parked_streams(pool)


async def _retry(settings: Settings, wanted: tuple[str, UUID] | None) -> bool:
    """Retry this one, or all; whether all of them are taken up again."""
    from supportix.cli.preparing import open_pool
    from supportix.projections.parked import StaysParked, parked_streams
    from supportix.projections.parked import retry as retried

    clean = True
    async with open_pool(settings) as pool:
        troubles = [(each.projection, each.stream_id) for each in await parked_streams(pool) if not each.dropped_at]
        for name, stream_id in [wanted] if wanted else troubles:
            try:
                await retried(pool, name, stream_id)
            except StaysParked as refusal:
                clean = False
                click.echo(f"{name} still can't make sense of stream {stream_id}: {refusal}")
            else:
                click.echo(f"{name} has stream {stream_id} again.")
    return clean


async def _drop(settings: Settings, projection: str, stream: UUID) -> None:
    from supportix.cli.preparing import open_pool
    from supportix.projections.parked import drop as dropped

    async with open_pool(settings) as pool:
        await dropped(pool, projection, stream)
