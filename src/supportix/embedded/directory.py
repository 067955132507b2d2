"""What lies in the data directory of an embedded server besides the server's own files: lock, secret, port, log."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportix.embedded.errors import EmbeddedServerError
from supportix.embedded.processes import is_alive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG_ROTATION_BYTES = 8 * 1024 * 1024
POLL_SECONDS = 0.02
# How long the rest of a dead server may take to vanish by itself; PostgreSQL's backends need 1 to 2 s.
ORPHAN_GRACE_SECONDS = 4.0
LOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The owner that took a lock, and the guardian of the server it started since."""

    owner: int
    guardian: int | None

    def is_serving(self) -> bool:
        """Tell whether the directory is in use, as opposed to being left by a dead owner or a dead server."""
        return is_alive(self.owner) and (self.guardian is None or is_alive(self.guardian))

    def has_left_server(self) -> bool:
        """Tell whether a server was started whose guardian is gone, so that nobody will stop what is left of it."""
        return self.guardian is not None and not is_alive(self.guardian)


class DirectoryLock:
    """The flock of one data directory.

    The guardian and all server processes inherit the descriptor, and flock belongs to the open file: so the lock is
    free when the last of them has gone, and not a moment earlier, whoever was killed in which order.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Wrap a descriptor whose flock is held; use `acquire`."""
        self._path = path
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path, *, kill_orphans: Callable[[], None]) -> DirectoryLock:
        """Take the lock; raises EmbeddedServerError at once if a living owner serves from this directory.

        Waits for the processes of a dead server, and after a grace period of 4 s calls `kill_orphans`.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _wait_for_lock(path, descriptor, kill_orphans)
        except BaseException:
            os.close(descriptor)
            raise
        lock = cls(path, descriptor)
        lock._write(LockHolder(os.getpid(), None))
        return lock

    def record_guardian(self, pid: int) -> None:
        """Note who guards the server, so that others can tell a server in use from the remains of one."""
        self._write(LockHolder(os.getpid(), pid))

    def release(self) -> None:
        """Give up our part of the lock; a running server keeps its own."""
        os.close(self.descriptor)

    def _write(self, holder: LockHolder) -> None:
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"owner": holder.owner, "guardian": holder.guardian}).encode(), 0)


def _wait_for_lock(path: Path, descriptor: int, kill_orphans: Callable[[], None]) -> None:
    started = time.monotonic()
    grace_is_over = False
    while not _try_lock(descriptor):
        waited = time.monotonic() - started
        holder = _holder(descriptor)
        if holder is not None and holder.is_serving():
            message = f"{path.parent} is already in use by process {holder.owner}"
            raise EmbeddedServerError(message)
        if waited > LOCK_SECONDS:
            message = f"{path.parent} is still in use by processes of a server that has ended"
            raise EmbeddedServerError(message)
        if waited > ORPHAN_GRACE_SECONDS and not grace_is_over and holder and holder.has_left_server():
            grace_is_over = True
            kill_orphans()
        time.sleep(POLL_SECONDS)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> LockHolder | None:
    """Return who holds the lock, None in the instant in which they are about to write it down."""
    try:
        return LockHolder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None


def secret_in(path: Path) -> str:
    """Return the secret kept in a file of mode 0600, made up at first use."""
    if path.exists():
        return path.read_text().strip()
    write_private(path, secrets.token_hex(24))
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Put text into a file of mode 0600 that is there completely or not at all, even after a power cut."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a rename inside the directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remembered_port(path: Path) -> int | None:
    """Return the port of the last start, if there was one."""
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def rotate_log(path: Path) -> int:
    """Set a log of over 8 MB aside as `.1`, and return where in the current one the lines of this start begin."""
    size = path.stat().st_size if path.exists() else 0
    if size <= LOG_ROTATION_BYTES:
        return size
    path.rename(path.with_name(f"{path.name}.1"))
    return 0


def log_since(path: Path, offset: int) -> str:
    """Return what was logged after `offset` bytes."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(offset)
        return log.read().decode(errors="replace")
