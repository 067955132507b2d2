"""The migrated database is the one that the models declare."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from supportix.migrating import differences, downgrade, expected_revision, upgrade


@pytest.fixture
def empty_database(postgres_server):
    """A database without a single migration."""
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE unmigrated")
        yield postgres_server.url.rsplit("/", 1)[0] + "/unmigrated"
        connection.execute("DROP DATABASE unmigrated WITH (FORCE)")


def revision(url: str) -> str | None:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return row[0] if row else None


def test_models_and_migrations_agree(database_url):
    assert differences(database_url) == []
    assert revision(database_url) == expected_revision()


def test_a_difference_would_be_found(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE streams ADD COLUMN surprise integer")
        connection.execute("ALTER TABLE read_model.tickets DROP COLUMN tags")
    assert len(differences(database_url)) == 2


def test_migrations_can_be_taken_back_and_made_again(database_url):
    downgrade(database_url)
    with psycopg.connect(database_url) as connection:
        left = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema IN ('public', 'read_model')"
        ).fetchall()
    assert left == [("alembic_version",)]
    upgrade(database_url)
    assert differences(database_url) == []


def test_processes_that_start_together_migrate_once(empty_database):
    with ThreadPoolExecutor(4) as processes:
        list(processes.map(upgrade, [empty_database] * 4))
    assert revision(empty_database) == expected_revision()
    assert differences(empty_database) == []
