"""What both embedded servers need of the operating system: guarded processes, orphans, free ports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import psutil

from supportix.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    import signal

    from supportix.embedded.directory import DirectoryLock

GUARDIAN = Path(__file__).with_name("guardian.py")
# The guardian needs a moment beyond the server's own stop time to kill it and to exit.
GUARDIAN_MARGIN_SECONDS = 5.0
KILLED_BY_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class Account:
    """The system user a server runs as, when that is not ourselves."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Launch:
    """One server to start: its command, where it runs, where it writes and how it is asked to stop."""

    argv: list[str]
    working_directory: Path
    log_path: Path
    stop_signal: signal.Signals
    stop_seconds: float
    account: Account | None = None


class GuardedProcess:
    """A server with its guardian, which stops the server when this process ends, even by SIGKILL."""

    def __init__(self, launch: Launch, lock: DirectoryLock) -> None:
        """Start the server, which inherits the directory lock; raises EmbeddedServerError if it cannot be executed."""
        self._stop_seconds = launch.stop_seconds
        with launch.log_path.open("ab") as log:
            # A session of its own, so that Ctrl-C reaches the owner only, which then stops the servers in its order.
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARDIAN)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
                env=_server_environment(),
                pass_fds=[lock.descriptor],
                start_new_session=True,
            )
        lock.record_guardian(self._guardian.pid)
        try:
            self.pid = self._order(launch, lock)
        except BaseException:
            self.stop()
            raise

    def _order(self, launch: Launch, lock: DirectoryLock) -> int:
        order = {
            "argv": launch.argv,
            "working_directory": str(launch.working_directory),
            "stop_signal": int(launch.stop_signal),
            "stop_seconds": launch.stop_seconds,
            "account": asdict(launch.account) if launch.account else None,
            "owner": os.getpid(),
            "lock_descriptor": lock.descriptor,
        }
        orders, answers = cast("IO[bytes]", self._guardian.stdin), cast("IO[bytes]", self._guardian.stdout)
        with answers:
            orders.write(json.dumps(order).encode() + b"\n")
            orders.flush()
            answer = json.loads(answers.readline() or '{"error": "its guardian process ended"}')
        if "error" in answer:
            message = f"{Path(launch.argv[0]).name} could not be executed: {answer['error']}"
            raise EmbeddedServerError(message)
        return int(answer["pid"])

    def poll(self) -> int | None:
        """Return None while the server runs, else its exit code, negative for a signal."""
        code = self._guardian.poll()
        return KILLED_BY_SIGNAL - code if code is not None and code > KILLED_BY_SIGNAL else code

    def stop(self) -> None:
        """End the server cleanly, or by force after its stop time. Does nothing when it has ended."""
        _say_stop(self._guardian)
        try:
            self._guardian.wait(self._stop_seconds + GUARDIAN_MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            self._guardian.wait()


def _say_stop(guardian: subprocess.Popen[bytes]) -> None:
    """Write a word before closing the pipe: a forked child of ours may hold it open, which would hide the closing."""
    pipe = cast("IO[bytes]", guardian.stdin)
    if pipe.closed:
        return
    try:
        with pipe:
            pipe.write(b"stop\n")
    except BrokenPipeError:
        # The guardian has ended already, and its server with it.
        return


def _server_environment() -> dict[str, str]:
    """Return our environment without PGDATA, PGOPTIONS and the like, and with untranslated messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "NATS_"))}
    return kept | {"LC_ALL": "C"}


def is_alive(pid: int) -> bool:
    """Tell whether a process exists that is not just waiting for its parent to collect it."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def runs_in(process: Any, directory: Path, program: str) -> bool:
    """Tell whether a psutil process is `program` at work in `directory`.

    A process that we may not look at belongs to another user, who could not work in a directory of ours.
    """
    try:
        if process.name() != program or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return bool(Path(process.cwd()) == directory)
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False


def kill_processes_in(directory: Path, program: str) -> None:
    """Kill what a server has left behind in `directory`; for a server whose guardian is gone."""
    for process in psutil.process_iter():
        if runs_in(process, directory, program):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def free_port() -> int:
    """Return a TCP port that nobody listens on at 127.0.0.1 at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on the port; connections of a server that has ended don't count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
