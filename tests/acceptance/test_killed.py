"""kill -9 in the middle of an import and of a load: what was acknowledged stays, and all goes on."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.generated_log import write_log

from supportix.bootstrap import open_core
from supportix.processes.audit import AuditScope, audit
from supportix.settings import Settings


@pytest.fixture
def desk(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def supportix(database_url: str, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"SUPPORTIX_DATABASE_URL": database_url, "SUPPORTIX_LOG_LEVEL": "error"}
    environment.pop("SUPPORTIX_NATS_URL", None)
    return subprocess.Popen(
        [sys.executable, "-m", "supportix", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def head(desk: psycopg.Connection) -> int:
    row = desk.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()
    return int(row[0]) if row else 0


def wait_for(condition, *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't come about in time"
        time.sleep(0.02)


@pytest.mark.parametrize("mode", ["recorded", "replayed"])
async def test_an_import_that_was_killed_goes_on(
    database_url: str, desk: psycopg.Connection, tmp_path: Path, mode: str
) -> None:
    log = tmp_path / "log.csv"
    write_log(log, tickets=2_500, seed=21)
    arguments = ("import", str(log), "--mapping", "servicenow", "--mode", mode)
    first = supportix(database_url, *arguments)
    wait_for(lambda: head(desk) > 4_000 or first.poll() is not None)
    first.kill()
    first.communicate()
    killed_at = head(desk)
    assert killed_at > 0
    second = supportix(database_url, *arguments)
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors.decode()
    names = Counter(row[0] for row in desk.execute("SELECT name FROM events").fetchall())
    assert names["ticket.opened.v1"] == 2_500
    assert head(desk) > killed_at
    async with open_core(Settings(database_url=database_url)) as core:
        assert (await audit(core.pool, AuditScope())).findings == []


async def test_a_worker_that_was_killed_is_replaced(
    database_url: str, desk: psycopg.Connection, tmp_path: Path
) -> None:
    """The second worker takes the leases over, and read models and log agree in the end."""
    log = tmp_path / "log.csv"
    write_log(log, tickets=800, seed=22)
    first = supportix(database_url, "worker")
    importing = supportix(database_url, "import", str(log), "--mapping", "servicenow", "--mode", "recorded")
    checkpoint = "SELECT coalesce(min(position), 0) FROM checkpoints"
    wait_for(lambda: (desk.execute(checkpoint).fetchone() or (0,))[0] > 0)
    first.kill()
    first.communicate()
    second = supportix(database_url, "worker")
    try:
        importing.communicate(timeout=120)
        assert importing.returncode == 0
        wait_for(lambda: (desk.execute(checkpoint).fetchone() or (0,))[0] == head(desk))
        assert desk.execute("SELECT count(*) FROM read_model.tickets").fetchone() == (800,)
    finally:
        second.terminate()
        second.communicate(timeout=20)
    compared = supportix(database_url, "rebuild", "--all", "--compare-only")
    _, errors = compared.communicate(timeout=120)
    assert compared.returncode == 0, errors.decode()
