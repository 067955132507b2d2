"""A worker: runs each process that it can get the lease of, and takes over from workers that fell silent."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import structlog

from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases

Process = Callable[[Fence], Awaitable[None]]
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


async def work(processes: Mapping[str, Process], leases: Leases) -> None:
    """Run these processes, each under the lease of its name, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for name, process in processes.items():
            group.create_task(_keep_running(name, process, leases), name=name)


async def _keep_running(name: str, process: Process, leases: Leases) -> None:
    """Acquire, run, and start again after a loss or a fault, with growing pauses between faults."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            fence = await leases.acquire(name)
            await _run_leased(process, fence, leases)
        except LeaseLost as loss:
            _log.warning("lease lost", process=name, why=str(loss))
        except Exception:  # noqa: BLE001 - whatever it was is logged, and the others go on.
            _log.exception("process failed; it starts again", process=name, pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            pause = FIRST_PAUSE_SECONDS


async def _run_leased(process: Process, fence: Fence, leases: Leases) -> None:
    """Run until the process or the renewal of its lease ends; the other one is then stopped."""
    running = asyncio.ensure_future(process(fence))
    keeping = asyncio.ensure_future(leases.keep(fence))
    try:
        done, _ = await asyncio.wait({running, keeping}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (running, keeping):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        with contextlib.suppress(Exception):
            await leases.release(fence)
