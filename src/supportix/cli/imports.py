"""`supportix import`: a history from a file of CSV or JSON lines becomes events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.output import progress, show_table

if TYPE_CHECKING:
    from supportix.importing.run import ImportSummary, Mode
    from supportix.settings import Settings


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", required=True, help="The name of a shipped mapping, or a TOML file.")
@click.option(
    "--mode",
    type=click.Choice(["recorded", "replayed"]),
    required=True,
    help="recorded: agents as the file says. replayed: arrivals as the file says, agents as a policy chooses.",
)
@click.option("--policy", default="least_busy", show_default=True, help="Of the departments that are made.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N tickets.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the full report as JSON.")
@data_option
def import_(
    *, file: Path, mapping: str, mode: Mode, policy: str, limit: int | None, report: Path | None, data: Path | None
) -> None:
    """Import tickets with their history from a change log: CSV, or JSON lines (.jsonl, .ndjson), gzipped or not.

    An import that was interrupted goes on where it stopped; one that is finished isn't done again.
    """
    import asyncio

    settings = command_settings(data)
    settings.required_database_url()
    summary = asyncio.run(_import(settings, file, mapping, mode, policy, limit))
    if report is not None:
        import msgspec

        report.write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    _show(summary)


async def _import(
    settings: Settings, file: Path, mapping: str, mode: Mode, policy: str, limit: int | None
) -> ImportSummary:
    from supportix.bootstrap import open_core, utc_now
    from supportix.importing.mapping import load_mapping
    from supportix.importing.run import import_history

    rules = load_mapping(mapping)
    async with open_core(settings) as core:
        await core.departments.ensure_triage(at=utc_now())  # Before a department of the file can take its name.
        with progress("Import") as advance:
            return await import_history(
                core,
                file,
                rules,
                mode,
                policy=policy,
                limit=limit,
                progress=lambda stage, done, total: advance(done, total, f"Import: {stage}"),
            )


def _show(summary: ImportSummary) -> None:
    """The refused share comes first, so that nobody overlooks it."""
    report = summary.report
    share = report.rows_refused / max(report.rows_read, 1)
    click.echo(f"{report.rows_refused:,} of {report.rows_read:,} rows were refused ({share:.2%}).")
    if summary.done_before:
        click.echo("This file had been imported before in this way; nothing was written.")
    else:
        click.echo(
            f"{summary.tickets:,} tickets, {summary.departments:,} departments, {summary.agents:,} agents and "
            f"{summary.customers:,} customers became {summary.events:,} events in {summary.seconds:.1f} s."
        )
        click.echo(f"{summary.waiting:,} tickets still waited when the history ended.")
    show_table("Decisions", ("decision", "count", "meaning", "first lines"), report.decision_rows())
    if report.refused:
        show_table("Refused rows", ("line", "reason"), report.refusal_rows())
