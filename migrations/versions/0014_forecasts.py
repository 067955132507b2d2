"""The read model of forecasts, of what became of them, and of the models behind them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forecasts",
        sa.Column("forecast_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("horizon", sa.Text(), nullable=False),
        sa.Column("begin", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("steps", postgresql.JSONB(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("based_on", sa.BigInteger(), nullable=False),
        sa.Column("carry", sa.Double(), nullable=False),
        sa.Column("quarter_shares", postgresql.JSONB(), nullable=False),
        sa.Column("updated", postgresql.JSONB(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("forecast_id", name="pk_forecasts"),
        schema="read_model",
    )
    op.create_index(
        "ix_forecasts_department_id_horizon_begin",
        "forecasts",
        ["department_id", "horizon", "begin"],
        unique=False,
        schema="read_model",
    )
    op.create_table(
        "forecast_scores",
        sa.Column("score_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lead_hours", sa.Integer(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("actual", sa.Integer(), nullable=False),
        sa.Column("pinball", sa.Double(), nullable=False),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("naive_error", sa.Double(), nullable=True),
        sa.Column("level", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("score_id", name="pk_forecast_scores"),
        schema="read_model",
    )
    op.create_index(
        "ix_forecast_scores_department_id_lead_hours_hour",
        "forecast_scores",
        ["department_id", "lead_hours", "hour"],
        unique=False,
        schema="read_model",
    )
    op.create_index("ix_forecast_scores_hour", "forecast_scores", ["hour"], unique=False, schema="read_model")
    op.create_table(
        "forecast_models",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("members", postgresql.JSONB(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("scores", postgresql.JSONB(), nullable=False),
        sa.Column("evaluated_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times_chosen", sa.Integer(), nullable=False),
        sa.Column("choice_asked", sa.Boolean(), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=False),
        sa.Column("drift_reason", sa.Text(), nullable=False),
        sa.Column("drift_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="pk_forecast_models"),
        schema="read_model",
    )
    op.create_index(
        "ix_forecast_models_department_id", "forecast_models", ["department_id"], unique=True, schema="read_model"
    )


def downgrade() -> None:
    op.drop_table("forecast_models", schema="read_model")
    op.drop_table("forecast_scores", schema="read_model")
    op.drop_table("forecasts", schema="read_model")
