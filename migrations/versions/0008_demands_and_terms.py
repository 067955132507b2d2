"""Read models tell what tickets ask for, agents' skills and duty, and departments' terms; agents have heartbeats.

Rows that are there get what holds where nothing was ever said, until the read models are rebuilt by the new code.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LIVE = "read_model"
QUEUE_ORDER = "ix_department_queue_order"
MOMENT = sa.DateTime(timezone=True)

ADDED: dict[str, list[tuple[str, sa.types.TypeEngine, str | None]]] = {
    "agent_load": [
        ("on_duty", sa.Boolean(), "true"),
        ("duty_changes_at", MOMENT, None),
        ("skills", JSONB(), "'{}'"),
        ("schedule", JSONB(), "'{}'"),
        ("open_tickets", sa.Integer(), "0"),
    ],
    "departments": [
        ("targets", JSONB(), "'{}'"),
        ("weights_by_priority", JSONB(), "'{}'"),
        ("weights_by_channel", JSONB(), "'{}'"),
        ("offline_after", sa.Integer(), None),
        ("unanswered_after", sa.Integer(), None),
        ("stays_online", sa.Boolean(), "false"),
    ],
    "department_queue": [
        ("kept_back", sa.Boolean(), "true"),
        ("due_at", MOMENT, "'9999-12-31Z'"),
        ("demand", JSONB(), "'{}'"),
    ],
}
"""New columns by table; those without a default may be null."""


def upgrade() -> None:
    for table, columns in ADDED.items():
        for name, kind, default in columns:
            server_default = sa.text(default) if default is not None else None
            column = sa.Column(name, kind, nullable=default is None, server_default=server_default)
            op.add_column(table, column, schema=LIVE)
            if default is not None:
                op.alter_column(table, name, server_default=None, schema=LIVE)
    op.drop_index(QUEUE_ORDER, table_name="department_queue", schema=LIVE)
    op.create_index(
        QUEUE_ORDER,
        "department_queue",
        ["department_id", "priority_rank", "kept_back", "due_at", "opened_at", "ticket_id"],
        schema=LIVE,
    )
    op.create_index("ix_agent_load_duty_changes_at", "agent_load", ["duty_changes_at"], schema=LIVE)
    op.create_index(
        "ix_tickets_held",
        "tickets",
        ["agent_id"],
        schema=LIVE,
        postgresql_where=sa.text("status IN ('assigned', 'in_progress')"),
    )
    op.create_table(
        "agent_heartbeats",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="pk_agent_heartbeats"),
    )


def downgrade() -> None:
    op.drop_table("agent_heartbeats")
    op.drop_index("ix_tickets_held", table_name="tickets", schema=LIVE)
    op.drop_index("ix_agent_load_duty_changes_at", table_name="agent_load", schema=LIVE)
    op.drop_index(QUEUE_ORDER, table_name="department_queue", schema=LIVE)
    op.create_index(
        QUEUE_ORDER, "department_queue", ["department_id", "priority_rank", "opened_at", "ticket_id"], schema=LIVE
    )
    for table, columns in ADDED.items():
        for name, _, _ in columns:
            op.drop_column(table, name, schema=LIVE)
