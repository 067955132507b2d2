"""Brings a database to the schema of this release, one process at a time.

Alembic and the models are imported only where there is something to migrate or to compare, since each start asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine, MetaData

_DECLARING = (
    "supportix.store.schema",
    "supportix.identity.schema",
    "supportix.routing.schema",
    "supportix.projections.schema",
    "supportix.simulation.schema",
)
_MIGRATE_LOCK = 7_305_113_027_002


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate up to a revision. Waits while another process migrates."""
    if revision in {"head", expected_revision()} and _present_revision(database_url) == expected_revision():
        return
    with _configured(database_url) as config:
        from alembic import command

        command.upgrade(config, revision)


def downgrade(database_url: str, revision: str = "base") -> None:
    with _configured(database_url) as config:
        from alembic import command

        command.downgrade(config, revision)


def expected_revision() -> str:
    """The revision that this release's code is written for: migrations are named by theirs, in their order."""
    return max(path.name for path in (_scripts() / "versions").glob("[0-9]*.py")).split("_")[0]


def differences(database_url: str) -> list[Any]:
    """What the models declare and the migrated database lacks, or the other way round."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    metadata = declared()
    engine = _engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": compared,
                "compare_type": True,
                "include_schemas": True,
                "target_metadata": metadata,
            },
        )
        found: list[Any] = compare_metadata(context, metadata)
    engine.dispose()
    return found


def declared() -> MetaData:
    """Every table that the models declare."""
    from supportix.schema import metadata

    for module in _DECLARING:
        import_module(module)
    return metadata


def compared(item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Whether migrations and models are compared on it; partitions and shadow sets are not."""
    schema = getattr(item, "schema", None) or getattr(getattr(item, "table", None), "schema", None)
    if schema not in {None, "public", "read_model"}:
        return False
    return not (kind in {"table", "index"} and name is not None and name.startswith("events_p"))


def _present_revision(database_url: str) -> str | None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT to_regclass('public.alembic_version')").fetchone()
        if row is None or row[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None


def _scripts() -> Path:
    shipped = Path(__file__).parent / "migrations"
    return shipped if shipped.exists() else Path(__file__).parents[2] / "migrations"


@contextmanager
def _configured(database_url: str) -> Iterator[Config]:
    import sqlalchemy as sa
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    engine = _engine(database_url)
    with engine.connect() as connection, engine.connect() as guard:
        guard.execute(sa.select(sa.func.pg_advisory_lock(_MIGRATE_LOCK)))
        config.attributes["connection"] = connection
        yield config
        connection.commit()
    engine.dispose()


def _engine(database_url: str) -> Engine:
    import sqlalchemy as sa

    return sa.create_engine(sa.make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
