"""A worker process: the parts it is made of, and its life from the first lease to SIGTERM."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

from supportix.bootstrap import Core, open_core, utc_now
from supportix.processes import assigner, worker
from supportix.processes.assigner import Assigner
from supportix.processes.worker import work
from supportix.projections import runner
from supportix.projections.runner import ProjectionRunner
from supportix.settings import Settings
from supportix.store.leases import Leases

_log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then let go of all leases. Raises SettingRefused."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner_:
        runner_.run(_until_stopped(_work(settings)))


async def _work(settings: Settings) -> None:
    async with open_core(settings) as core:
        await core.departments.ensure_triage(at=utc_now())
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        _log.info("worker started", owner=owner)
        await work(_processes(core), Leases(core.pool, owner))


def _processes(core: Core) -> dict[str, worker.Process]:
    return {
        runner.LEASE: lambda fence: ProjectionRunner(core.pool, core.feed, fence).run(),
        assigner.LEASE: lambda fence: Assigner(core.desk, core.committer, core.feed, fence, utc_now).run(),
    }


async def _until_stopped(working: Coroutine[Any, Any, None]) -> None:
    """Run until it ends, or until the first stop signal; a second one doesn't disturb the stop."""
    task = asyncio.ensure_future(working)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await task
    _log.info("worker stopped")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loop where that is installed."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
