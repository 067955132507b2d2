"""The embedded PostgreSQL and NATS on real processes: what they keep, whom they refuse, what they survive."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import nats
import nats.errors
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from nats.aio.client import Client

import supportix
from supportix.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServer, EmbeddedServerError
from supportix.embedded.postgres_placement import account_for, installation_usable_by, installed_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT_SECONDS = 15
AS_ROOT = os.geteuid() == 0

OWNER = """
import json, sys
from pathlib import Path
from supportix.embedded import EmbeddedNats, EmbeddedPostgres

servers = [kind(Path(directory)) for kind, directory in zip((EmbeddedPostgres, EmbeddedNats), sys.argv[1:])]
for server in servers:
    server.start()
print(json.dumps([[server.pid, server.url] for server in servers]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        yield server


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[EmbeddedNats]:
    with EmbeddedNats(tmp_path / "nats") as server:
        yield server


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"timed out: {what}"
        time.sleep(0.02)


def has_ended(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def kill_server(server: EmbeddedServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: server.poll() is not None, "the supervisor sees that the server died")


def write_note(server: EmbeddedPostgres, text: str) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text NOT NULL)")
        connection.execute("INSERT INTO note VALUES (%s)", (text,))


def notes(server: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(server.url) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note ORDER BY text")]


def show(server: EmbeddedPostgres, setting: str) -> str:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
    assert row is not None
    return str(row[0])


def publish(url: str, text: str) -> None:
    async def run() -> None:
        connection = await nats.connect(url, allow_reconnect=False)
        stream = connection.jetstream()
        await stream.add_stream(name="NOTES", subjects=["notes"])
        acknowledgement = await stream.publish("notes", text.encode())
        assert acknowledgement.stream == "NOTES"
        await connection.close()

    asyncio.run(run())


def published(url: str) -> list[str]:
    async def run() -> list[str]:
        connection = await nats.connect(url, allow_reconnect=False)
        stream = connection.jetstream()
        count = (await stream.stream_info("NOTES")).state.messages
        messages = [await stream.get_msg("NOTES", number) for number in range(1, count + 1)]
        await connection.close()
        return [(message.data or b"").decode() for message in messages]

    return asyncio.run(run())


def test_rows_and_address_survive_a_stop_and_a_start(postgres: EmbeddedPostgres) -> None:
    first_url = postgres.url
    write_note(postgres, "before")

    postgres.stop()
    assert postgres.poll() == 0
    postgres.start()

    assert notes(postgres) == ["before"]
    assert postgres.url == first_url


def test_a_fast_start_when_the_cluster_exists(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    started = time.monotonic()
    postgres.start()
    # Ten times what it takes on an idle machine, so that a busy one does not fail.
    assert time.monotonic() - started < 2


def test_durability_is_on_and_text_sorts_the_same_everywhere(postgres: EmbeddedPostgres) -> None:
    shown = {name: show(postgres, name) for name in ("fsync", "synchronous_commit", "full_page_writes", "jit")}
    assert shown == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "jit": "off"}
    with psycopg.connect(postgres.url) as connection:
        query = "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s"
        assert connection.execute(query, ("supportix",)).fetchone() == ("b", "C.UTF-8", "UTF8")


def test_rows_survive_the_kill_of_the_server(postgres: EmbeddedPostgres) -> None:
    write_note(postgres, "committed")
    with psycopg.connect(postgres.url) as idle_session:
        kill_server(postgres)
        assert postgres.poll() == -signal.SIGKILL
        postgres.restart()
        assert notes(postgres) == ["committed"]
        with pytest.raises(psycopg.OperationalError):
            idle_session.execute("SELECT 1")


def test_a_backend_that_outlives_the_killed_server_is_ended(postgres: EmbeddedPostgres) -> None:
    write_note(postgres, "committed")
    with psycopg.connect(postgres.url) as session:
        backend = session.info.backend_pid

        def compute() -> None:
            with suppress(psycopg.OperationalError):
                session.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")

        computing = threading.Thread(target=compute)
        computing.start()
        with psycopg.connect(postgres.url, autocommit=True) as observer:
            active = "SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
            wait_until(lambda: observer.execute(active, (backend,)).fetchone() is not None, "the query runs")
        kill_server(postgres)
        postgres.start()
        computing.join(WAIT_SECONDS)

    assert has_ended(backend)
    assert notes(postgres) == ["committed"]


def test_a_wrong_password_is_refused(postgres: EmbeddedPostgres) -> None:
    wrong = postgres.url.replace(urlsplit(postgres.url).password or "", "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_secrets_are_private_and_not_on_a_command_line(postgres: EmbeddedPostgres, nats_server: EmbeddedNats) -> None:
    secrets = [urlsplit(postgres.url).password, urlsplit(nats_server.url).username]
    for server, secret in zip((postgres, nats_server), secrets, strict=True):
        assert secret
        assert secret not in " ".join(psutil.Process(server.pid).cmdline())
        assert (server.data_directory / "secret").stat().st_mode & 0o777 == 0o600
        assert server.data_directory.stat().st_mode & 0o777 == 0o700
    assert (nats_server.data_directory / "nats-server.conf").stat().st_mode & 0o777 == 0o600


def test_a_long_path_with_spaces_and_umlauts(tmp_path: Path) -> None:
    directory = tmp_path / "Büro des Kundendienstes" / ("long " * 30).strip()
    with EmbeddedPostgres(directory / "p g") as postgres, EmbeddedNats(directory / "na ts") as nats_server:
        write_note(postgres, "here")
        publish(nats_server.url, "here")
        assert notes(postgres) == published(nats_server.url) == ["here"]
    assert list(tmp_path.iterdir()) == [tmp_path / "Büro des Kundendienstes"]


def test_two_at_once_keep_apart(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "other") as other:
        assert other.port != postgres.port
        write_note(postgres, "first")
        write_note(other, "second")
        assert (notes(postgres), notes(other)) == (["first"], ["second"])


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedNats])
def test_the_same_directory_twice_is_refused(kind: type[EmbeddedPostgres | EmbeddedNats], tmp_path: Path) -> None:
    with kind(tmp_path / "shared") as first:
        second = kind(tmp_path / "shared")
        with pytest.raises(EmbeddedServerError, match=f"already in use by process {os.getpid()}$"):
            second.start()
        assert first.poll() is None


def test_a_remembered_port_that_is_taken_is_given_up(postgres: EmbeddedPostgres, nats_server: EmbeddedNats) -> None:
    for server in (postgres, nats_server):
        port = server.port
        server.stop()
        with socket.create_server(("127.0.0.1", port)):
            server.start()
            assert server.port != port


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedNats])
def test_a_wanted_port_that_is_taken_is_an_error(kind: type[EmbeddedPostgres | EmbeddedNats], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match=f"port taken by another program: {port}"):
            kind(tmp_path / "server", port=port).start()


def test_a_failing_start_says_why_in_one_line(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"shared_buffers": "lots"})
    with pytest.raises(EmbeddedServerError, match='invalid value for parameter "shared_buffers": "lots"') as refusal:
        server.start()
    assert "\n" not in str(refusal.value)
    with EmbeddedPostgres(tmp_path / "postgres") as repaired:
        assert show(repaired, "server_version_num").startswith("18")


def test_a_pid_file_with_the_pid_of_another_process_is_ignored(postgres: EmbeddedPostgres) -> None:
    write_note(postgres, "kept")
    pid_file = postgres.data_directory / "cluster" / "postmaster.pid"
    left_behind = pid_file.read_text().split("\n", 1)[1]
    kill_server(postgres)
    # Of the server's own user, as PostgreSQL itself sees through a process that it may not signal.
    with subprocess.Popen(["sleep", "60"], user=pid_file.owner() if AS_ROOT else None) as unrelated:
        try:
            pid_file.write_text(f"{unrelated.pid}\n{left_behind}")
            postgres.start()
            assert unrelated.poll() is None
        finally:
            unrelated.kill()
    assert notes(postgres) == ["kept"]


def test_a_live_server_that_the_lock_does_not_know_is_left_alone(postgres: EmbeddedPostgres) -> None:
    (postgres.data_directory / "lock").unlink()
    with pytest.raises(EmbeddedServerError, match=f"started by other means, process {postgres.pid}"):
        EmbeddedPostgres(postgres.data_directory).start()
    write_note(postgres, "undisturbed")
    assert notes(postgres) == ["undisturbed"]


def test_an_interrupted_first_start_is_begun_again(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()
    ) as owner:
        wait_until((directory / "cluster.new" / "global" / "pg_control").exists, "initdb is half done")
        owner.kill()
    assert not (directory / "cluster").exists()

    with EmbeddedPostgres(directory) as server:
        write_note(server, "works")
        assert notes(server) == ["works"]
    assert not (directory / "cluster.new").exists()


def child_environment() -> dict[str, str]:
    paths = [*(str(Path(root).parent) for root in supportix.__path__), str(installed_package().parent)]
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths), "HOME": "/nonexistent"}


def test_a_killed_owner_leaves_no_server_behind(tmp_path: Path) -> None:
    directories = [tmp_path / "postgres", tmp_path / "nats"]
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, *directories],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
    ) as owner:
        assert owner.stdout is not None
        (_, postgres_url), (_, nats_url) = json.loads(owner.stdout.readline())
        with psycopg.connect(postgres_url) as connection:
            connection.execute("CREATE TABLE note AS SELECT 'kept' AS text")
        publish(nats_url, "kept")
        family = psutil.Process(owner.pid).children(recursive=True)
        assert {"postgres", "nats-server"} <= {process.name() for process in family}
        owner.kill()
    with EmbeddedPostgres(directories[0]) as postgres, EmbeddedNats(directories[1]) as nats_server:
        # A start waits for the predecessor, so nobody has to.
        assert all(has_ended(process.pid) for process in family)
        assert notes(postgres) == published(nats_server.url) == ["kept"]


def test_a_killed_owner_leaves_nothing_running_even_if_nobody_starts_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "postgres"), str(tmp_path / "nats")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        family = psutil.Process(owner.pid).children(recursive=True)
        owner.kill()
    wait_until(lambda: all(has_ended(process.pid) for process in family), "all servers have ended")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of the death of its parent")
def test_a_killed_guardian_takes_the_server_with_it(postgres: EmbeddedPostgres) -> None:
    write_note(postgres, "kept")
    server = psutil.Process(postgres.pid)
    server.parent().kill()
    wait_until(lambda: postgres.poll() is not None, "the supervisor sees it")
    wait_until(lambda: has_ended(server.pid), "the server ends")
    postgres.restart()
    assert notes(postgres) == ["kept"]


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        write_note(server, "still here")
        assert server.poll() is None
    finally:
        server.stop()


def python_usable_by(user: str) -> str | None:
    """Return an interpreter of our version that the user may execute; ours may be in a private directory."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        probe = [candidate, "-c", "from supportix.embedded import EmbeddedPostgres"]
        with suppress(OSError):
            if (
                subprocess.run(
                    probe, user=user, env=child_environment(), cwd="/", check=False, capture_output=True
                ).returncode
                == 0
            ):
                return candidate
    return None


@pytest.mark.skipif(not AS_ROOT, reason="every other test runs as an ordinary user already")
def test_an_unprivileged_user_without_a_home() -> None:
    python = python_usable_by("nobody")
    if python is None:
        pytest.skip("no interpreter that the user nobody may execute")
    directory = Path(tempfile.mkdtemp(prefix="embedded-"))
    try:
        shutil.chown(directory, "nobody")
        with subprocess.Popen(
            [python, "-c", OWNER, directory / "postgres", directory / "nats"],
            user="nobody",
            group=account_for(directory).gid,
            extra_groups=[],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
            cwd="/",
        ) as owner:
            assert owner.stdout is not None
            pids = [pid for pid, _ in json.loads(owner.stdout.readline())]
            assert [psutil.Process(pid).username() for pid in pids] == ["nobody", "nobody"]
        wait_until(lambda: all(has_ended(pid) for pid in pids), "the servers end with their owner")
        assert (directory / "postgres" / "cluster").owner() == "nobody"
    finally:
        shutil.rmtree(directory)


@pytest.mark.skipif(not AS_ROOT, reason="only root has to leave its privileges")
def test_root_serves_a_private_directory_as_another_user(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with EmbeddedPostgres(private / "postgres") as server:
        assert psutil.Process(server.pid).username() != "root"
        write_note(server, "kept")
        kill_server(server)
        server.restart()
        assert notes(server) == ["kept"]
    assert private.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root has to leave its privileges")
def test_root_copies_binaries_that_the_other_user_cannot_reach(tmp_path: Path) -> None:
    package = tmp_path / "private" / installed_package().name
    for source in (installed_package(), installed_package().with_name(f"{package.name}.libs")):
        shutil.copytree(source, package.with_name(source.name), ignore=shutil.ignore_patterns("include", "pginstall"))
    package.parent.chmod(0o700)
    cache = Path(tempfile.mkdtemp(prefix="embedded-"))
    cache.chmod(0o755)
    try:
        account = account_for(tmp_path / "none yet")
        copy = installation_usable_by(account, package, cache)
        assert copy.is_relative_to(cache)
        assert installation_usable_by(account, package, cache) == copy
        command = [copy / "bin" / "initdb", "--version"]
        subprocess.run(command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=True)
    finally:
        shutil.rmtree(cache)


def test_messages_survive_the_kill_of_nats(nats_server: EmbeddedNats) -> None:
    url = nats_server.url
    publish(url, "acknowledged")
    kill_server(nats_server)
    assert list(nats_server.data_directory.glob("*.ports"))

    nats_server.restart()

    assert nats_server.url == url
    assert published(url) == ["acknowledged"]
    assert len(list(nats_server.data_directory.glob("*.ports"))) == 1


def test_a_wrong_token_is_refused(nats_server: EmbeddedNats) -> None:
    async def connect() -> None:
        client = Client()
        try:
            await client.connect(f"nats://guess@127.0.0.1:{nats_server.port}", allow_reconnect=False)
        finally:
            await client.close()

    with pytest.raises(nats.errors.Error, match="Authorization Violation"):
        asyncio.run(connect())


def test_an_address_before_the_first_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="has not been started"):
        _ = EmbeddedNats(tmp_path / "nats").url
