"""Settings, from SUPPORTIX_* environment variables and a `.env` file. Read by the composition root alone."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

PREFIX = "SUPPORTIX_"
SHORTEST_SECRET = 32


class SettingRefused(Exception):  # noqa: N818 - says what was expected.
    """A setting is missing or doesn't fit; the message names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are and how large they may be. Seconds and bytes where a name doesn't say."""

    database_url: str | None = None
    nats_url: str | None = None
    secret: str | None = None
    """Signs tokens; at least 32 characters. `supportix up` makes one and keeps it in the data directory."""
    data_directory: Path = Path(".supportix")
    host: str = "127.0.0.1"
    port: int = 8000
    api_processes: int = 1
    pool_size: int = 8
    consistency_wait_seconds: float = 2.0
    forecast_workers: int = 1
    """How many processes fit the models of forecasts at the same time."""
    forecast_backend: str = "local"
    """`local`, or where statsforecast's models are fitted instead: `dask`, or the address of a Dask scheduler."""
    log_level: str = "info"
    log_format: str = "auto"
    """`json`, `text`, or `auto`: text on a terminal."""

    def required_database_url(self) -> str:
        """Raises SettingRefused."""
        if not self.database_url:
            raise SettingRefused(
                f"{PREFIX}DATABASE_URL is not set; a URL like postgresql://user:password@host/name was expected"
            )
        return self.database_url

    def required_secret(self) -> bytes:
        """Raises SettingRefused."""
        secret = (self.secret or "").encode()
        if len(secret) < SHORTEST_SECRET:
            raise SettingRefused(
                f"{PREFIX}SECRET is not set or too short; at least {SHORTEST_SECRET} random characters were expected"
            )
        return secret


def load_settings(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Environment first, then `.env` of the working directory; overrides that aren't None win.

    Raises SettingRefused.
    """
    found = _dotenv(Path(".env")) | dict(os.environ if environment is None else environment)
    values: dict[str, object] = {
        name.removeprefix(PREFIX).lower(): value for name, value in found.items() if name.startswith(PREFIX) and value
    }
    values = {name: value for name, value in values.items() if name in Settings.__struct_fields__}
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise SettingRefused(f"{PREFIX}* settings: {error}") from error


def _path(kind: type, value: object) -> object:
    return kind(value)


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}
