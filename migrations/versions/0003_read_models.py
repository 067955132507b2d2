"""The serving set of read models, in a schema of its own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA read_model")
    op.create_table(
        "agent_load",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("department_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("availability", sa.Text(), nullable=False),
        sa.Column("availability_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("open_work", sa.Integer(), nullable=False),
        sa.Column("assigned_total", sa.Integer(), nullable=False),
        sa.Column("last_assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="pk_agent_load"),
        schema="read_model",
    )
    op.create_table(
        "agent_turns",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("last_turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "department_id", name="pk_agent_turns"),
        schema="read_model",
    )
    op.create_table(
        "department_queue",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("priority_rank", sa.SmallInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_department_queue"),
        schema="read_model",
    )
    op.create_index(
        "ix_department_queue_order",
        "department_queue",
        ["department_id", "priority_rank", "opened_at", "ticket_id"],
        unique=False,
        schema="read_model",
    )
    op.create_table(
        "departments",
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("department_id", name="pk_departments"),
        schema="read_model",
    )
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("priority_rank", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assignment_count", sa.Integer(), nullable=False),
        sa.Column("reopen_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_tickets"),
        schema="read_model",
    )
    op.create_index(
        "ix_tickets_agent_id_opened_at", "tickets", ["agent_id", "opened_at"], unique=False, schema="read_model"
    )
    op.create_index(
        "ix_tickets_department_id_opened_at",
        "tickets",
        ["department_id", "opened_at"],
        unique=False,
        schema="read_model",
    )
    op.create_index("ix_tickets_number", "tickets", ["number"], unique=True, schema="read_model")
    op.create_index(
        "ix_tickets_opened_at_ticket_id", "tickets", ["opened_at", "ticket_id"], unique=False, schema="read_model"
    )
    op.create_index(
        "ix_tickets_requester_id_opened_at", "tickets", ["requester_id", "opened_at"], unique=False, schema="read_model"
    )
    op.create_table(
        "traffic_history",
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("quarter", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrivals", sa.Integer(), nullable=False),
        sa.Column("assignments", sa.Integer(), nullable=False),
        sa.Column("resolutions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("department_id", "quarter", name="pk_traffic_history"),
        schema="read_model",
    )


def downgrade() -> None:
    op.drop_table("traffic_history", schema="read_model")
    op.drop_index("ix_tickets_requester_id_opened_at", table_name="tickets", schema="read_model")
    op.drop_index("ix_tickets_opened_at_ticket_id", table_name="tickets", schema="read_model")
    op.drop_index("ix_tickets_number", table_name="tickets", schema="read_model")
    op.drop_index("ix_tickets_department_id_opened_at", table_name="tickets", schema="read_model")
    op.drop_index("ix_tickets_agent_id_opened_at", table_name="tickets", schema="read_model")
    op.drop_table("tickets", schema="read_model")
    op.drop_table("departments", schema="read_model")
    op.drop_index("ix_department_queue_order", table_name="department_queue", schema="read_model")
    op.drop_table("department_queue", schema="read_model")
    op.drop_table("agent_turns", schema="read_model")
    op.drop_table("agent_load", schema="read_model")
    op.execute("DROP SCHEMA read_model")
