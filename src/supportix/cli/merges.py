"""`supportix merges`: which departments help which, since when, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.department_names import department_names
from supportix.cli.environment import command_settings, data_option
from supportix.cli.output import show_table

if TYPE_CHECKING:
    from supportix.projections.merge_queries import MergeView
    from supportix.settings import Settings

HEADINGS = ("merge", "source", "target", "strategy", "state", "suggested at", "triggers", "moved", "shared")


@click.command()
@click.option("--live", is_flag=True, help="Only those that haven't ended.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="The latest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with the evidence.")
@data_option
def merges(*, live: bool, limit: int, as_json: bool, data: Path | None) -> None:
    """List the latest merges of departments."""
    import asyncio

    import msgspec

    settings = command_settings(data)
    found = asyncio.run(_listed(settings, live=live, limit=limit))
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    names = department_names(settings)
    rows = [
        (
            each.merge_id,
            names.get(each.source_id, each.source_id),
            names.get(each.target_id, each.target_id),
            each.strategy,
            each.state,
            each.suggested_at,
            ", ".join(each.triggers) or "by hand",
            each.moved,
            each.shared,
        )
        for each in found
    ]
    show_table("Merges", HEADINGS, rows)


async def _listed(settings: Settings, *, live: bool, limit: int) -> list[MergeView]:
    from supportix.domain.merge import LIVE
    from supportix.projections.checkpoint_queries import ReadDatabase
    from supportix.projections.merge_queries import MergeFilter, merge_page

    database = ReadDatabase(settings)
    try:
        wanted = MergeFilter(state=tuple(sorted(LIVE)) if live else ())
        return (await merge_page(database, wanted, behind=None, limit=limit)).value
    finally:
        await database.close()
