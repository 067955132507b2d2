"""`supportix create-admin`: one more administrator, as long as one can reach the database."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.environment import command_settings, data_option

if TYPE_CHECKING:
    from supportix.settings import Settings


@click.command("create-admin")
@data_option
@click.option("--username", required=True)
@click.option("--email")
@click.option("--generate-password", is_flag=True, help="Don't ask; make a one-time password and print it.")
def create_admin(data: Path | None, username: str, email: str | None, generate_password: bool) -> None:
    """Create an administrator's account.

    Asks for a password on a terminal; elsewhere, or where the answer is empty, makes a one-time password and prints it.
    """
    import asyncio

    settings = command_settings(data)
    settings.required_database_url()
    chosen = "" if generate_password or not sys.stdin.isatty() else _asked()
    generated = asyncio.run(_create(settings, username, email, chosen))
    click.echo(f"Administrator {username} was created.")
    if generated is not None:
        click.echo(f"One-time password: {generated}")


def _asked() -> str:
    prompt = "Password (empty: make a one-time password)"
    answer: str = click.prompt(
        prompt, default="", show_default=False, hide_input=True, confirmation_prompt=True, err=True
    )
    return answer


async def _create(settings: Settings, username: str, email: str | None, chosen: str) -> str | None:
    """The one-time password where one was made. Raises what Accounts.prepare and create do."""
    from supportix.cli.preparing import open_pool
    from supportix.identity.accounts import Accounts
    from supportix.identity.passwords import one_time_password
    from supportix.identity.roles import Role

    generated = None if chosen else one_time_password()
    async with open_pool(settings) as pool:
        accounts = Accounts(pool)
        prepared = await accounts.prepare(
            username=username,
            password=chosen or generated or "",
            role=Role.ADMIN,
            email=email,
            must_change_password=generated is not None,
            now=datetime.now(UTC),
        )
        await accounts.create(prepared)
    return generated
