"""The command line. Every command imports what it needs when it runs, so that `supportix --help` answers at once."""

from __future__ import annotations

from typing import Any

import rich_click as click
from click.exceptions import Exit

from supportix.cli import (
    accounts,
    configuration,
    events,
    forecast,
    history,
    imports,
    merges,
    migrate,
    parked,
    partitions,
    routing,
    serving,
    simulate,
    staffing,
    state,
    status,
    traffic,
    up,
)
from supportix.cli.errors import FAULT, INTERRUPTED, REFUSED, one_line


class Commands(click.RichGroup):
    """Ends every command the same way: refusals in one line, tracebacks only for those who ask for them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except (click.ClickException, Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params["debug"]:
                raise
            refusal = one_line(error)
            why = refusal or f"{type(error).__name__}: {error} (a fault; `supportix --debug` shows where)"
            click.echo(f"error: {why}", err=True)
            ctx.exit(FAULT if refusal is None else REFUSED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="supportix")
def supportix(debug: bool) -> None:
    """Customer support that can explain itself.

    `supportix up` runs everything on this machine. Settings come from SUPPORTIX_* variables and from `.env`.
    """


for _command in (
    up.up,
    serving.api,
    serving.worker,
    serving.demo_arrivals,
    migrate.migrate,
    accounts.create_admin,
    status.status,
    partitions.partitions,
    events.events,
    imports.import_,
    traffic.traffic,
    forecast.forecast,
    history.audit,
    history.rebuild,
    merges.merges,
    staffing.staffing,
    state.state,
    simulate.simulate,
    parked.parked,
    routing.routing,
    configuration.config,
):
    supportix.add_command(_command)


def main() -> None:
    """The console script. Exit codes are listed in docs/running.md."""
    supportix(prog_name="supportix")
