"""Real servers for the realtime tests: one PostgreSQL with a migrated template, and a NATS server for each test."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from supportix.embedded import EmbeddedNats, EmbeddedPostgres
from supportix.migrating import upgrade


def _url_of(server_url: str, name: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with an empty database of our schema, for others to be copied from."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE migrated")
        upgrade(_url_of(server.url, "migrated"))
        yield server.url


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The URL of a fresh database."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[EmbeddedNats]:
    with EmbeddedNats(tmp_path / "nats") as server:
        yield server


class fresh_database:  # noqa: N801 - reads as a verb phrase where it is used.
    """A copy of the migrated template, dropped afterwards."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._name = f"realtime_{uuid4().hex}"

    def __enter__(self) -> str:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self._name} TEMPLATE migrated")
        return _url_of(self._server_url, self._name)

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {self._name} WITH (FORCE)")
