"""The function that appends looks once whether anything stands in the way of a flush; if not, it answers in one row."""

from alembic import context, op
from alembic.script import ScriptDirectory

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APPEND_LOCK = 7_305_113_027_001

APPEND_EVENTS = f"""
CREATE FUNCTION append_events(
    command_ids uuid[], first_offsets int[], last_offsets int[], fingerprints bytea[], answers bytea[],
    actor_ids uuid[], correlation_ids uuid[], causation_ids uuid[], trace_contexts text[],
    fenced_commands uuid[], fence_names text[], fence_epochs bigint[],
    new_streams uuid[], new_versions int[],
    known_streams uuid[], known_versions int[], next_versions int[],
    event_commands uuid[], event_streams uuid[], event_versions int[], event_names text[], event_bodies bytea[]
) RETURNS TABLE (
    command uuid, outcome text, first_position bigint, last_position bigint, fingerprint bytea, answer bytea
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    lost uuid[] := '{{}}';
    more uuid[];
    head bigint;
    recorded timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock({APPEND_LOCK});
    recorded := clock_timestamp();

    IF EXISTS (SELECT FROM commands AS k WHERE k.command_id = ANY (command_ids))
        OR EXISTS (SELECT FROM streams AS t WHERE t.stream_id = ANY (new_streams))
        OR EXISTS (
            SELECT FROM unnest(known_streams, known_versions) AS s(id, version)
            LEFT JOIN streams AS t ON t.stream_id = s.id WHERE t.version IS DISTINCT FROM s.version)
        OR EXISTS (
            SELECT FROM unnest(fence_names, fence_epochs) AS f(name, epoch) WHERE NOT EXISTS (
                SELECT FROM leases AS l WHERE l.name = f.name AND l.epoch = f.epoch FOR SHARE))
    THEN
        -- Something stands in the way of some commands: say what, and go on without them.
        RETURN QUERY
            SELECT k.command_id, 'repeated', k.first_position, k.last_position, k.fingerprint, k.answer
            FROM commands AS k WHERE k.command_id = ANY (command_ids);
        SELECT COALESCE(array_agg(k.command_id), '{{}}') INTO lost
        FROM commands AS k WHERE k.command_id = ANY (command_ids);

        SELECT array_agg(f.command) INTO more
        FROM unnest(fenced_commands, fence_names, fence_epochs) AS f(command, name, epoch)
        WHERE NOT f.command = ANY (lost) AND NOT EXISTS (
            SELECT FROM leases AS l WHERE l.name = f.name AND l.epoch = f.epoch FOR SHARE);
        RETURN QUERY SELECT id, 'fenced', NULL::bigint, NULL::bigint, NULL::bytea, NULL::bytea FROM unnest(more) AS id;
        lost := lost || more;

        SELECT array_agg(DISTINCT e.command) INTO more
        FROM unnest(event_commands, event_streams) AS e(command, stream)
        WHERE NOT e.command = ANY (lost) AND e.stream IN (
            SELECT t.stream_id FROM streams AS t WHERE t.stream_id = ANY (new_streams)
            UNION ALL
            SELECT s.id FROM unnest(known_streams, known_versions) AS s(id, version)
            LEFT JOIN streams AS t ON t.stream_id = s.id WHERE t.version IS DISTINCT FROM s.version);
        RETURN QUERY
            SELECT id, 'conflict', NULL::bigint, NULL::bigint, NULL::bytea, NULL::bytea FROM unnest(more) AS id;
        lost := lost || more;

        SELECT array_agg(e.command ORDER BY e.ord), array_agg(e.stream ORDER BY e.ord),
               array_agg(e.version ORDER BY e.ord), array_agg(e.name ORDER BY e.ord), array_agg(e.body ORDER BY e.ord)
        INTO event_commands, event_streams, event_versions, event_names, event_bodies
        FROM unnest(event_commands, event_streams, event_versions, event_names, event_bodies)
            WITH ORDINALITY AS e(command, stream, version, name, body, ord)
        WHERE NOT e.command = ANY (lost);
        SELECT array_agg(n.stream), array_agg(n.version) INTO new_streams, new_versions
        FROM unnest(new_streams, new_versions) AS n(stream, version) WHERE n.stream = ANY (event_streams);
        SELECT array_agg(o.stream), array_agg(o.next) INTO known_streams, next_versions
        FROM unnest(known_streams, next_versions) AS o(stream, next) WHERE o.stream = ANY (event_streams);
        SELECT array_agg(c.id ORDER BY c.ord), array_agg(p.first ORDER BY c.ord), array_agg(p.last ORDER BY c.ord),
               array_agg(c.fingerprint ORDER BY c.ord), array_agg(c.answer ORDER BY c.ord),
               array_agg(c.actor ORDER BY c.ord), array_agg(c.correlation ORDER BY c.ord),
               array_agg(c.causation ORDER BY c.ord), array_agg(c.trace ORDER BY c.ord)
        INTO command_ids, first_offsets, last_offsets, fingerprints, answers, actor_ids, correlation_ids,
             causation_ids, trace_contexts
        FROM unnest(command_ids, fingerprints, answers, actor_ids, correlation_ids, causation_ids, trace_contexts)
            WITH ORDINALITY AS c(id, fingerprint, answer, actor, correlation, causation, trace, ord)
        JOIN (
            SELECT e.command, min(e.ord)::int AS first, max(e.ord)::int AS last
            FROM unnest(event_commands) WITH ORDINALITY AS e(command, ord) GROUP BY e.command
        ) AS p ON p.command = c.id;
        IF command_ids IS NULL THEN
            RETURN;
        END IF;
    END IF;

    SELECT e.position INTO head FROM events AS e ORDER BY e.position DESC LIMIT 1;
    head := COALESCE(head, 0);

    INSERT INTO events (position, stream_id, version, name, body, command_id, recorded_at)
    SELECT head + e.ord, e.stream, e.version, e.name, e.body, e.command, recorded
    FROM unnest(event_commands, event_streams, event_versions, event_names, event_bodies)
        WITH ORDINALITY AS e(command, stream, version, name, body, ord);

    IF cardinality(new_streams) > 0 THEN
        INSERT INTO streams (stream_id, version, first_position, last_position)
        SELECT n.stream, n.version, head + 1, head + cardinality(event_streams)
        FROM unnest(new_streams, new_versions) AS n(stream, version);
    END IF;
    IF cardinality(known_streams) > 0 THEN
        UPDATE streams AS t SET version = o.next, last_position = head + cardinality(event_streams)
        FROM unnest(known_streams, next_versions) AS o(stream, next) WHERE t.stream_id = o.stream;
    END IF;

    INSERT INTO commands (command_id, fingerprint, answer, actor_id, correlation_id, causation_id,
                          trace_context, first_position, last_position, recorded_at)
    SELECT c.id, c.fingerprint, c.answer, c.actor, c.correlation, c.causation, c.trace,
           head + c.first, head + c.last, recorded
    FROM unnest(command_ids, first_offsets, last_offsets, fingerprints, answers, actor_ids, correlation_ids,
                causation_ids, trace_contexts)
        AS c(id, first, last, fingerprint, answer, actor, correlation, causation, trace);

    IF lost = '{{}}' THEN
        -- All of them, each at the offsets that its sender has worked out.
        RETURN QUERY SELECT NULL::uuid, 'appended', head, NULL::bigint, NULL::bytea, NULL::bytea;
    ELSE
        RETURN QUERY
            SELECT c.id, 'appended', head + c.first, head + c.last, NULL::bytea, NULL::bytea
            FROM unnest(command_ids, first_offsets, last_offsets) AS c(id, first, last);
    END IF;
END
$$
"""

FORMER = (
    "append_events(uuid[], bytea[], bytea[], uuid[], uuid[], uuid[], text[], text[], bigint[], int[], uuid[], int[], "
    "int[], int[], uuid[], int[], text[], bytea[])"
)
PRESENT = (
    "append_events(uuid[], int[], int[], bytea[], bytea[], uuid[], uuid[], uuid[], text[], uuid[], text[], bigint[], "
    "uuid[], int[], uuid[], int[], int[], uuid[], uuid[], int[], text[], bytea[])"
)


def upgrade() -> None:
    op.execute(f"DROP FUNCTION {FORMER}")
    op.execute(APPEND_EVENTS)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {PRESENT}")
    former = ScriptDirectory.from_config(context.config).get_revision("0006")
    op.execute(former.module.APPEND_EVENTS)
