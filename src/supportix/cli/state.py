"""`supportix state`: a read model as it was at a position or a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import CommandRefused
from supportix.cli.output import progress, say, show_table

if TYPE_CHECKING:
    from supportix.projections.looking_back import TableState
    from supportix.settings import Settings

SHOWN_ROWS = 20


@click.command()
@click.argument("name")
@click.option("--at", required=True, metavar="POSITION|TIME", help="As of this position, or this time (UTC).")
@click.option("--limit", type=click.IntRange(1), help=f"At most so many rows.  [default: {SHOWN_ROWS}; all as JSON]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_option
def state(*, name: str, at: str, limit: int | None, as_json: bool, data: Path | None) -> None:
    """Show a read model as it was.

    It is folded from the log into tables that nobody else sees; what serves isn't touched.
    """
    import msgspec

    shown = limit if limit is not None or as_json else SHOWN_ROWS
    position, tables = asyncio.run(_state(command_settings(data), name, moment_or_position(at), shown))
    if as_json:
        found = {"position": position, "tables": {each.table: each.rows for each in tables}}
        click.echo(msgspec.json.encode(found, enc_hook=str))
        return
    for each in tables:
        title = f"{each.table} as of position {position:,}: {each.total:,} rows"
        show_table(title, list(each.rows[0]) if each.rows else [], [list(row.values()) for row in each.rows])
        if len(each.rows) < each.total:
            say(f"The first {len(each.rows)} are shown; --limit shows more.")


def moment_or_position(given: str) -> int | datetime:
    """A position where it is a whole number, else a time, which is UTC unless it says otherwise."""
    if given.isdecimal():
        return int(given)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise CommandRefused(
            f"--at {given!r}: a position such as 1200, or a time such as 2026-03-02T09:30, was expected"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


async def _state(
    settings: Settings, name: str, at: int | datetime, limit: int | None
) -> tuple[int, Sequence[TableState]]:
    from supportix.cli.preparing import open_pool
    from supportix.projections.looking_back import state_as_of
    from supportix.store.log import EventLog

    async with open_pool(settings) as pool:
        position = at if isinstance(at, int) else await EventLog(pool).position_at(at)
        with progress(name) as advance:
            told = lambda reached: advance(reached, position)  # noqa: E731 - a name for a call.
            return position, await state_as_of(pool, name, position, limit=limit, told=told)
