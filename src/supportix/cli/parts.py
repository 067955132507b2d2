"""The parts that `supportix up` runs: embedded servers, and processes of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from supportix.cli.owner import OWNER
from supportix.embedded import EmbeddedServer
from supportix.embedded.directory import rotate_log

POLL_SECONDS = 0.02


class Part(Protocol):
    """Something that has to run."""

    @property
    def name(self) -> str: ...

    def start(self) -> None:
        """Start it, after what is left of an earlier run has gone. Raises EmbeddedServerError or OSError."""

    def why_restart(self) -> str | None:
        """Why it has to be started (again); None while all is well."""

    def stop(self) -> None:
        """End it cleanly, by force where that takes too long."""

    def kill(self) -> None:
        """End it at once."""


class ServerPart:
    """An embedded PostgreSQL or NATS, on the same port after each restart as long as nobody else takes that."""

    def __init__(self, server: EmbeddedServer, started: Callable[[], None]) -> None:
        """`started` is called after each start: the address may be another one."""
        self.name = server.product
        self._server = server
        self._started = started

    def start(self) -> None:
        self._server.restart()
        self._started()

    def why_restart(self) -> str | None:
        code = self._server.poll()
        return None if code is None else how_it_ended(code)

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        if self._server.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._server.pid, signal.SIGKILL)


class ChildPart:
    """`supportix <name>` in a session of its own, writing to a log file; it ends with us, see `owner`."""

    def __init__(
        self,
        name: str,
        log_path: Path,
        environment: Callable[[], Mapping[str, str]],
        lock_descriptor: int,
        stop_seconds: float,
    ) -> None:
        """Settings reach it by its environment: everyone can read a command line. It inherits the directory's lock."""
        self.name = name
        self.log_path = log_path
        self._environment = environment
        self._started_with: Mapping[str, str] = {}
        self._lock_descriptor = lock_descriptor
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.stop()
        rotate_log(self.log_path)
        self._started_with = self._environment()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "supportix", self.name],
                stdin=subprocess.PIPE,  # Its end tells the child of ours.
                stdout=log,
                stderr=log,
                env={**os.environ, **self._started_with, OWNER: str(os.getpid())},
                pass_fds=[self._lock_descriptor],
                start_new_session=True,
            )

    def why_restart(self) -> str | None:
        if self._process is None:
            return "it could not be started"
        if self._has_ended(self._process):
            return how_it_ended(self._collect(self._process))
        return None if self._started_with == self._environment() else "an address has changed"

    def stop(self) -> None:
        process = self._process
        if process is None:
            return
        if not self._has_ended(process):
            process.terminate()
            deadline = time.monotonic() + self._stop_seconds
            while not self._has_ended(process) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        self._collect(process)
        self._process = None

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _has_ended(self, process: subprocess.Popen[bytes]) -> bool:
        """Look without collecting it: until then nobody else can get its number, which is also that of its session."""
        if process.returncode is not None:
            return True
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _collect(self, process: subprocess.Popen[bytes]) -> int:
        """End what it may have left behind, and return its exit code."""
        self.kill()
        if process.stdin is not None:
            process.stdin.close()
        return process.wait()


def how_it_ended(code: int) -> str:
    """In words; negative codes are signals."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
