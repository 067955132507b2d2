"""Which settings a command works with: its own, and where they name no database, those of `supportix up` beside it.

While it runs, `supportix up` keeps the addresses and the secret of its servers in the data directory, in a file that
only its user can read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from supportix.settings import Settings

FILE = "environment"

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The data directory of `supportix up`.  [default: .supportix]",
)


def command_settings(data: Path | None = None, **overrides: Any) -> Settings:
    """Settings of a command beside a running system. Raises SettingRefused."""
    from supportix.settings import load_settings

    settings = load_settings(data_directory=data, **overrides)
    kept = settings.data_directory / FILE
    if settings.database_url or not kept.is_file():
        return settings
    pairs = (line.split("=", 1) for line in kept.read_text().splitlines() if "=" in line)
    return load_settings(dict(pairs) | dict(os.environ), data_directory=data, **overrides)


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables from which another process loads the same settings."""
    import msgspec

    from supportix.settings import PREFIX

    values = msgspec.structs.asdict(settings)
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items() if value is not None}


def keep(settings: Settings) -> None:
    """Let commands beside this process find its servers."""
    from supportix.embedded.directory import write_private

    lines = [f"{name}={value}" for name, value in environment_of(settings).items()]
    write_private(settings.data_directory / FILE, "\n".join(lines))


def forget(settings: Settings) -> None:
    (settings.data_directory / FILE).unlink(missing_ok=True)
