"""Learned models of routing, and the tags that they suggest for tickets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LIVE = "read_model"


def upgrade() -> None:
    op.create_table(
        "routing_models",
        sa.Column("version", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trained_until", sa.BigInteger(), nullable=False),
        sa.Column("precision", sa.Double(), nullable=False),
        sa.Column("learned_with", sa.Text(), nullable=False),
        sa.Column("evaluation", JSONB(), nullable=False),
        sa.Column("checksum", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_routing_models"),
    )
    op.create_index(
        "uq_routing_models_active", "routing_models", ["active"], unique=True, postgresql_where=sa.text("active")
    )
    tags = sa.Column("suggested_tags", ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'"))
    op.add_column("tickets", tags, schema=LIVE)
    op.alter_column("tickets", "suggested_tags", server_default=None, schema=LIVE)


def downgrade() -> None:
    op.drop_column("tickets", "suggested_tags", schema=LIVE)
    op.drop_table("routing_models")
