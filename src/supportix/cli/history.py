"""`supportix audit` and `rebuild`: what is derived from the history is proved, compared and made anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.department_names import named_department
from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import DIFFERENCE_FOUND, CommandRefused
from supportix.cli.output import progress, show_table

if TYPE_CHECKING:
    from supportix.processes.audit import AuditReport, AuditScope
    from supportix.projections.rebuild import RebuildReport
    from supportix.settings import Settings

AT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@click.option("--since", type=AT, help="Report on assignments from this time on (UTC).")
@click.option("--until", type=AT, help="Report on assignments before this time (UTC).")
@click.option("--department", help="Report on this department's assignments.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_option
@click.pass_context
def audit(
    ctx: click.Context,
    *,
    since: datetime | None,
    until: datetime | None,
    department: str | None,
    as_json: bool,
    data: Path | None,
) -> None:
    """Prove every assignment by replay, or name the first that can't be proved.

    Exits 1 where there is one, or where an invariant is broken.
    """
    import asyncio

    import msgspec

    from supportix.processes.audit import AuditScope

    settings = command_settings(data)
    scope = AuditScope(
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
        department_id=named_department(settings, department).department_id if department else None,
    )
    report = asyncio.run(_audit(settings, scope))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _show_audit(report)
    if not report.clean:
        ctx.exit(DIFFERENCE_FOUND)


async def _audit(settings: Settings, scope: AuditScope) -> AuditReport:
    from supportix.cli.preparing import open_pool
    from supportix.processes.audit import audit as audited

    async with open_pool(settings) as pool:
        with progress("Audit") as advance:
            return await audited(pool, scope, advance)


def _show_audit(report: AuditReport) -> None:
    by_policy = report.assignments["policy"]
    click.echo(f"{report.events:,} events up to position {report.until:,} were read.")
    click.echo(f"{report.proved:,} of {by_policy:,} assignments by a policy were proved by replay.")
    show_table("Assignments", ("chosen by", "count"), sorted(report.assignments.items()))
    if report.routings_proved:
        show_table("Routings that were proved", ("decided by", "count"), sorted(report.routings_proved.items()))
    if report.clean:
        click.echo("No difference was found, and every invariant holds.")
        return
    click.echo(f"{report.found:,} differences were found. The first, at position {report.findings[0].position:,}:")
    click.echo(f"  {report.findings[0].what}")
    rows = [(finding.position, finding.stream_id, finding.what) for finding in report.findings]
    show_table("Differences", ("position", "stream", "what"), rows)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every read model.")
@click.option(
    "--compare-only", is_flag=True, help="Compare the rebuilt rows with those that serve, and change nothing."
)
@click.option("--workers", type=click.IntRange(1), help="Fold with so many processes.  [default: as many as pay]")
@click.option("--rollback", is_flag=True, help="Serve the set again that the last rebuild replaced.")
@data_option
@click.pass_context
def rebuild(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    every: bool,
    compare_only: bool,
    workers: int | None,
    rollback: bool,
    data: Path | None,
) -> None:
    """Build read models anew from the log while the present ones go on serving.

    With --compare-only, exits 1 where the rebuilt rows differ.
    """
    import asyncio

    from supportix.projections.catalogue import PROJECTIONS

    if [bool(names), every, rollback].count(True) != 1:
        raise CommandRefused(f"expected --all, --rollback, or names of read models: {', '.join(PROJECTIONS)}")
    settings = command_settings(data)
    if rollback:
        serving = asyncio.run(_roll_back(settings))
        click.echo(f"The former rows serve again, and catch up with the log: {', '.join(serving)}.")
        return
    wanted = list(PROJECTIONS) if every else list(names)
    report = asyncio.run(_rebuild(settings, wanted, swap=not compare_only, workers=workers))
    rows = [
        (each.table, each.serving_rows, each.rebuilt_rows, "equal" if each.equal else "DIFFERENT")
        for each in report.comparisons
    ]
    show_table(f"At position {report.position:,}", ("table", "serving rows", "rebuilt rows", "content"), rows)
    click.echo("The rebuilt rows serve now." if report.swapped else "Nothing was changed.")
    if compare_only and not report.equal:
        ctx.exit(DIFFERENCE_FOUND)


async def _roll_back(settings: Settings) -> Sequence[str]:
    from supportix.cli.preparing import open_pool
    from supportix.projections.rebuild import roll_back

    async with open_pool(settings) as pool:
        return await roll_back(pool)


async def _rebuild(settings: Settings, names: list[str], *, swap: bool, workers: int | None) -> RebuildReport:
    from supportix.cli.preparing import open_pool
    from supportix.projections.rebuild import rebuild as rebuilt

    async with open_pool(settings) as pool:
        with progress("Rebuild") as advance:
            return await rebuilt(pool, names, swap=swap, workers=workers, progress=advance)
