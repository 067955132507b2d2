"""`supportix staffing`: how many agents the next hours need against those on shift, and advice about that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

import rich_click as click

from supportix.cli.department_names import department_names, named_department
from supportix.cli.environment import command_settings, data_option
from supportix.cli.output import show_table
from supportix.staffing.wording import duration

if TYPE_CHECKING:
    from supportix.forecasting.staffing_table import HandleTime, StaffedHour, StaffingTable
    from supportix.projections.advice_queries import AdviceView
    from supportix.settings import Settings

DAY_HOURS = 24
HOURS = ("hour", "expected", "80 %", "needed", "on shift", "gap", "in target")
ADVICE = ("advice", "department", "from", "to", "state", "what", "came of it")


@click.group()
def staffing() -> None:
    """Show how many agents are needed, and what is advised about it."""


@staffing.command()
@click.option("--department", required=True, metavar="NAME", help="Its name or id.")
@click.option("--hours", type=click.IntRange(1, DAY_HOURS), default=DAY_HOURS, show_default=True, help="So many.")
@click.option(
    "--staffed-for",
    type=click.FloatRange(0.025, 0.975),
    metavar="SHARE",
    help="Staff for this quantile of the arrivals: 0.8 for four hours of five.  [default: their mean]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with what it rests on.")
@data_option
def show(*, department: str, hours: int, staffed_for: float | None, as_json: bool, data: Path | None) -> None:
    """Show what the next hours need, who is on shift, and which share of customers is taken in time."""
    import msgspec

    settings = command_settings(data)
    whose = named_department(settings, department)
    found = asyncio.run(_table(settings, whose.department_id, staffed_for))
    found = msgspec.structs.replace(found, hours=found.hours[:hours])
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(_rests_on(found))
    title = f"Staffing of {found.name}, {found.time_zone}"
    show_table(title, HOURS, [_hour_row(each, found.time_zone) for each in found.hours])


@staffing.command()
@click.option("--department", metavar="NAME", help="Its name or id.  [default: all]")
@click.option("--current", is_flag=True, help="Only what isn't over.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="The latest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with the evidence.")
@data_option
def advice(*, department: str | None, current: bool, limit: int, as_json: bool, data: Path | None) -> None:
    """List advice, what begins latest first."""
    import msgspec

    settings = command_settings(data)
    whose = (named_department(settings, department).department_id,) if department is not None else ()
    found = asyncio.run(_advice(settings, whose, current=current, limit=limit))
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    names = department_names(settings)
    show_table("Advice on staffing (UTC)", ADVICE, [_advice_row(each, names) for each in found])


async def _table(settings: Settings, department_id: UUID, staffed_for: float | None) -> StaffingTable:
    from supportix.bootstrap import utc_now
    from supportix.cli.preparing import open_pool
    from supportix.forecasting.staffing_table import staffing_table

    async with open_pool(settings) as pool:
        return (await staffing_table(pool, department_id, utc_now(), staffed_for=staffed_for)).value


async def _advice(settings: Settings, whose: Sequence[UUID], *, current: bool, limit: int) -> list[AdviceView]:
    from supportix.bootstrap import utc_now
    from supportix.projections.advice_queries import AdviceFilter, advice_page
    from supportix.projections.checkpoint_queries import ReadDatabase

    database = ReadDatabase(settings)
    try:
        wanted = AdviceFilter(department_id=tuple(whose))
        ends_after = utc_now() if current else None
        return (await advice_page(database, wanted, behind=None, limit=limit, ends_after=ends_after)).value
    finally:
        await database.close()


def _rests_on(table: StaffingTable) -> str:
    """What the figures are reckoned from, in a sentence or two."""
    for_whom = "the mean" if table.staffed_for is None else f"the {table.staffed_for:g} quantile"
    told = (
        f"Needed for {table.target_share:.0%} within {duration(table.target_seconds)}, for {for_whom} of the arrivals; "
        f"{_handle_time(table.handle_time)}, shrinkage {table.shrinkage:.0%}. {table.waiting} waiting now."
    )
    if not table.shifts_known:
        told += " No agent has shifts: all are taken to be there while it is open."
    return told


def _handle_time(told: HandleTime) -> str:
    rests_on = "as the terms say" if told.seen is None else f"measured by {told.seen:,} tickets"
    return f"handle time {duration(_to_the_minute(told.seconds))} {rests_on}"


def _hour_row(hour: StaffedHour, zone: str) -> tuple[object, ...]:
    return (
        _moment(hour.begin, zone),
        f"{hour.mean:.1f}",
        f"{hour.low80:.0f} to {hour.high80:.0f}",
        hour.needed,
        f"{hour.on_shift:g}",
        f"{hour.gap:+g}",
        "" if hour.share_in_target is None or hour.mean == 0 else f"{hour.share_in_target:.0%}",
    )


def _advice_row(advice: AdviceView, names: dict[UUID, str]) -> tuple[object, ...]:
    return (
        advice.advice_id,
        names.get(advice.department_id, advice.department_id),
        _moment(advice.begins_at, "UTC"),
        _moment(advice.ends_at, "UTC"),
        advice.state,
        advice.sentence,
        advice.score.sentence if advice.score else None,
    )


def _moment(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _to_the_minute(seconds: float) -> float:
    """What was measured isn't known to the second, unless it is short."""
    return round(seconds / 60) * 60 if seconds >= 600 else round(seconds)  # noqa: PLR2004 - ten minutes.
