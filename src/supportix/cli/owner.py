"""What a child of `supportix up` does to end when `up` ends, even where `up` was killed: nothing is left behind.

Linux signals the death of the parent. Elsewhere, and for what that signal misses, a thread watches the pipe that `up`
holds open as long as it lives, and the number of the parent.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time

OWNER = "SUPPORTIX_OWNER_PID"
CHECK_SECONDS = 0.5
STOP_SECONDS = 6.0
"""How long the process may take to stop by itself before its whole session is killed."""
_PR_SET_PDEATHSIG = 1


def end_with_owner() -> None:
    """In a child of `supportix up`: stop like at SIGTERM when it ends. Does nothing in any other process."""
    owner = os.environ.pop(OWNER, None)
    if owner is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_watch, args=(int(owner),), name="owner-watch", daemon=True).start()


def _watch(owner: int) -> None:
    while os.getppid() == owner:
        ready, _, _ = select.select([0], [], [], CHECK_SECONDS)
        if ready and not os.read(0, 64):
            break
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
