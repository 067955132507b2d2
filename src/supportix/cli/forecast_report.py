"""`supportix forecast report`: how forecasts were met, as a page for the browser and for paper."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import CommandRefused
from supportix.cli.history import AT
from supportix.cli.output import say

if TYPE_CHECKING:
    from supportix.projections.forecast_report_queries import ForecastReport
    from supportix.settings import Settings


@click.command()
@click.argument("file", metavar="FILE.html", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--since", type=AT, help="Scores of hours from this time on (UTC).  [default: the last 28 days]")
@click.option("--until", type=AT, help="Scores of hours before this time (UTC).  [default: now]")
@data_option
def report(*, file: Path, since: datetime | None, until: datetime | None, data: Path | None) -> None:
    """Write a page on how forecasts were met, and which models drift.

    One file that needs nothing else, neither a network nor scripts. What drifts and what is stale is as of now.
    """
    from supportix.forecasting.report import must_be_a_page, write_page

    must_be_a_page(file)
    now = datetime.now(UTC)
    end = until.replace(tzinfo=UTC) if until else now
    begin = since.replace(tzinfo=UTC) if since else end - timedelta(days=28)
    if begin >= end:
        raise CommandRefused(f"a time before {end:%Y-%m-%d %H:%M} was expected of --since")
    found = asyncio.run(_report(command_settings(data), begin, end, now))
    write_page(file, found)
    say(f"Written into {file}.")


async def _report(settings: Settings, since: datetime, until: datetime, now: datetime) -> ForecastReport:
    from supportix.projections.checkpoint_queries import ReadDatabase
    from supportix.projections.forecast_report_queries import forecast_report

    database = ReadDatabase(settings)
    try:
        return await forecast_report(database, since, until, at=now)
    finally:
        await database.close()
