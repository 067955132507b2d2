"""The event store: log, streams, commands, leases, checkpoints, and the function that appends."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTITION_POSITIONS = 16_777_216
FIRST_PARTITIONS = 4

# Taken before positions are given out and held to commit, so that positions become visible in their order. The number
# is arbitrary and the same for every writer.
APPEND_LOCK = 7_305_113_027_001

APPEND_EVENTS = f"""
CREATE FUNCTION append_events(
    command_ids uuid[], fingerprints bytea[], answers bytea[], actor_ids uuid[], correlation_ids uuid[],
    causation_ids uuid[], trace_contexts text[], fence_names text[], fence_epochs bigint[],
    stream_commands int[], stream_ids uuid[], expected_versions int[], resulting_versions int[],
    event_commands int[], event_streams uuid[], event_versions int[], event_names text[], event_bodies bytea[]
) RETURNS TABLE (
    command int, outcome text, first_position bigint, last_position bigint, fingerprint bytea, answer bytea
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    lost int[] := '{{}}';
    more int[];
    head bigint;
    recorded timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock({APPEND_LOCK});
    recorded := clock_timestamp();

    SELECT array_agg(c.ord::int) INTO more
    FROM unnest(command_ids) WITH ORDINALITY AS c(id, ord) JOIN commands AS k ON k.command_id = c.id;
    IF more IS NOT NULL THEN
        RETURN QUERY
            SELECT c.ord::int, 'repeated', k.first_position, k.last_position, k.fingerprint, k.answer
            FROM unnest(command_ids) WITH ORDINALITY AS c(id, ord) JOIN commands AS k ON k.command_id = c.id;
        lost := more;
    END IF;

    IF array_remove(fence_names, NULL) <> '{{}}' THEN
        SELECT array_agg(f.ord::int) INTO more
        FROM unnest(fence_names, fence_epochs) WITH ORDINALITY AS f(name, epoch, ord)
        WHERE f.name IS NOT NULL AND NOT f.ord = ANY (lost) AND NOT EXISTS (
            SELECT 1 FROM leases AS l WHERE l.name = f.name AND l.epoch = f.epoch FOR SHARE);
        IF more IS NOT NULL THEN
            RETURN QUERY
                SELECT n, 'fenced', NULL::bigint, NULL::bigint, NULL::bytea, NULL::bytea FROM unnest(more) AS n;
            lost := lost || more;
        END IF;
    END IF;

    SELECT array_agg(DISTINCT s.command) INTO more
    FROM unnest(stream_commands, stream_ids, expected_versions) AS s(command, id, expected)
    LEFT JOIN streams AS t ON t.stream_id = s.id
    WHERE COALESCE(t.version, 0) <> s.expected AND NOT s.command = ANY (lost);
    IF more IS NOT NULL THEN
        RETURN QUERY
            SELECT n, 'conflict', NULL::bigint, NULL::bigint, NULL::bytea, NULL::bytea FROM unnest(more) AS n;
        lost := lost || more;
    END IF;

    IF cardinality(lost) = cardinality(command_ids) THEN
        RETURN;
    END IF;
    SELECT e.position INTO head FROM events AS e ORDER BY e.position DESC LIMIT 1;
    head := COALESCE(head, 0);

    INSERT INTO events (position, stream_id, version, name, body, command_id, recorded_at)
    SELECT head + row_number() OVER (ORDER BY e.ord), e.stream, e.version, e.name, e.body,
           command_ids[e.command], recorded
    FROM unnest(event_commands, event_streams, event_versions, event_names, event_bodies)
        WITH ORDINALITY AS e(command, stream, version, name, body, ord)
    WHERE NOT e.command = ANY (lost);

    INSERT INTO streams AS t (stream_id, version, first_position, last_position)
    SELECT s.id, s.resulting, head + 1, head + cardinality(event_commands)
    FROM unnest(stream_commands, stream_ids, resulting_versions) AS s(command, id, resulting)
    WHERE NOT s.command = ANY (lost)
    ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, last_position = excluded.last_position;

    RETURN QUERY
        WITH written AS (
            SELECT e.command, count(*) AS events
            FROM unnest(event_commands) AS e(command) WHERE NOT e.command = ANY (lost) GROUP BY e.command
        ), placed AS (
            SELECT w.command, head + sum(w.events) OVER (ORDER BY w.command) AS last, w.events FROM written AS w
        ), kept AS (
            INSERT INTO commands (command_id, fingerprint, answer, actor_id, correlation_id, causation_id,
                                  trace_context, first_position, last_position, recorded_at)
            SELECT command_ids[p.command], fingerprints[p.command], answers[p.command], actor_ids[p.command],
                   correlation_ids[p.command], causation_ids[p.command], trace_contexts[p.command],
                   p.last - p.events + 1, p.last, recorded
            FROM placed AS p
        )
        SELECT p.command, 'appended', (p.last - p.events + 1)::bigint, p.last::bigint, NULL::bytea, NULL::bytea
        FROM placed AS p;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("stream_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("command_id", sa.Uuid, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_events"),
        postgresql_partition_by="RANGE (position)",
    )
    op.create_index("ix_events_stream_id_version", "events", ["stream_id", "version"])
    for n in range(FIRST_PARTITIONS):
        first, beyond = n * PARTITION_POSITIONS, (n + 1) * PARTITION_POSITIONS
        op.execute(f"CREATE TABLE events_p{n:04} PARTITION OF events FOR VALUES FROM ({first}) TO ({beyond})")
    op.create_table(
        "streams",
        sa.Column("stream_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("first_position", sa.BigInteger, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name="pk_streams"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "commands",
        sa.Column("command_id", sa.Uuid, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("correlation_id", sa.Uuid),
        sa.Column("causation_id", sa.Uuid),
        sa.Column("trace_context", sa.Text),
        sa.Column("first_position", sa.BigInteger, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("command_id", name="pk_commands"),
    )
    op.create_table(
        "snapshots",
        sa.Column("stream_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name="pk_snapshots"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_checkpoints"),
    )
    op.create_table(
        "parked_streams",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("stream_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("projection", "stream_id", name="pk_parked_streams"),
    )
    op.create_table(
        "ticket_number_blocks",
        sa.Column("year", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("next_number", sa.BigInteger, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_ticket_number_blocks"),
    )
    op.create_table(
        "unique_names",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("holder_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_unique_names"),
    )
    op.create_index("ix_unique_names_holder_id", "unique_names", ["holder_id"])
    op.execute(APPEND_EVENTS)


def downgrade() -> None:
    op.execute("DROP FUNCTION append_events")
    for table in (
        "unique_names",
        "ticket_number_blocks",
        "parked_streams",
        "checkpoints",
        "leases",
        "snapshots",
        "commands",
        "streams",
        "events",
    ):
        op.drop_table(table)
