"""The life of an embedded server, the same for each product: lock, prepare, launch, wait until ready, stop."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from supportix.embedded.directory import (
    DirectoryLock,
    log_since,
    remembered_port,
    rotate_log,
    secret_in,
    write_private,
)
from supportix.embedded.errors import EmbeddedServerError
from supportix.embedded.processes import GuardedProcess, Launch, free_port, kill_processes_in, port_is_free

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

FRESH_PORTS = 3
READY_POLL_SECONDS = 0.005
LOG_TAIL_LINES = 4


class EmbeddedServer(ABC):
    """One server on one data directory, blocking and used from one thread at a time."""

    product: ClassVar[str]
    program: ClassVar[str]
    port_taken_message: ClassVar[str]

    def __init__(self, data_directory: Path, *, port: int | None, start_seconds: float) -> None:
        """Touch nothing yet. Without a port, the one of the last start is used again if it is free."""
        # Resolved once, because a later change of our working directory must not move the server's files.
        self.data_directory = Path(data_directory).expanduser().resolve()
        self._wanted_port = port
        self._start_seconds = start_seconds
        self._port: int | None = None
        self._process: GuardedProcess | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address with its secret; raises EmbeddedServerError before the first start."""

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1; raises EmbeddedServerError before the first start."""
        if self._port is None:
            message = f"{self.product} in {self.data_directory} has not been started"
            raise EmbeddedServerError(message)
        return self._port

    @property
    def pid(self) -> int | None:
        """The process id of the server itself, None when it was not started."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path:
        """The file to which the server writes."""
        return self.data_directory / f"{self.program}.log"

    def start(self) -> None:
        """Return when the server takes connections; does nothing when it already does.

        Raises EmbeddedServerError if the directory is in use, or with the server's last words if it does not come up.
        """
        if self._process is not None and self.poll() is None:
            return
        try:
            self._start()
        except OSError as error:
            message = f"{self.product} cannot use {self.data_directory}: {error}"
            raise EmbeddedServerError(message) from error

    def _start(self) -> None:
        self.stop()
        self.data_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = DirectoryLock.acquire(self.data_directory / "lock", kill_orphans=self._kill_orphans)
        try:
            self._prepare(lock)
            self._serve(lock)
        finally:
            lock.release()
        try:
            self._finish_start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server cleanly; does nothing when it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def restart(self) -> None:
        """Stop the server if it still runs, and start it, on the same port unless somebody else has taken that."""
        self.stop()
        self.start()

    def poll(self) -> int | None:
        """Return None while the server runs, else its exit code (negative: the signal that killed it).

        A server that was never started, or was stopped on request, has ended well: 0.
        """
        return self._process.poll() if self._process else 0

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    @abstractmethod
    def _working_directory(self) -> Path:
        """Where the server's processes run, by which its orphans are recognised."""

    @abstractmethod
    def _prepare(self, lock: DirectoryLock) -> None:
        """Bring the directory into a state from which the server can start, whatever happened before."""

    @abstractmethod
    def _launch(self, port: int) -> Launch:
        """Describe the process that will serve on the port."""

    @abstractmethod
    def _is_ready(self, pid: int) -> bool:
        """Tell whether the server takes connections."""

    def _finish_start(self) -> None:  # noqa: B027 - optional on purpose
        """Do what needs the running server; nothing by default."""

    def _secret(self) -> str:
        return secret_in(self.data_directory / "secret")

    def _kill_orphans(self) -> None:
        kill_processes_in(self._working_directory, self.program)

    def _serve(self, lock: DirectoryLock) -> None:
        """Start on the first port that works; between our look at a port and the server's bind, it may be taken."""
        for port in self._ports_to_try():
            if self._comes_up_on(port, lock):
                self._port = port
                write_private(self.data_directory / "port", str(port))
                return
        message = f"{self.product} found its port taken by another program: {self._wanted_port or 'any port'}"
        raise EmbeddedServerError(message)

    def _ports_to_try(self) -> Iterator[int]:
        if self._wanted_port is not None:
            yield self._wanted_port
            return
        last = remembered_port(self.data_directory / "port")
        if last is not None and port_is_free(last):
            yield last
        for _ in range(FRESH_PORTS):
            yield free_port()

    def _comes_up_on(self, port: int, lock: DirectoryLock) -> bool:
        """Return False if the port is taken; raises EmbeddedServerError for every other reason not to come up."""
        log_offset = rotate_log(self.log_path)
        process = GuardedProcess(self._launch(port), lock)
        try:
            ready = self._wait_until_ready(process)
        except BaseException:
            process.stop()
            raise
        if ready:
            self._process = process
            return True
        process.stop()
        log = log_since(self.log_path, log_offset)
        if self.port_taken_message in log:
            return False
        message = f"{self.product} in {self.data_directory} did not start: {_tail(log)}"
        raise EmbeddedServerError(message)

    def _wait_until_ready(self, process: GuardedProcess) -> bool:
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline and process.poll() is None:
            if self._is_ready(process.pid):
                return True
            time.sleep(READY_POLL_SECONDS)
        return False


def _tail(log: str) -> str:
    """Return the last lines of a log as one line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join(lines[-LOG_TAIL_LINES:]) or "it wrote nothing to its log"
