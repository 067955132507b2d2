"""`supportix status`: how far the log and each read model are, who does the work, what waits and who is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.output import show_table

if TYPE_CHECKING:
    import psycopg

_HEAD = "SELECT coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0)"
_READ_MODELS = """
SELECT c.name, c.position, greatest(0, %s - c.position),
    coalesce(round((
        SELECT extract(epoch FROM clock_timestamp() - recorded_at) FROM events WHERE position = c.position + 1
    )::numeric, 1)::float, 0),
    (SELECT count(*) FROM parked_streams AS p WHERE p.projection = c.name AND p.dropped_at IS NULL), c.updated_at
FROM checkpoints AS c ORDER BY c.name
"""
_LEASES = """
SELECT name, owner, epoch, round(extract(epoch FROM expires_at - clock_timestamp())::numeric, 1)::float
FROM leases WHERE isfinite(expires_at) ORDER BY name
"""
_QUEUES = """
SELECT d.name, count(q.ticket_id), count(q.ticket_id) FILTER (WHERE q.priority = 'urgent'),
    round(extract(epoch FROM clock_timestamp() - min(q.queued_at)))::bigint, d.paused
FROM read_model.departments d LEFT JOIN read_model.department_queue q USING (department_id)
GROUP BY d.department_id, d.name, d.paused ORDER BY count(q.ticket_id) DESC, d.name
"""
_AGENTS = """
SELECT availability, count(*), sum(open_work)::bigint, sum(capacity)::bigint
FROM read_model.agent_load GROUP BY availability ORDER BY availability DESC
"""
_COLUMNS = {
    "read_models": ("name", "position", "lag_events", "lag_seconds", "parked_streams", "updated_at"),
    "leases": ("name", "owner", "epoch", "expires_in_seconds"),
    "queues": ("department", "waiting", "urgent", "longest_wait_seconds", "paused"),
    "agents": ("availability", "agents", "open_work", "capacity"),
}
_TITLES = {"read_models": "Read models", "leases": "Leases", "queues": "Queues", "agents": "Agents"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_option
def status(*, as_json: bool, data: Path | None) -> None:
    """Show how the system stands.

    Log head, read models, leases, queues and agents, all at the same moment.
    """
    import msgspec

    from supportix.cli.connecting import connected

    with connected(command_settings(data)) as connection:
        found = system_status(connection)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(f"Log head: position {found['head']:,}")
    for part, columns in _COLUMNS.items():
        headings = [column.replace("_", " ") for column in columns]
        show_table(_TITLES[part], headings, [list(row.values()) for row in found[part]])


def system_status(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """All of it from one snapshot. A lease whose time is over has a negative one left.

    `lag_seconds` is the age of the oldest event that a read model doesn't hold yet; 0 where it holds all.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        head = int(connection.execute(_HEAD).fetchall()[0][0])
        rows = {
            "read_models": connection.execute(_READ_MODELS, (head,)).fetchall(),
            "leases": connection.execute(_LEASES).fetchall(),
            "queues": connection.execute(_QUEUES).fetchall(),
            "agents": connection.execute(_AGENTS).fetchall(),
        }
    named = {part: [dict(zip(_COLUMNS[part], row, strict=True)) for row in found] for part, found in rows.items()}
    return {"head": head, **named}
