"""Abandonments and handle times in the traffic, pasts from before the desk, and what departments are planned by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LIVE = "read_model"
MOMENT = sa.DateTime(timezone=True)
COUNTS = {
    "past_arrivals": sa.Integer(),
    "abandonments": sa.Integer(),
    "handled": sa.Integer(),
    "handle_seconds": sa.BigInteger(),
}


def upgrade() -> None:
    for name, kind in COUNTS.items():
        _add("traffic_history", sa.Column(name, kind, nullable=False, server_default=sa.text("0")))
    op.create_index("ix_traffic_history_quarter", "traffic_history", ["quarter"], schema=LIVE)
    _add("departments", sa.Column("calendar", JSONB(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("departments", sa.Column("staffing", JSONB()), schema=LIVE)
    op.create_table(
        "known_events",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("begins_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_known_events"),
        schema=LIVE,
    )
    op.create_index(
        "ix_known_events_department_id_begins_at", "known_events", ["department_id", "begins_at"], schema=LIVE
    )
    op.create_table(
        "handle_times",
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("department_id", "day", "bucket", name="pk_handle_times"),
        schema=LIVE,
    )
    op.create_table(
        "traffic_pasts",
        sa.Column("past_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("spans", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("past_id", name="pk_traffic_pasts"),
        schema=LIVE,
    )
    op.create_table(
        "open_tickets",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("home_department_id", sa.Uuid()),
        sa.Column("untouched", sa.Boolean(), nullable=False),
        sa.Column("agent_id", sa.Uuid()),
        sa.Column("counting_since", MOMENT),
        sa.Column("held_ms", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_open_tickets"),
        schema=LIVE,
    )
    op.execute(
        f"INSERT INTO {LIVE}.open_tickets SELECT ticket_id, home_department_id, false, NULL, NULL, '{{}}' "
        f"FROM {LIVE}.moved_tickets"
    )
    op.drop_table("moved_tickets", schema=LIVE)


def downgrade() -> None:
    op.create_table(
        "moved_tickets",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("home_department_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_moved_tickets"),
        schema=LIVE,
    )
    op.execute(
        f"INSERT INTO {LIVE}.moved_tickets SELECT ticket_id, home_department_id FROM {LIVE}.open_tickets "
        "WHERE home_department_id IS NOT NULL"
    )
    for table in ("open_tickets", "traffic_pasts", "handle_times", "known_events"):
        op.drop_table(table, schema=LIVE)
    op.drop_column("departments", "staffing", schema=LIVE)
    op.drop_column("departments", "calendar", schema=LIVE)
    op.drop_index("ix_traffic_history_quarter", table_name="traffic_history", schema=LIVE)
    for name in COUNTS:
        op.drop_column("traffic_history", name, schema=LIVE)


def _add(table: str, column: sa.Column[object]) -> None:
    """A column whose rows of before get its default, which later ones have to name."""
    op.add_column(table, column, schema=LIVE)
    op.alter_column(table, column.name, server_default=None, schema=LIVE)
