"""`supportix import`, `audit` and `rebuild`: work on the whole history, with a progress bar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import DIFFERENCE_FOUND, CommandRefused
from supportix.cli.optional import optional
from supportix.cli.output import progress, say, show_table

if TYPE_CHECKING:
    from supportix.importing.report import ImportReport


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", required=True, help="The name of a shipped mapping, or a TOML file.")
@click.option(
    "--mode",
    type=click.Choice(["recorded", "replayed"]),
    required=True,
    help="recorded: agents as the file says. replayed: arrivals as the file says, agents by the present policies.",
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N tickets.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the full report as JSON.")
@data_option
def import_(file: Path, mapping: str, mode: str, limit: int | None, report: Path | None, data: Path | None) -> None:
    """Import tickets with their history from a CSV file."""
    import msgspec

    settings = command_settings(data)
    import_history = optional("supportix.importing.run", "import_history")
    with progress("Import") as advance:
        summary = import_history(settings, file, mapping, mode, advance, limit=limit)
    if report is not None:
        report.write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    _show_report(summary.report)


def _show_report(report: ImportReport) -> None:
    """The refused share comes first, so that nobody overlooks it."""
    share = report.rows_refused / max(report.rows_read, 1)
    click.echo(f"{report.rows_refused:,} of {report.rows_read:,} rows were refused ({share:.2%}).")
    click.echo(f"{report.tickets:,} tickets with {report.steps:,} steps were read from the other {report.rows_used:,}.")
    show_table("Decisions", ("decision", "count", "meaning", "first lines"), report.decision_rows())
    if report.refused:
        show_table("Refused rows", ("line", "reason"), report.refusal_rows())


@click.command()
@click.option("--since", type=click.IntRange(0), help="Check assignments after this position.")
@click.option("--until", type=click.IntRange(0), help="Check assignments up to this position.")
@click.option("--department", help="Only this department's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_option
@click.pass_context
def audit(
    ctx: click.Context, since: int | None, until: int | None, department: str | None, as_json: bool, data: Path | None
) -> None:
    """Prove each assignment by replay, or name the first difference.

    Exits 1 where a difference is found.
    """
    import msgspec

    settings = command_settings(data)
    with progress("Audit") as advance:
        result: Any = optional("supportix.processes.audit", "audit")(
            settings, advance, since=since, until=until, department=department
        )
    click.echo(msgspec.json.encode(result) if as_json else str(result))
    if result.differences:
        ctx.exit(DIFFERENCE_FOUND)


@click.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Every read model.")
@click.option("--compare-only", is_flag=True, help="Rebuild beside the serving rows, compare, and change nothing.")
@data_option
@click.pass_context
def rebuild(ctx: click.Context, name: str | None, every: bool, compare_only: bool, data: Path | None) -> None:
    """Build a read model anew from the log while the old one goes on serving."""
    if (name is None) is not every:
        raise CommandRefused("expected the name of one read model, or --all")
    from supportix.projections.catalogue import PROJECTIONS

    if name is not None and name not in PROJECTIONS:
        raise CommandRefused(f"there is no read model {name!r}; expected one of {', '.join(PROJECTIONS)}")
    settings = command_settings(data)
    differing = []
    for each in [name] if name else PROJECTIONS:
        with progress(f"Rebuild {each}") as advance:
            outcome = optional("supportix.projections.rebuild", "rebuild")(
                settings, each, advance, compare_only=compare_only
            )
        say(f"{each}: {outcome}")
        differing += [each] if outcome.differs else []
    if differing:
        ctx.exit(DIFFERENCE_FOUND)
