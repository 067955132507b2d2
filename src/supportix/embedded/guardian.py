"""The parent process of one embedded server, run as a script: it ends the server when the owner dies.

A watching process rather than PR_SET_PDEATHSIG alone, because that signal exists on Linux only and fires when the
*thread* that forked ends. It uses the standard library only, so that `python -I -S` starts it in some 30 ms.

It reads its order as one line of JSON from stdin, answers with one line on stdout (`{"pid": ...}` or `{"error": ...}`),
and stops the server on any of: more input, end of input, a stop signal, a changed parent. It exits with the server's
exit code, 128 + n when signal n killed the server.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PARENT_CHECK_SECONDS = 0.5
PR_SET_PDEATHSIG = 1
CANNOT_EXECUTE = 126


def main() -> int:
    """Run one server until it ends or has to be stopped, and return its exit code."""
    line = sys.stdin.buffer.readline()
    if not line:
        return CANNOT_EXECUTE
    order = json.loads(line)
    wakeup = _wakeup_descriptor()
    try:
        server = _launch(order)
    except (OSError, subprocess.SubprocessError) as error:
        _answer({"error": str(error)})
        return CANNOT_EXECUTE
    _answer({"pid": server.pid})
    _wait_for_end_or_order(server, wakeup, order["owner"])
    code = _stop(server, order["stop_signal"], order["stop_seconds"])
    return code if code >= 0 else 128 - code


def _answer(answer: dict[str, int | str]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _launch(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the server with our stderr as its log; it inherits the lock, and holds it until its last process ends."""
    account = order["account"]
    identity = {"user": account["uid"], "group": account["gid"], "extra_groups": []} if account else {}
    return subprocess.Popen(
        order["argv"],
        cwd=order["working_directory"],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        pass_fds=[order["lock_descriptor"]],
        preexec_fn=_signal_on_guardian_death(order["stop_signal"]),  # noqa: PLW1509 - this process has one thread
        **identity,
    )


def _signal_on_guardian_death(number: int) -> Callable[[], None] | None:
    """On Linux the kernel covers the case that the guardian itself is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, number)

    return ask_kernel


def _wakeup_descriptor() -> int:
    """Return a descriptor on which the number of every received signal arrives as one byte."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *STOP_SIGNALS):
        signal.signal(number, lambda _number, _frame: None)
    return reading


def _wait_for_end_or_order(server: subprocess.Popen[bytes], wakeup: int, owner: int) -> None:
    """Block until the server ended or has to be stopped.

    The parent is checked as well as the pipe: a process that the owner forked may hold the pipe open after its death.
    """
    stdin = sys.stdin.fileno()
    while server.poll() is None:
        ready, _, _ = select.select([stdin, wakeup], [], [], PARENT_CHECK_SECONDS)
        received = os.read(wakeup, 64) if wakeup in ready else b""
        if stdin in ready or any(number in STOP_SIGNALS for number in received) or os.getppid() != owner:
            return


def _stop(server: subprocess.Popen[bytes], number: int, seconds: float) -> int:
    """Signal a server that still runs, kill it after `seconds`, and return its exit code."""
    server.send_signal(number)
    try:
        return server.wait(seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


if __name__ == "__main__":
    sys.exit(main())
