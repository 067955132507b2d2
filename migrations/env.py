"""Runs migrations on the connection that supportix.migrating hands over."""

from alembic import context

from supportix.migrating import compared, declared

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=declared(),
    include_object=compared,
    compare_type=True,
    include_schemas=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
