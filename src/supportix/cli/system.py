"""The whole system on one machine, as `supportix up` runs it: servers, schema, worker and API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from supportix.cli.child_logs import ChildLog
from supportix.cli.environment import environment_of, forget, keep
from supportix.cli.errors import CommandRefused
from supportix.cli.output import say
from supportix.cli.parts import ChildPart, ServerPart
from supportix.cli.preparing import must_answer
from supportix.cli.supervisor import Supervisor, Watch
from supportix.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServer
from supportix.embedded.directory import DirectoryLock
from supportix.settings import Settings

READY_SECONDS = 90.0
TRIES = 3
TICK_SECONDS = 0.1
API_STOP_SECONDS = 4.0
WORKER_STOP_SECONDS = 3.0


class System:
    """Its parts, and the settings they have in common, which change when a server moves to another port."""

    def __init__(self, supervisor: Supervisor, settings: Settings, lock: DirectoryLock) -> None:
        self._supervisor = supervisor
        self._given = settings
        self._lock = lock
        self._servers: dict[str, EmbeddedServer] = {}
        self._logs: list[ChildLog] = []
        self.settings = settings

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = reachable(self.settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"

    def start_servers(self) -> None:
        """PostgreSQL and NATS: embedded ones, unless settings name others, which then must answer.

        Raises SettingRefused or EmbeddedServerError.
        """
        must_answer(self._given)
        directory = self.settings.data_directory
        if self._given.database_url is None:
            self._start_server("database_url", EmbeddedPostgres(directory / "postgres"))
        if self._given.nats_url is None:
            self._start_server("nats_url", EmbeddedNats(directory / "nats"))
        self._take_in_addresses()

    def start_children(self, *, demo: bool) -> None:
        """The worker and the API. Raises CommandRefused where the API doesn't become ready."""
        logs = self.settings.data_directory / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        self._start_child("worker", WORKER_STOP_SECONDS)
        api = self._start_child("api", API_STOP_SECONDS)
        if demo:
            self._start_child("demo-arrivals", WORKER_STOP_SECONDS)
        self._wait_until_ready(api, self._logs[1])

    def watch(self) -> None:
        """Keep all parts running until StopRequested is raised."""
        while True:
            self._tick()

    def _start_server(self, setting: str, server: EmbeddedServer) -> None:
        self._servers[setting] = server
        self._supervisor.start(ServerPart(server, self._take_in_addresses))

    def _take_in_addresses(self) -> None:
        """Learn where the servers are now; children that started with other addresses start again."""
        started = {setting: server.url for setting, server in self._servers.items() if server.pid is not None}
        self.settings = msgspec.structs.replace(self._given, **started)
        keep(self.settings)

    def _start_child(self, name: str, stop_seconds: float) -> Watch:
        path = self.settings.data_directory / "logs" / f"{name}.log"
        self._logs.append(ChildLog(name, path))
        return self._supervisor.start(ChildPart(name, path, self._environment, self._lock.descriptor, stop_seconds))

    def _environment(self) -> Mapping[str, str]:
        form = "json" if self.settings.log_format == "auto" else self.settings.log_format
        return environment_of(msgspec.structs.replace(self.settings, log_format=form))

    def _wait_until_ready(self, api: Watch, log: ChildLog) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready(self.settings):
            self._tick()
            if api.restarts >= TRIES or time.monotonic() > deadline:
                where = self.settings.data_directory / "logs" / "api.log"
                raise CommandRefused(
                    f"the API doesn't get ready: {log.last_words or 'it logged nothing'} (see {where})"
                )

    def _tick(self) -> None:
        self._supervisor.tend()
        for log in self._logs:
            for line in log.new_lines():
                say(line)
        time.sleep(TICK_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commands beside this one no longer find its servers."""
        forget(self.settings)


@contextmanager
def held_directory(directory: Path) -> Iterator[DirectoryLock]:
    """Hold the data directory, which is made if need be; raises EmbeddedServerError if another `up` runs in it.

    The children inherit the lock, so the next `up` waits until those of one that was killed have ended.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = DirectoryLock.acquire(directory / "lock", kill_orphans=lambda: None)
    try:
        yield lock
    finally:
        lock.release()


def is_ready(settings: Settings) -> bool:
    """Whether the API says that it can do its work."""
    connection = HTTPConnection(reachable(settings.host), settings.port, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's own number
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def reachable(host: str) -> str:
    """An address at which a server that listens on `host` is found from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - told apart, not bound
