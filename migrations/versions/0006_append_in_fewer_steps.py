"""The function that appends does less per event where nothing stands in the way of a flush: no sorting, no counting."""

from alembic import context, op
from alembic.script import ScriptDirectory

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APPEND_LOCK = 7_305_113_027_001

APPEND_EVENTS = f"""
CREATE OR REPLACE FUNCTION append_events(
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
    firsts bigint[];
    lasts bigint[];
    head bigint;
    recorded timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock({APPEND_LOCK});
    recorded := clock_timestamp();

    IF EXISTS (SELECT FROM commands AS k WHERE k.command_id = ANY (command_ids)) THEN
        RETURN QUERY
            SELECT c.ord::int, 'repeated', k.first_position, k.last_position, k.fingerprint, k.answer
            FROM unnest(command_ids) WITH ORDINALITY AS c(id, ord) JOIN commands AS k ON k.command_id = c.id;
        SELECT array_agg(c.ord::int) INTO lost
        FROM unnest(command_ids) WITH ORDINALITY AS c(id, ord) JOIN commands AS k ON k.command_id = c.id;
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

    IF lost <> '{{}}' THEN
        -- The columns without the events and streams of the commands that are lost, in their order.
        SELECT array_agg(e.command ORDER BY e.ord), array_agg(e.stream ORDER BY e.ord),
               array_agg(e.version ORDER BY e.ord), array_agg(e.name ORDER BY e.ord), array_agg(e.body ORDER BY e.ord)
        INTO event_commands, event_streams, event_versions, event_names, event_bodies
        FROM unnest(event_commands, event_streams, event_versions, event_names, event_bodies)
            WITH ORDINALITY AS e(command, stream, version, name, body, ord)
        WHERE NOT e.command = ANY (lost);
        SELECT array_agg(s.id), array_agg(s.resulting) INTO stream_ids, resulting_versions
        FROM unnest(stream_commands, stream_ids, resulting_versions) AS s(command, id, resulting)
        WHERE NOT s.command = ANY (lost);
    END IF;

    INSERT INTO events (position, stream_id, version, name, body, command_id, recorded_at)
    SELECT head + e.ord, e.stream, e.version, e.name, e.body, command_ids[e.command], recorded
    FROM unnest(event_commands, event_streams, event_versions, event_names, event_bodies)
        WITH ORDINALITY AS e(command, stream, version, name, body, ord);

    INSERT INTO streams AS t (stream_id, version, first_position, last_position)
    SELECT s.id, s.resulting, head + 1, head + cardinality(event_commands)
    FROM unnest(stream_ids, resulting_versions) AS s(id, resulting)
    ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, last_position = excluded.last_position;

    RETURN QUERY
        WITH placed AS (
            SELECT e.command, head + min(e.ord) AS first, head + max(e.ord) AS last
            FROM unnest(event_commands) WITH ORDINALITY AS e(command, ord) GROUP BY e.command
        ), kept AS (
            INSERT INTO commands (command_id, fingerprint, answer, actor_id, correlation_id, causation_id,
                                  trace_context, first_position, last_position, recorded_at)
            SELECT command_ids[p.command], fingerprints[p.command], answers[p.command], actor_ids[p.command],
                   correlation_ids[p.command], causation_ids[p.command], trace_contexts[p.command],
                   p.first, p.last, recorded
            FROM placed AS p
        )
        SELECT p.command, 'appended', p.first, p.last, NULL::bytea, NULL::bytea FROM placed AS p;
END
$$
"""


def upgrade() -> None:
    op.execute(APPEND_EVENTS)


def downgrade() -> None:
    first = ScriptDirectory.from_config(context.config).get_revision("0001")
    op.execute(first.module.APPEND_EVENTS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
