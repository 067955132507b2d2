"""Tables of the event store: events, streams, commands, snapshots, leases, checkpoints and ticket number blocks."""

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, LargeBinary, Table, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB

from supportix.schema import metadata

PARTITION_POSITIONS = 16_777_216
"""How many positions one partition of `events` holds."""

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("stream_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("command_id", Uuid, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("ix_events_stream_id_version", "stream_id", "version"),
    postgresql_partition_by="RANGE (position)",
)
"""The log. Partitioned, so (stream_id, version) can't be unique here: `streams` and the append lock guard it."""

streams = Table(
    "streams",
    metadata,
    Column("stream_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "70"},
)
"""The version of each stream, and bounds of the positions that its events lie between."""

commands = Table(
    "commands",
    metadata,
    Column("command_id", Uuid, primary_key=True),
    Column("fingerprint", LargeBinary),
    Column("answer", LargeBinary),
    Column("actor_id", Uuid),
    Column("correlation_id", Uuid),
    Column("causation_id", Uuid),
    Column("trace_context", Text),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
"""One row per command that was carried out: who sent it, what it wrote, and the answer that a repeat gets again."""

snapshots = Table(
    "snapshots",
    metadata,
    Column("stream_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("definition", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""Up to which position each read model holds the log. Changed only together with the rows, by the lease's owner."""

parked_streams = Table(
    "parked_streams",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("stream_id", Uuid, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("dropped_at", DateTime(timezone=True)),
)
"""Streams that a read model leaves out from a position on; with `dropped_at`, somebody wants it so."""

agent_heartbeats = Table(
    "agent_heartbeats",
    metadata,
    Column("agent_id", Uuid, primary_key=True),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
"""When agents who are watched were last heard of: those whose programs ever sent a heartbeat, until they sign off."""

ticket_number_blocks = Table(
    "ticket_number_blocks",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("next_number", BigInteger, nullable=False, server_default=text("1")),
)

imports = Table(
    "imports",
    metadata,
    Column("import_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("first_numbers", JSONB, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("tickets", Integer, nullable=False),
)
"""Imports begun and finished. `first_numbers`: by year, the first of the ticket numbers set aside for it."""

unique_names = Table(
    "unique_names",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("holder_id", Uuid, nullable=False),
    Index("ix_unique_names_holder_id", "holder_id"),
)
"""Names that only one aggregate may bear. A row is written in the transaction that appends the naming event."""
