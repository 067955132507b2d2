"""`supportix forecast`: what is expected, how well it was met, by which model, and how all of them would have done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import rich_click as click

from supportix.cli.department_names import NamedDepartment, department_names, departments, named_department
from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import CommandRefused
from supportix.cli.forecast_report import report
from supportix.cli.history import AT
from supportix.cli.output import progress, say, show_table

if TYPE_CHECKING:
    from supportix.domain.forecast_words import Steps
    from supportix.forecasting.comparison import Comparison
    from supportix.projections.forecast_queries import Accuracy, IssuedForecast, ModelView
    from supportix.settings import Settings

BARS = "▏▎▍▌▋▊▉█"
BAR_WIDTH = 24
_TRAFFIC_ENDS = "SELECT max(quarter) FROM read_model.traffic_history WHERE arrivals > 0"

department_option = click.option("--department", help="Its name or id.  [default: the whole desk]", metavar="NAME")
plot_option = click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into this file: .png, .svg or .pdf."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON, one object per line.")


@click.group()
def forecast() -> None:
    """Show forecasts, how good they were, and compare the models that could make them."""


forecast.add_command(report)


@forecast.command()
@department_option
@click.option("--horizon", type=click.Choice(["day", "fortnight"]), default="day", show_default=True)
@plot_option
@json_option
@data_option
def show(*, department: str | None, horizon: str, plot: Path | None, as_json: bool, data: Path | None) -> None:
    """Show the latest forecast, hour by hour, in the department's time zone."""
    import msgspec

    from supportix.pictures import must_be_drawable

    if plot is not None:
        must_be_drawable(plot)
    settings = command_settings(data)
    series = _series(settings, department)
    found, came = asyncio.run(_issued(settings, series, horizon))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"By {found.model}: {found.reason} (confidence {found.confidence}).")
        title = f"Tickets expected in {series.name}, {series.time_zone}"
        show_table(title, ("hour", "expected", "80 %", "95 %", ""), _rows(found.steps, series.time_zone))
    if plot is not None:
        from supportix.forecasting.plotting import draw_forecast

        draw_forecast(plot, f"Tickets an hour, {series.name}", found.steps, series.time_zone, came)
        say(f"Drawn into {plot}.")


@forecast.command()
@click.option("--since", type=AT, help="Of hours from this time on (UTC).  [default: the last 28 days]")
@click.option("--until", type=AT, help="Of hours before this time (UTC).  [default: now]")
@json_option
@data_option
def accuracy(*, since: datetime | None, until: datetime | None, as_json: bool, data: Path | None) -> None:
    """Show how the forecasts that were issued were met, by how far ahead they were."""
    import msgspec

    settings = command_settings(data)
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    begin = since.replace(tzinfo=UTC) if since else end - timedelta(days=28)
    found = asyncio.run(_accuracy(settings, begin, end))
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    names = _names(settings)
    headings = ("of", "ahead", "hours", "WAPE", "a week before", "MASE", "bias", "in 50 %", "in 80 %", "in 95 %")
    show_table(f"Accuracy since {begin:%Y-%m-%d %H:%M}", headings, [_accuracy_row(each, names) for each in found])


@forecast.command()
@json_option
@data_option
def models(*, as_json: bool, data: Path | None) -> None:
    """Show which model forecasts each department, and why."""
    import msgspec

    settings = command_settings(data)
    found = asyncio.run(_models(settings))
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    names = _names(settings)
    headings = ("of", "model", "confidence", "chosen at", "drifts", "why")
    rows = [
        (
            names.get(each.department_id, each.department_id),
            each.model,
            each.confidence,
            f"{each.chosen_at:%Y-%m-%d %H:%M}",
            each.drift_reason or ("asked to choose anew" if each.choice_asked else ""),
            each.reason,
        )
        for each in found
    ]
    show_table("Models of forecasts", headings, rows)


@forecast.command()
@department_option
@click.option("--since", type=AT, help="Forecast the hours from this time on (UTC).  [default: the last 28 days]")
@click.option("--until", type=AT, help="Up to this time (UTC).  [default: now, or the end of the traffic]")
@plot_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_option
def evaluate(
    *,
    department: str | None,
    since: datetime | None,
    until: datetime | None,
    plot: Path | None,
    as_json: bool,
    data: Path | None,
) -> None:
    """Compare all models on the history: each hour forecast from what was known before it.

    Every model is fitted anew each day. Nothing is stored; Ctrl-C ends it.
    """
    import msgspec

    from supportix.forecasting.comparison import compare
    from supportix.forecasting.plotting import Bar, draw_candidates
    from supportix.pictures import must_be_drawable

    if plot is not None:
        must_be_drawable(plot)
    settings = command_settings(data)
    series = _series(settings, department)
    history = asyncio.run(_history(settings, series, until and until.replace(tzinfo=UTC)))
    with progress("Comparing") as advance:  # Outside of an event loop, so that Ctrl-C ends it at once.
        found = compare(history, since and since.replace(tzinfo=UTC), advance)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _show_comparison(found, series.name)
    if plot is not None:
        bars = [Bar(each.name, each.crps, each.name == found.chosen) for each in found.candidates]
        draw_candidates(plot, f"The next hour in {series.name}", bars, "CRPS, in tickets: lower is better")
        say(f"Drawn into {plot}.")


def _series(settings: Settings, department: str | None) -> NamedDepartment:
    """The whole desk's where no department is named."""
    from supportix.domain.forecast_words import DESK, DESK_ID, DESK_NAME
    from supportix.projections.forecast_report_queries import common_time_zone

    if department is not None and department != DESK:
        return named_department(settings, department)
    time_zone = common_time_zone(each.time_zone for each in departments(settings))
    return NamedDepartment(DESK_ID, DESK_NAME, time_zone)


def _names(settings: Settings) -> dict[UUID, str]:
    from supportix.domain.forecast_words import DESK_ID, DESK_NAME

    return department_names(settings) | {DESK_ID: DESK_NAME}


async def _issued(
    settings: Settings, series: NamedDepartment, horizon: str
) -> tuple[IssuedForecast, list[tuple[datetime, int]]]:
    from supportix.domain.forecast_words import Horizon
    from supportix.projections.checkpoint_queries import ReadDatabase
    from supportix.projections.forecast_queries import against_actual, issued_forecast

    database = ReadDatabase(settings)
    try:
        found = (await issued_forecast(database, series.department_id, Horizon(horizon), datetime.now(UTC))).value
        if found is None:
            raise CommandRefused(
                f"nothing was forecast yet of {series.name}; a worker forecasts each hour once there is traffic"
            )
        begin = found.steps.begin - timedelta(hours=len(found.steps.means))
        hours = (await against_actual(database, series.department_id, begin, found.steps.begin)).value
        return found, [(each.hour, each.actual) for each in hours]
    finally:
        await database.close()


async def _accuracy(settings: Settings, begin: datetime, end: datetime) -> list[Accuracy]:
    from supportix.projections import forecast_queries
    from supportix.projections.checkpoint_queries import ReadDatabase

    database = ReadDatabase(settings)
    try:
        return (await forecast_queries.accuracy(database, begin, end)).value
    finally:
        await database.close()


async def _models(settings: Settings) -> list[ModelView]:
    from supportix.projections import forecast_queries
    from supportix.projections.checkpoint_queries import ReadDatabase

    database = ReadDatabase(settings)
    try:
        return (await forecast_queries.models(database)).value
    finally:
        await database.close()


async def _history(settings: Settings, series: NamedDepartment, until: datetime | None) -> Any:
    from supportix.cli.preparing import open_pool
    from supportix.domain.forecast_words import hour_of
    from supportix.forecasting.histories import whole_histories

    async with open_pool(settings) as pool:
        if until is None:
            async with pool.connection() as connection:
                row = await (await connection.execute(_TRAFFIC_ENDS)).fetchone()
            until = min(datetime.now(UTC), row[0] + timedelta(hours=1)) if row and row[0] else datetime.now(UTC)
        histories = await whole_histories(pool, hour_of(until))
    found = next((each for each in histories.items if each.series_id == series.department_id), None)
    if found is None:
        raise CommandRefused(f"{series.name} has had no traffic, so there is nothing to compare models on")
    return found


def _rows(steps: Steps, time_zone: str) -> list[Sequence[str]]:
    zone, longest = ZoneInfo(time_zone), max((*steps.means, 1e-9))
    shown: list[Sequence[str]] = []
    for place, mean in enumerate(steps.means):
        low95, low80, *_, high80, high95 = steps.quantiles_of(place)
        hour = steps.begin_of(place).astimezone(zone)
        shown.append(
            (
                f"{hour:%a %d %b %H:%M}",
                f"{mean:.1f}",
                f"{low80:.0f} to {high80:.0f}",
                f"{low95:.0f} to {high95:.0f}",
                bar(mean / longest),
            )
        )
    return shown


def bar(share: float) -> str:
    """As long as the share of BAR_WIDTH characters, to the eighth of one."""
    eighths = round(share * BAR_WIDTH * len(BARS))
    whole, rest = divmod(eighths, len(BARS))
    return BARS[-1] * whole + (BARS[rest - 1] if rest else "")


def _accuracy_row(found: Accuracy, names: dict[UUID, str]) -> Sequence[object]:
    return (
        names.get(found.department_id, found.department_id),
        f"{found.lead_hours} h",
        f"{found.hours:,}",
        _percent(found.wape),
        _percent(found.naive_wape),
        "" if found.mase is None else f"{found.mase:.3f}",
        _percent(found.bias, signed=True),
        _percent(found.coverage50),
        _percent(found.coverage80),
        _percent(found.coverage95),
    )


def _show_comparison(found: Comparison, name: str) -> None:
    click.echo(
        f"{found.hours:,} hours from {found.begin:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC, "
        f"each forecast from what was known before it."
    )
    headings = ("model", "WAPE", "MASE", "CRPS", "bias", "in 80 %", "in 95 %", "")
    rows = [
        (
            each.name,
            _percent(each.wape),
            "" if each.mase is None else f"{each.mase:.3f}",
            f"{each.crps:.3g}",
            _percent(each.bias, signed=True),
            _percent(each.coverage80),
            _percent(each.coverage95),
            "chosen" if each.name == found.chosen else "",
        )
        for each in found.candidates
    ]
    show_table(f"The next hour in {name}", headings, rows)
    click.echo(f"Chosen: {found.chosen}: {found.reason}.")
    for each in found.left_out:
        click.echo(f"Left out: {each.name}: {each.why}.")


def _percent(share: float | None, *, signed: bool = False) -> str:
    if share is None:
        return ""
    return f"{share:+.1%}" if signed else f"{share:.1%}"
