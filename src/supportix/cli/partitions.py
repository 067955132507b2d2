"""`supportix partitions`: the tables that hold the log, and room made for its next events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.output import say, show_table

if TYPE_CHECKING:
    from supportix.settings import Settings
    from supportix.store.partitions import Partition


@click.command()
@click.option(
    "--ahead",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="See to it that so many empty ones lie ahead; 0 only lists.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_option
def partitions(*, ahead: int, as_json: bool, data: Path | None) -> None:
    """Show the log's partitions, and make those that are missing ahead.

    A worker does so by itself. Readers and writers go on meanwhile.
    """
    import asyncio

    import msgspec

    made, present = asyncio.run(_partitions(command_settings(data), ahead))
    if as_json:
        click.echo(msgspec.json.encode({"made": [each.name for each in made], "partitions": present}))
        return
    for each in made:
        say(f"{each.name} was made.")
    rows = [(each.name, each.first, each.beyond - 1, "yes" if each.holds_events else "no") for each in present]
    show_table("Partitions", ("partition", "first position", "last position", "holds events"), rows)


async def _partitions(settings: Settings, ahead: int) -> tuple[list[Partition], list[Partition]]:
    """Those that were made, and all that are there now."""
    from supportix.cli.preparing import open_pool
    from supportix.store.partitions import ensure_ahead, present

    async with open_pool(settings) as pool, pool.connection() as connection:
        made = await ensure_ahead(connection, ahead) if ahead else []
        return made, await present(connection)
