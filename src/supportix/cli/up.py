"""`supportix up`: the whole system on this machine, from nothing to a URL, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.errors import INTERRUPTED
from supportix.cli.output import say

if TYPE_CHECKING:
    from supportix.cli.supervisor import Supervisor
    from supportix.cli.system import System
    from supportix.settings import Settings


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where everything is kept.  [default: .supportix]",
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Of the API.  [default: 8000, or the next that is free]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--demo", is_flag=True, help="Fill an empty store with a demo company, and keep tickets coming in.")
@click.option("--api-processes", type=click.IntRange(1, 64), help="How many processes serve the API.  [default: 1]")
@click.pass_context
def up(
    ctx: click.Context, *, data: Path | None, port: int | None, host: str | None, demo: bool, api_processes: int | None
) -> None:
    """Run everything on this machine until Ctrl-C.

    Brings its own PostgreSQL and NATS, unless SUPPORTIX_DATABASE_URL or SUPPORTIX_NATS_URL name others. The first start
    prints an administrator's one-time password.
    """
    import msgspec

    from supportix.cli.stopping import StopRequested, stop_signals
    from supportix.cli.supervisor import Supervisor
    from supportix.logs import configure_logging
    from supportix.settings import load_settings

    settings = load_settings(data_directory=data, host=host, port=port, api_processes=api_processes)
    form = "text" if settings.log_format == "auto" else settings.log_format
    configure_logging(msgspec.structs.replace(settings, log_format=form), "up")
    must_be_this = port is not None or settings.port != type(settings)().port
    supervisor = Supervisor()
    try:
        with stop_signals(supervisor.kill):
            _run(supervisor, settings, must_be_this=must_be_this, demo=demo)
    except StopRequested as stop:
        ctx.exit(INTERRUPTED if stop.by_keyboard else 0)


def _run(supervisor: Supervisor, settings: Settings, *, must_be_this: bool, demo: bool) -> None:
    import msgspec

    from supportix.cli.ports import held_port
    from supportix.cli.stopping import StopRequested
    from supportix.cli.system import System, held_directory
    from supportix.embedded.directory import secret_in

    directory = settings.data_directory.expanduser().resolve()
    with held_directory(directory) as lock, held_port(settings.host, settings.port, must_be_this=must_be_this) as port:
        if port != settings.port:
            say(f"Port {settings.port} is taken; the API takes {port}.")
        secret = settings.secret or secret_in(directory / "secret")
        settings = msgspec.structs.replace(settings, data_directory=directory, port=port, secret=secret)
        with supervisor, System(supervisor, settings, lock) as system:
            try:
                _start(system, demo=demo)
                system.watch()
            except StopRequested:
                say("Stopping; press Ctrl-C again to kill.")
                raise


def _start(system: System, *, demo: bool) -> None:
    """Everything up to the URL. One-time passwords are shown even where the start fails after they were made."""
    from supportix.cli.preparing import fill_demo, prepare

    logins: list[tuple[str, str]] = []
    say("Starting PostgreSQL and NATS.")
    system.start_servers()
    try:
        say("Preparing the database.")
        password = prepare(system.settings)
        logins += [("admin", password)] if password is not None else []
        if demo:
            logins += [(login.username, login.password) for login in fill_demo(system.settings)]
        say("Starting the API and a worker.")
        system.start_children(demo=demo)
        click.echo(f"\nSupportix is ready: {system.url}\n")
    finally:
        _show(logins)
    say("Press Ctrl-C to stop.")


def _show(logins: Sequence[tuple[str, str]]) -> None:
    if not logins:
        return
    click.echo("These passwords are shown this once:\n")
    width = max(len(username) for username, _ in logins)
    for username, password in logins:
        click.echo(f"    {username:<{width}}  {password}")
    click.echo("\nThe administrator chooses another one at the first log-in.\n")
