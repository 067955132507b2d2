"""The table of learned models."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, Identity, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from supportix.schema import metadata

routing_models = Table(
    "routing_models",
    metadata,
    Column("version", Integer, Identity(always=True), primary_key=True),
    Column("trained_at", DateTime(timezone=True), nullable=False),
    # The position of the log up to which the model learned from it.
    Column("trained_until", BigInteger, nullable=False),
    Column("precision", Double, nullable=False),
    Column("learned_with", Text, nullable=False),
    Column("evaluation", JSONB, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
    Index("uq_routing_models_active", "active", unique=True, postgresql_where="active"),
)
"""Models never change; one of them is active, or none."""
