"""`supportix traffic`: what came, per quarter hour, hour or day; and a past from before this desk."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.department_names import named_department
from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import CommandRefused
from supportix.cli.output import progress, show_table

if TYPE_CHECKING:
    from supportix.importing.past_run import PastSummary
    from supportix.projections.traffic_queries import TrafficCounts
    from supportix.settings import Settings

STEPS = ("15m", "1h", "1d")
SHOWN_STEPS = 48
MOST_STEPS = 10_000
HEADINGS = ("begin", "arrivals", "assignments", "resolutions", "abandonments", "handled", "handle seconds")

step_option = click.option(
    "--step", type=click.Choice(STEPS), default="15m", show_default=True, help="How long each row counts."
)


@click.group()
def traffic() -> None:
    """Show the traffic of departments, and import the traffic of before this desk."""


@traffic.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@step_option
@click.option("--time-zone", default="UTC", show_default=True, help="Of times without an offset, and of days.")
@click.option("--create-departments", is_flag=True, help="Create departments that the file names and there aren't.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the full report as JSON.")
@data_option
def import_(
    *, file: Path, step: str, time_zone: str, create_departments: bool, report: Path | None, data: Path | None
) -> None:
    """Import a past of traffic from CSV, gzipped or not: department, begin, arrivals[, resolutions, handle_seconds].

    Each row counts one step of time. What was recorded before is passed over, so an import that was interrupted goes on
    where it stopped.
    """
    settings = command_settings(data)
    settings.required_database_url()
    summary = asyncio.run(_import(settings, file, step, time_zone, create_departments))
    if report is not None:
        import msgspec

        report.write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    _tell(summary)


@traffic.command()
@click.option("--department", help="Its name or id.  [default: all of them together]")
@click.option("--since", metavar="TIME", help=f"From then on.  [default: the last {SHOWN_STEPS} steps]")
@click.option("--until", metavar="TIME", help="Up to before then.  [default: now]")
@step_option
@click.option("--time-zone", help="Of hours and days, and of times without an offset.  [default: the department's]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@data_option
def show(
    *,
    department: str | None,
    since: str | None,
    until: str | None,
    step: str,
    time_zone: str | None,
    as_json: bool,
    data: Path | None,
) -> None:
    """Show what came, was taken up, resolved and given up in each step of time."""
    import msgspec

    name, zone, found = asyncio.run(_show(command_settings(data), department, since, until, step, time_zone))
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    show_table(f"Traffic of {name}, {step} in {zone}", HEADINGS, [_row(each, zone) for each in found])


async def _import(settings: Settings, file: Path, step: str, time_zone: str, create_departments: bool) -> PastSummary:
    from supportix.bootstrap import open_core, utc_now
    from supportix.importing.past_run import import_past
    from supportix.projections.traffic_queries import TrafficStep

    async with open_core(settings) as core:
        with progress("Past traffic") as advance:
            return await import_past(
                core,
                file,
                step=TrafficStep(step),
                time_zone=time_zone,
                create_departments=create_departments,
                at=utc_now(),
                progress=lambda stage, done, total: advance(done, total, f"Past traffic: {stage}"),
            )


def _tell(summary: PastSummary) -> None:
    """The refused share comes first, so that nobody overlooks it."""
    report = summary.report
    share = report.rows_refused / max(report.rows_read, 1)
    click.echo(f"{report.rows_refused:,} of {report.rows_read:,} rows were refused ({share:.2%}).")
    click.echo(
        f"{summary.arrivals:,} arrivals in {summary.intervals:,} steps of {summary.departments:,} departments were "
        f"recorded in {summary.seconds:.1f} s."
    )
    if summary.created:
        click.echo(f"Created: {', '.join(summary.created)}.")
    if report.decisions:
        show_table("Decisions", ("decision", "count", "meaning", "first lines"), report.decision_rows())
    if report.refused:
        show_table("Refused rows", ("line", "reason"), report.refusal_rows())


async def _show(
    settings: Settings, department: str | None, since: str | None, until: str | None, step: str, time_zone: str | None
) -> tuple[str, str, list[TrafficCounts]]:
    from supportix.bootstrap import utc_now
    from supportix.domain.schedule import is_time_zone
    from supportix.projections import traffic_queries
    from supportix.projections.checkpoint_queries import ReadDatabase

    database = ReadDatabase(settings)
    try:
        whose = named_department(settings, department) if department is not None else None
        department_id, name, own_zone = whose or (None, "all departments", "UTC")
        zone = time_zone or own_zone
        if not is_time_zone(zone):
            raise CommandRefused(f"--time-zone {zone!r}: a name such as Europe/Lisbon was expected")
        length = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "1d": timedelta(days=1)}[step]
        end = _moment("--until", until, zone) if until else utc_now()
        begin = _moment("--since", since, zone) if since else end - SHOWN_STEPS * length
        if not timedelta(0) <= end - begin <= MOST_STEPS * length:
            raise CommandRefused(f"--since, --until: a span of up to {MOST_STEPS:,} steps was expected")
        found = await traffic_queries.traffic(
            database,
            department_id=department_id,
            begin=begin,
            end=end,
            step=traffic_queries.TrafficStep(step),
            time_zone=zone,
        )
        return name, zone, found.value
    finally:
        await database.close()


def _moment(option: str, given: str, zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    try:
        moment = datetime.fromisoformat(given)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandRefused(f"{option} {given!r}: a time such as 2026-03-02T09:30 was expected") from None


def _row(counts: TrafficCounts, zone: str) -> tuple[object, ...]:
    from zoneinfo import ZoneInfo

    begin = counts.begin.astimezone(ZoneInfo(zone)).isoformat(sep=" ", timespec="minutes")
    return (
        begin,
        counts.arrivals,
        counts.assignments,
        counts.resolutions,
        counts.abandonments,
        counts.handled,
        counts.handle_seconds,
    )
