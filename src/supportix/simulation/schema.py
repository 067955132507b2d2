"""The table of simulations that were asked for over the API."""

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSON

from supportix.schema import metadata

simulations = Table(
    "simulations",
    metadata,
    Column("simulation_id", Uuid, primary_key=True),
    Column("requested_by", Uuid, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("question", JSON, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False, server_default=""),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("result", JSON),
    Column("why", Text),
    Index("ix_simulations_requested_at", "requested_at", "simulation_id"),
)
"""`position`: the log's head when it was asked, up to which it is read. `why`: why there is no result."""
