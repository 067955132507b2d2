"""How many events a second does the store take durably, beside the ways in which one could write them otherwise?

All sides write to the same embedded PostgreSQL, started as `supportix up` starts it (fsync and synchronous_commit on),
in a temporary directory, one after the other in several rounds; each figure is the median of its rounds.

    uv run python benchmarks/append.py [--seconds 4] [--rounds 3] [--json]

One event of 400 bytes per command, 64 writers, a new stream each time:
    append       coroutines that await GroupCommitter.append, as the API and the worker do
    append.sync  threads that call SupportDesk's recorder, as the library's Application.save does
    stock        the same threads on the library's own PostgresApplicationRecorder with its defaults
    insert       pgbench, 64 connections: a prepared INSERT of one row per transaction, with the columns of our events
Events of the same size in bulk:
    bulk         GroupCommitter.append of 4,000 events per command, 5 to a stream, one command after the other, as the
                 import does
    copy         one COPY of as many events into a table of the same columns and indexes, from blocks that were laid out
                 before the clock started; in text and in binary form, of which the faster counts

What was acknowledged is counted in the tables afterwards; a difference ends the run.
"""

import argparse
import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import uvloop
from eventsourcing.application import Application
from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

from supportix import migrating
from supportix.commands.desk import SupportDesk
from supportix.embedded import EmbeddedPostgres
from supportix.embedded.postgres_placement import INSTALLATION, installed_package
from supportix.store.committer import Command, GroupCommitter, NewEvent

WRITERS = 64
NAME = "ticket.replied.v1"
BODY = json.dumps({"occurred_at": "2026-03-02T09:00:00Z", "text": "x" * 400}).encode()[:398] + b'"}'
CHUNK_EVENTS, STREAM_EVENTS, BULK_EVENTS = 4_000, 5, 200_000
WARM_UP_SECONDS = 0.5

PLAIN = """
DROP TABLE IF EXISTS plain;
CREATE TABLE plain (
    position bigserial PRIMARY KEY, stream_id uuid NOT NULL, version int NOT NULL, name text NOT NULL,
    body bytea NOT NULL, command_id uuid NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX ON plain (stream_id, version);
"""
COLUMNS = "position, stream_id, version, name, body, command_id, recorded_at"


class Load(NamedTuple):
    """What one side did in one round."""

    done: int
    seconds: float
    latencies: Sequence[float] = ()

    @property
    def per_s(self) -> float:
        return self.done / self.seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="per side and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory) / "postgres") as server:
        migrating.upgrade(server.url)
        durable(server.url)
        figures = measured(server.url, arguments.seconds, arguments.rounds)
    print(f"\n{'figure':24} {'value':>12}")
    for name, value in figures.items():
        print(f"{name:24} {value:>12,}")
    if arguments.json:
        print(json.dumps(figures))
    return 0


def durable(url: str) -> None:
    """Make sure that an acknowledged commit would survive a power cut."""
    with psycopg.connect(url) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            row = connection.execute(f"SHOW {setting}").fetchone()
            assert row == ("on",), f"{setting} is {row}"


def measured(url: str, seconds: float, rounds: int) -> dict[str, float]:
    sides: dict[str, Callable[[], Load]] = {
        "append": lambda: appends(url, seconds),
        "append.sync": lambda: appends_of_threads(url, seconds),
        "stock": lambda: stock(url, seconds),
        "insert": lambda: single_inserts(url, seconds),
        "bulk": lambda: bulk(url),
        "copy.text": lambda: copies(url, binary=False),
        "copy.binary": lambda: copies(url, binary=True),
    }
    loads: dict[str, list[Load]] = {name: [] for name in sides}
    print(f"{'side':12} {'round':>5} {'done':>10} {'per s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    for number in range(1, rounds + 1):
        for name, side in sides.items():
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
            load = side()
            loads[name].append(load)
            middle, high = (f"{each:.2f}" if each else "" for each in percentiles([load]))
            print(f"{name:12} {number:5} {load.done:10,} {load.per_s:10,.0f} {middle:>8} {high:>8}", flush=True)
    rate = {name: statistics.median(load.per_s for load in several) for name, several in loads.items()}
    copy = max(rate["copy.text"], rate["copy.binary"])
    p50, p99 = percentiles(loads["append"])
    sync_p50, sync_p99 = percentiles(loads["append.sync"])
    return {
        "append.per_s": round(rate["append"]),
        "append.p50_ms": round(p50, 2),
        "append.p99_ms": round(p99, 2),
        "append.sync_per_s": round(rate["append.sync"]),
        "append.sync_p50_ms": round(sync_p50, 2),
        "append.sync_p99_ms": round(sync_p99, 2),
        "stock.per_s": round(rate["stock"]),
        "insert.per_s": round(rate["insert"]),
        "append.vs_stock": round(rate["append"] / rate["stock"], 2),
        "append.sync_vs_stock": round(rate["append.sync"] / rate["stock"], 2),
        "append.vs_insert": round(rate["append"] / rate["insert"], 2),
        "bulk.per_s": round(rate["bulk"]),
        "copy.per_s": round(copy),
        "bulk.vs_copy": round(rate["bulk"] / copy, 2),
    }


def percentiles(loads: Sequence[Load]) -> tuple[float, float]:
    """The median and the 99th percentile of all latencies, in milliseconds; 0 where none were taken."""
    latencies = [1000 * each for load in loads for each in load.latencies]
    if len(latencies) < 100:
        return 0.0, 0.0
    cuts = statistics.quantiles(latencies, n=100)
    return cuts[49], cuts[98]


@contextmanager
def counted(url: str, table: str) -> Iterator[list[int]]:
    """Hold the rows that a side adds against those it was told of, which it puts into the list."""
    with psycopg.connect(url, autocommit=True) as connection:
        before = rows_of(connection, table)
        acknowledged: list[int] = []
        yield acknowledged
        added = rows_of(connection, table) - before
    assert added == sum(acknowledged), f"{table} grew by {added} rows, {sum(acknowledged)} were acknowledged"


def rows_of(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - one of ours.
    assert row is not None
    return int(row[0])


def appends(url: str, seconds: float) -> Load:
    with counted(url, "events") as acknowledged, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        load, total = loop.run(appends_of_coroutines(url, seconds))
        acknowledged.append(total)
    return load


async def appends_of_coroutines(url: str, seconds: float) -> tuple[Load, int]:
    committer = GroupCommitter(url)
    await committer.start()
    latencies: list[float] = []
    total = 0
    begins = time.perf_counter() + WARM_UP_SECONDS
    ends = begins + seconds

    async def write() -> None:
        nonlocal total
        now = time.perf_counter()
        while now < ends:
            sent = now
            await committer.append([NewEvent(uuid7(), 1, NAME, BODY)], Command())
            now = time.perf_counter()
            total += 1
            if sent >= begins and now <= ends:
                latencies.append(now - sent)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    await committer.close()
    return Load(len(latencies), seconds, latencies), total


def appends_of_threads(url: str, seconds: float) -> Load:
    """Through the desk as the library knows it: its recorder waits in each thread for the shared committer."""
    with counted(url, "events") as acknowledged:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(url, open=False)
        desk = SupportDesk(url, pool, GroupCommitter(url))
        load, total = threads(desk.recorder, seconds)
        desk.close()
        acknowledged.append(total)
    return load


def stock(url: str, seconds: float) -> Load:
    """The library as its documentation sets it up: Application with the PostgreSQL module and nothing else."""
    at = conninfo_to_dict(url)
    application = Application[UUID](
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(at["dbname"]),
            "POSTGRES_HOST": str(at["host"]),
            "POSTGRES_PORT": str(at["port"]),
            "POSTGRES_USER": str(at["user"]),
            "POSTGRES_PASSWORD": str(at["password"]),
        }
    )
    with counted(url, "application_events") as acknowledged:
        load, total = threads(application.recorder, seconds)
        acknowledged.append(total)
    application.close()
    return load


def threads(recorder: ApplicationRecorder, seconds: float) -> tuple[Load, int]:
    latencies: list[list[float]] = [[] for _ in range(WRITERS)]
    totals = [0] * WRITERS
    begins = time.perf_counter() + WARM_UP_SECONDS
    ends = begins + seconds

    def write(n: int) -> None:
        now = time.perf_counter()
        while now < ends:
            sent = now
            recorder.insert_events([StoredEvent(uuid7(), 1, NAME, BODY)])
            now = time.perf_counter()
            totals[n] += 1
            if sent >= begins and now <= ends:
                latencies[n].append(now - sent)

    running = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    taken = [each for several in latencies for each in several]
    return Load(len(taken), seconds, taken), sum(totals)


def single_inserts(url: str, seconds: float) -> Load:
    """The pgbench of the server's own wheel; its script is one INSERT, which each connection prepares once."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PLAIN)
    with TemporaryDirectory() as directory, counted(url, "plain") as acknowledged:
        script = Path(directory) / "insert.sql"
        script.write_text(
            "INSERT INTO plain (stream_id, version, name, body, command_id) "  # noqa: S608 - constants alone.
            f"VALUES (uuidv7(), 1, '{NAME}', '\\x{BODY.hex()}', uuidv7());\n"
        )
        at = urlsplit(url)
        output = subprocess.run(
            [
                str(installed_package() / INSTALLATION / "bin" / "pgbench"),
                *("--no-vacuum", "--protocol=prepared", f"--client={WRITERS}", "--jobs=2"),
                *(f"--time={max(1, round(seconds))}", f"--file={script}", f"--host={at.hostname}", f"--port={at.port}"),
                *(f"--username={at.username}", at.path.strip("/")),
            ],
            env=os.environ | {"PGPASSWORD": at.password or ""},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        facts = dict(line.split(" = ", 1) for line in output.splitlines() if " = " in line)
        done = int(output.split("number of transactions actually processed: ")[1].split()[0])
        acknowledged.append(done)
    return Load(done, done / float(facts["tps"].split()[0]))


def bulk(url: str) -> Load:
    with counted(url, "events") as acknowledged, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        load = loop.run(bulk_appends(url))
        acknowledged.append(load.done)
    return load


async def bulk_appends(url: str) -> Load:
    committer = GroupCommitter(url)
    await committer.start()
    done, taken = 0, 0.0
    while done < BULK_EVENTS:
        chunk = a_chunk()
        started = time.perf_counter()
        await committer.append(chunk, Command())
        taken += time.perf_counter() - started
        done += len(chunk)
    await committer.close()
    return Load(done, taken)


def a_chunk() -> list[NewEvent]:
    return [
        NewEvent(stream_id, version, NAME, BODY)
        for stream_id in (uuid7() for _ in range(CHUNK_EVENTS // STREAM_EVENTS))
        for version in range(1, STREAM_EVENTS + 1)
    ]


def copies(url: str, *, binary: bool) -> Load:
    """One COPY of blocks that are laid out already. Its table has the indexes of `events` and isn't partitioned."""
    layout = binary_block if binary else text_block
    blocks = [layout(first, a_chunk()) for first in range(1, BULK_EVENTS, CHUNK_EVENTS)]
    if binary:
        blocks = [b"PGCOPY\n\xff\r\n\0" + bytes(8), *blocks, b"\xff\xff"]
    statement = f"COPY plain ({COLUMNS}) FROM STDIN" + (" (FORMAT binary)" if binary else "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PLAIN)
    with counted(url, "plain") as acknowledged, psycopg.connect(url, autocommit=True) as connection:
        started = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in blocks:
                copy.write(block)
        taken = time.perf_counter() - started
        acknowledged.append(BULK_EVENTS)
    return Load(BULK_EVENTS, taken)


def text_block(position: int, chunk: Sequence[NewEvent]) -> bytes:
    command, now = uuid7(), datetime.now(UTC).isoformat()
    body = rf"\\x{BODY.hex()}"
    return "".join(
        f"{position + n}\t{event.stream_id}\t{event.version}\t{event.name}\t{body}\t{command}\t{now}\n"
        for n, event in enumerate(chunk)
    ).encode()


def binary_block(position: int, chunk: Sequence[NewEvent]) -> bytes:
    """Rows in COPY's binary form: the number of fields, then each field's length and bytes."""
    row = struct.Struct(f">hiqi16siii{len(NAME)}si{len(BODY)}si16siq")
    microseconds = int((datetime.now(UTC) - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
    command, name = uuid7().bytes, NAME.encode()
    return b"".join(
        row.pack(
            *(7, 8, position + n, 16, event.stream_id.bytes, 4, event.version, len(name), name),
            *(len(event.body), event.body, 16, command, 8, microseconds),
        )
        for n, event in enumerate(chunk)
    )


if __name__ == "__main__":
    sys.exit(main())
