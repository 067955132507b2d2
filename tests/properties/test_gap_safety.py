"""A reader that has seen a position never later finds a new event at or before it.

Several processes write while a reader polls by position, as read models, feeds and replicas do. The same race with the
append lock taken out loses events: that it does is tested too, since a race that can't be lost proves nothing.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

WRITER = Path(__file__).with_name("race_writer.py")
WRITERS = 4
COMMANDS = 240
SLOWLY = "PERFORM pg_sleep(0.003 * random());"
"""Between taking positions and committing, so that others commit in between where they can."""


class Race(NamedTuple):
    """What the reader saw while it went on, and what stands in the log in the end."""

    seen: list[int]
    written: list[int]

    @property
    def missed(self) -> set[int]:
        return set(self.written) - set(self.seen)


def race(url: str, function: str, *, conflicting: bool) -> Race:
    writers = [
        subprocess.Popen(
            [sys.executable, str(WRITER), url, function, str(COMMANDS), str(seed) if conflicting else "none"]
        )
        for seed in range(WRITERS)
    ]
    with psycopg.connect(url, autocommit=True) as connection:
        seen: list[int] = []
        over = False
        while True:
            last = seen[-1] if seen else 0
            page = connection.execute(
                "SELECT position FROM events WHERE position > %s ORDER BY position LIMIT 500", (last,)
            ).fetchall()
            seen += [row[0] for row in page]
            if over and not page:
                break
            over = all(writer.poll() is not None for writer in writers)
        written = connection.execute("SELECT position FROM events ORDER BY position").fetchall()
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    return Race(seen, [row[0] for row in written])


def make_variant(url: str, name: str, *replacements: tuple[str, str]) -> None:
    """A copy of append_events under another name, with some of its text replaced."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_get_functiondef('append_events'::regproc)").fetchone()
        source = row[0]
        for old, new in (("public.append_events(", f"public.{name}("), *replacements):
            assert source.count(old) == 1, f"{old!r} was expected once in append_events"
            source = source.replace(old, new)
        connection.execute(source)


LOCK = "PERFORM pg_advisory_xact_lock(7305113027001);"
TAKE_HEAD = "head := COALESCE(head, 0);"


@pytest.fixture
def slow_variant(database_url: str) -> str:
    """The function as it is, but slow."""
    make_variant(database_url, "append_slowly", (TAKE_HEAD, f"{TAKE_HEAD} {SLOWLY}"))
    return "append_slowly"


@pytest.fixture
def broken_variant(database_url: str) -> str:
    """As slow, without the lock, and with positions from a sequence: each writer takes the next thousand."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE thousands INCREMENT 1000 MINVALUE 0 START 0")
    make_variant(database_url, "append_unlocked", (LOCK, ""), (TAKE_HEAD, f"head := nextval('thousands'); {SLOWLY}"))
    return "append_unlocked"


def test_a_reader_sees_every_position_in_order(database_url):
    outcome = race(database_url, "append_events", conflicting=True)
    assert len(outcome.written) > WRITERS * COMMANDS
    assert outcome.written == list(range(1, len(outcome.written) + 1))
    assert outcome.seen == outcome.written
    with psycopg.connect(database_url) as connection:
        carried_out = connection.execute("SELECT count(*) FROM commands").fetchone()[0]
    assert WRITERS * COMMANDS / 2 < carried_out < WRITERS * COMMANDS, "some were expected to conflict, not most"


def test_a_reader_misses_nothing_of_slow_writers(database_url, slow_variant):
    outcome = race(database_url, slow_variant, conflicting=False)
    assert outcome.seen == outcome.written == list(range(1, len(outcome.written) + 1))


def test_without_the_lock_the_reader_misses_events(database_url, broken_variant):
    outcome = race(database_url, broken_variant, conflicting=False)
    assert outcome.seen == sorted(outcome.seen)
    assert outcome.missed
