"""`supportix events`: the log, one line per event, as it stands or as it grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import CommandRefused

if TYPE_CHECKING:
    import psycopg

TAIL = 20
PAGE = 1_000
POLL_SECONDS = 0.25

_HEAD = "SELECT coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0)"
_WANTED = """position <= %(head)s
AND (%(stream)s::uuid IS NULL OR stream_id = %(stream)s)
AND (%(names)s::text[] = '{}' OR name LIKE ANY(%(names)s))"""
_AFTER = f"""
SELECT position, stream_id, version, name, body, command_id, recorded_at FROM events
WHERE position > %(after)s AND {_WANTED} ORDER BY position LIMIT %(limit)s
"""  # noqa: S608 - constants of ours.
_LAST = f"""
SELECT coalesce(min(position), %(head)s + 1) - 1
FROM (SELECT position FROM events WHERE {_WANTED} ORDER BY position DESC LIMIT {TAIL}) AS last
"""  # noqa: S608 - constants of ours.
_MOMENT = timedelta(microseconds=1)
"""The database tells no shorter times apart."""
AT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
_NUMBERED = "SELECT ticket_id FROM read_model.tickets WHERE number = %s"


@click.command()
@click.option("--after", type=click.IntRange(0), help=f"Begin after this position.  [default: the last {TAIL}]")
@click.option("--until", type=click.IntRange(0), help="End at this position.")
@click.option("--since", type=AT, help="Begin with what was recorded at this time (UTC).")
@click.option("--before", type=AT, help="End with what was recorded before this time (UTC).")
@click.option("--follow", "-f", is_flag=True, help="Go on as the log grows, until Ctrl-C.")
@click.option("--name", "names", multiple=True, help="Only events of this name; `ticket.*` takes all of tickets.")
@click.option("--stream", help="Only events of this id, or of the ticket with this number.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with the whole event.")
@data_option
def events(
    *,
    after: int | None,
    until: int | None,
    since: datetime | None,
    before: datetime | None,
    follow: bool,
    names: tuple[str, ...],
    stream: str | None,
    limit: int | None,
    as_json: bool,
    data: Path | None,
) -> None:
    """Show the event log.

    Lines for people leave out texts by and about people; --json has everything.
    """
    from supportix.cli.connecting import connected
    from supportix.cli.event_lines import EventLines, json_line

    _must_be_one_of("--after", after, "--since", since)
    _must_be_one_of("--until", until, "--before", before)
    with connected(command_settings(data)) as connection:
        after = after if since is None else _position_before(connection, since)
        until = until if before is None else _position_before(connection, before)
        wanted = {"stream": _stream(connection, stream), "names": [_pattern(name) for name in names]}
        lines = EventLines(connection)
        shown = 0
        for page in _pages(connection, wanted, after, until, follow=follow):
            page = page[: limit - shown] if limit is not None else page  # noqa: PLW2901 - the rest of it isn't wanted.
            shown += len(page)
            for line in map(json_line, page) if as_json else lines.of(page):
                click.echo(line)
            if shown == limit:
                return


def _pages(
    connection: psycopg.Connection[Any], wanted: dict[str, Any], after: int | None, until: int | None, *, follow: bool
) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in the log's order, up to a position or its present end, or for ever."""
    head = _end(connection, until)
    position = after if after is not None else _one(connection, _LAST, {**wanted, "head": head})
    while True:
        rows = connection.execute(_AFTER, {**wanted, "after": position, "head": head, "limit": PAGE}).fetchall()
        yield rows
        position = rows[-1][0] if len(rows) == PAGE else max(head, position)
        if len(rows) == PAGE:
            continue
        if not follow or (until is not None and position >= until):
            return
        time.sleep(POLL_SECONDS)
        head = _end(connection, until)


def _end(connection: psycopg.Connection[Any], until: int | None) -> int:
    """The last position that is wanted of those that are there now."""
    head = _one(connection, _HEAD)
    return head if until is None else min(head, until)


def _position_before(connection: psycopg.Connection[Any], at: datetime) -> int:
    """The last position that was recorded before this time."""
    from supportix.store.log import POSITION_AT

    return _one(connection, POSITION_AT, {"moment": at.replace(tzinfo=UTC) - _MOMENT})


def _must_be_one_of(option: str, value: object, other_option: str, other_value: object) -> None:
    if value is not None and other_value is not None:
        raise CommandRefused(f"{option} and {other_option} were given; one of them was expected")


def _one(connection: psycopg.Connection[Any], query: str, values: dict[str, Any] | None = None) -> int:
    return int(connection.execute(query, values).fetchall()[0][0])


def _pattern(name: str) -> str:
    """The name as LIKE takes it, where an asterisk stands for anything; without a version, all versions are meant."""
    escaped = name.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_").replace("*", "%")
    return escaped if "*" in name or name.rpartition(".v")[2].isdigit() else f"{escaped}.v%"


def _stream(connection: psycopg.Connection[Any], given: str | None) -> UUID | None:
    if given is None:
        return None
    try:
        return UUID(given)
    except ValueError:
        row = connection.execute(_NUMBERED, (given,)).fetchone()
    if row is None:
        raise CommandRefused(f"there is no ticket {given!r}; a ticket's number, or the id of a stream, was expected")
    return UUID(str(row[0]))
