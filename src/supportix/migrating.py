"""Brings a database to the schema of this release, one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from supportix.schema import metadata

_DECLARING = (
    "supportix.store.schema",
    "supportix.identity.schema",
    "supportix.projections.schema",
)
_MIGRATE_LOCK = 7_305_113_027_002

for _module in _DECLARING:
    import_module(_module)


def compared(item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Whether migrations and models are compared on it; partitions and shadow sets are not."""
    schema = getattr(item, "schema", None) or getattr(getattr(item, "table", None), "schema", None)
    if schema not in {None, "public", "read_model"}:
        return False
    return not (kind in {"table", "index"} and name is not None and name.startswith("events_p"))


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate up to a revision. Waits while another process migrates."""
    with _configured(database_url) as config:
        command.upgrade(config, revision)


def downgrade(database_url: str, revision: str = "base") -> None:
    with _configured(database_url) as config:
        command.downgrade(config, revision)


def expected_revision() -> str | None:
    """The revision that this release's code is written for."""
    return ScriptDirectory(str(_scripts())).get_current_head()


def differences(database_url: str) -> list[Any]:
    """What the models declare and the migrated database lacks, or the other way round."""
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


def _scripts() -> Path:
    shipped = Path(__file__).parent / "migrations"
    return shipped if shipped.exists() else Path(__file__).parents[2] / "migrations"


@contextmanager
def _configured(database_url: str) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    engine = _engine(database_url)
    with engine.connect() as connection, engine.connect() as guard:
        guard.execute(sa.select(sa.func.pg_advisory_lock(_MIGRATE_LOCK)))
        config.attributes["connection"] = connection
        yield config
        connection.commit()
    engine.dispose()


def _engine(database_url: str) -> sa.Engine:
    return sa.create_engine(sa.make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
