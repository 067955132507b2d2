"""A short connection to the database, for commands that look at it once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    from supportix.settings import Settings

CONNECT_SECONDS = 5


@contextmanager
def connected(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits each statement. Raises SettingRefused where PostgreSQL doesn't answer."""
    import psycopg

    from supportix.settings import SettingRefused

    url = settings.required_database_url()
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except psycopg.Error as error:
        why = str(error).strip().splitlines()[-1]
        raise SettingRefused(f"SUPPORTIX_DATABASE_URL: PostgreSQL doesn't answer there: {why}") from error
    with connection:
        yield connection
