"""Fresh databases for tests: migrated, empty, and cheap, since those whose schema was left alone are used again."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import psycopg

from supportix.migrating import upgrade

_SCHEMA = """
SELECT (SELECT count(*) + max(oid::bigint) FROM pg_class), (SELECT max(oid::bigint) FROM pg_proc),
       (SELECT md5(string_agg(attname, ',' ORDER BY attrelid, attnum)) FROM pg_attribute),
       (SELECT md5(string_agg(relname, ',' ORDER BY oid)) FROM pg_class), (SELECT count(*) FROM pg_trigger)
"""
"""Differs after any CREATE, ALTER, RENAME or DROP that a test may do."""

_EMPTY = """
DO $$
DECLARE
    relation regclass;
    full_ones text[] := '{}';
    found boolean;
BEGIN
    FOR relation IN SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('public', 'read_model')
        AND c.relname <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO found;
        IF found THEN
            full_ones := full_ones || relation::text;
        END IF;
    END LOOP;
    IF full_ones <> '{}' THEN
        EXECUTE 'TRUNCATE ' || array_to_string(full_ones, ', ') || ' CASCADE';
    END IF;
END
$$
"""


class Databases:
    """Makes databases on one server."""

    def __init__(self, server_url: str) -> None:
        self._url = server_url
        self._server = psycopg.connect(server_url, autocommit=True)
        self._spare: list[str] = []
        self._names = (f"test_{number}" for number in count())
        self._server.execute("CREATE DATABASE migrated")
        upgrade(self._url_of("migrated"))
        with psycopg.connect(self._url_of("migrated")) as connection:
            self._schema = self._schema_of(connection)

    def close(self) -> None:
        self._server.close()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of a database that nobody else uses meanwhile."""
        name = self._spare.pop() if self._spare else self._create()
        yield self._url_of(name)
        self._server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        with psycopg.connect(self._url_of(name), autocommit=True) as connection:
            reusable = self._schema_of(connection) == self._schema
            if reusable:
                connection.execute(_EMPTY)
        if reusable:
            self._spare.append(name)
        else:
            self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _create(self) -> str:
        name = next(self._names)
        self._server.execute(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY FILE_COPY")
        return name

    def _url_of(self, name: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{name}").geturl()

    @staticmethod
    def _schema_of(connection: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
        return connection.execute(_SCHEMA).fetchone()
