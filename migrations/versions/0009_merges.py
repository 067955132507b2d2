"""The read models of merges, and where tickets that a merge moved are at home."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "merges",
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("suggested_by", sa.Text(), nullable=False),
        sa.Column("triggers", postgresql.JSONB(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("dissolved_by", sa.Text(), nullable=True),
        sa.Column("abandon_reason", sa.Text(), nullable=True),
        sa.Column("begin_evidence", postgresql.JSONB(), nullable=True),
        sa.Column("end_evidence", postgresql.JSONB(), nullable=True),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("passed_over", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.Column("suggested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merge_id", name="pk_merges"),
        schema="read_model",
    )
    op.create_index(
        "ix_merges_suggested_at_merge_id", "merges", ["suggested_at", "merge_id"], unique=False, schema="read_model"
    )
    op.create_index("ix_merges_state", "merges", ["state"], unique=False, schema="read_model")
    op.create_table(
        "department_merging",
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=True),
        sa.Column("merge_id", sa.Uuid(), nullable=True),
        sa.Column("merge_left_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("department_id", name="pk_department_merging"),
        schema="read_model",
    )
    op.create_table(
        "moved_tickets",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("home_department_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_moved_tickets"),
        schema="read_model",
    )


def downgrade() -> None:
    op.drop_table("moved_tickets", schema="read_model")
    op.drop_table("department_merging", schema="read_model")
    op.drop_index("ix_merges_state", table_name="merges", schema="read_model")
    op.drop_index("ix_merges_suggested_at_merge_id", table_name="merges", schema="read_model")
    op.drop_table("merges", schema="read_model")
