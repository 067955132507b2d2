"""How fast each department's queue is served, apart from where its tickets are at home.

What is there of the past counts at home until the read models are rebuilt by the new code: the two are the same but for
tickets that merges moved.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

LIVE = "read_model"


def upgrade() -> None:
    op.create_table(
        "queue_pace",
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("quarter", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("department_id", "quarter", name="pk_queue_pace"),
        schema=LIVE,
    )
    op.execute(
        "INSERT INTO read_model.queue_pace SELECT department_id, quarter, assignments "
        "FROM read_model.traffic_history WHERE assignments > 0"
    )


def downgrade() -> None:
    op.drop_table("queue_pace", schema=LIVE)
