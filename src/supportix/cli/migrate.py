"""`supportix migrate`: brings the database to the schema of this release, or back."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import CommandRefused


@click.command()
@data_option
@click.option("--to", metavar="REVISION", help="Migrate up to this revision.  [default: the newest]")
@click.option("--down", metavar="REVISION", help="Migrate down to this revision; `base` removes all tables.")
def migrate(data: Path | None, to: str | None, down: str | None) -> None:
    """Bring the database to this release's schema.

    Several at once wait for each other. Nothing happens where the schema is there already.
    """
    if to and down:
        raise CommandRefused("--to and --down were given; one of them was expected")
    settings = command_settings(data)
    url = settings.required_database_url()
    from alembic.util import CommandError

    from supportix import migrating
    from supportix.cli.connecting import connected

    with connected(settings):
        pass
    try:
        migrating.downgrade(url, down) if down else migrating.upgrade(url, to or "head")
    except CommandError as error:
        raise CommandRefused(str(error)) from error
    click.echo(f"The database is at revision {down or to or migrating.expected_revision()}.")
