"""`supportix config`: the settings as they take effect, without their secrets."""

from __future__ import annotations

import re
from pathlib import Path

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.output import show_table

_PASSWORD = re.compile(r"(?<=://)(?:[^\s/@:]+(?=@)|(?P<user>[^\s/@:]*:)[^\s/@]+(?=@))")


@click.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def config(data: Path | None, as_json: bool) -> None:
    """Show the settings in effect, secrets masked."""
    import msgspec

    from supportix.cli.environment import environment_of

    settings = command_settings(data)
    values = {name: masked(name, value) for name, value in environment_of(settings).items()}
    if as_json:
        click.echo(msgspec.json.encode(values))
        return
    unset = [f"SUPPORTIX_{name.upper()}" for name, value in msgspec.structs.asdict(settings).items() if value is None]
    show_table("Settings", ("variable", "value"), [*values.items(), *((name, "(not set)") for name in unset)])


def masked(name: str, value: str) -> str:
    """The value without what would let its reader in."""
    if any(word in name.lower() for word in ("secret", "password", "token", "key")):
        return f"(set, {len(value)} characters)"
    return _PASSWORD.sub(lambda found: f"{found['user'] or ''}***", value)
