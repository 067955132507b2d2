"""A worker process: what it runs under which lease, and its life until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from nats.aio.client import Client

from supportix.bootstrap import Core, open_core, utc_now
from supportix.forecasting import process as forecasting
from supportix.forecasting.messages import Setting
from supportix.forecasting.process import Forecasting
from supportix.forecasting.queue_forecasts import QueueForecasts
from supportix.identity.housekeeping import delete_expired
from supportix.processes import assigner, merging, timekeeper
from supportix.processes.assigner import Assigner
from supportix.processes.merging import Merging
from supportix.processes.timekeeper import Timekeeper
from supportix.processes.worker import Process, work
from supportix.projections import runner
from supportix.projections.rebuild import rebuild, stale_read_models
from supportix.projections.runner import ProjectionRunner
from supportix.realtime import relay
from supportix.realtime.lifespan import open_nats, relay_process
from supportix.settings import Settings
from supportix.simulation import process as simulations
from supportix.simulation.jobs import SimulationJobs
from supportix.simulation.process import Simulations
from supportix.store.committer import Fence
from supportix.store.leases import Leases
from supportix.store.partitions import ensure_ahead

CONNECT_SECONDS = 1.0
HOUSEKEEPING = "housekeeping"
HOUSEKEEPING_SECONDS = 60.0
TIDIED_EVERY = timedelta(hours=1)

_log = structlog.get_logger(__name__)


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then let go of all leases. Raises SettingRefused."""
    run_until_stopped(_work(settings))


def run_until_stopped(working: Coroutine[Any, Any, None]) -> None:
    """Run on a loop of its own until it ends, or until SIGTERM or SIGINT, which cancel it."""
    with asyncio.Runner(loop_factory=_loop_factory()) as loop:
        loop.run(_until_stopped(working))


async def _work(settings: Settings) -> None:
    async with open_core(settings) as core, AsyncExitStack() as stack:
        await core.departments.ensure_triage(at=utc_now())
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        processes = _on_the_log(core, settings)
        if settings.nats_url is not None:
            nats = await stack.enter_async_context(open_nats(core, settings.nats_url, required=False))
            await _give_time_to_connect(nats)
            processes[relay.LEASE] = relay_process(core, nats)
        _log.info("worker started", owner=owner, processes=sorted(processes))
        await work(processes, Leases(core.pool, owner))


def _on_the_log(core: Core, settings: Settings) -> dict[str, Process]:
    reckoning = Setting(
        database_url=settings.required_database_url(),
        workers=settings.forecast_workers,
        backend=settings.forecast_backend,
    )
    return {
        runner.LEASE: lambda fence: _keep_read_models(core, fence),
        assigner.LEASE: lambda fence: Assigner(core.desk, core.committer, core.feed, fence, utc_now).run(),
        merging.LEASE: lambda fence: Merging(core.desk, fence, utc_now, QueueForecasts(core.pool)).run(),
        forecasting.LEASE: lambda fence: Forecasting(core.desk, reckoning, fence, utc_now).run(),
        simulations.LEASE: lambda fence: Simulations(SimulationJobs(core.pool), str(core.pool.conninfo), fence).run(),
        timekeeper.LEASE: lambda fence: Timekeeper(core.desk, fence, utc_now).run(),
        HOUSEKEEPING: lambda _: _keep_house(core),
    }


async def _keep_read_models(core: Core, fence: Fence) -> None:
    """Rebuild those that another release's code has made, then follow the log."""
    stale = await stale_read_models(core.pool)
    if stale:
        _log.info("read models are rebuilt, since their code has changed", names=stale)
        await rebuild(core.pool, stale)
    await ProjectionRunner(core.pool, core.feed, fence).run()


async def _keep_house(core: Core) -> None:
    """Make the log's partitions ahead of need, of which one holds far more events than come in between two looks; and
    each hour delete what has expired of sessions and log-ins.
    """
    tidied_at: datetime | None = None
    while True:
        async with core.pool.connection() as connection:
            await ensure_ahead(connection)
        now = utc_now()
        if tidied_at is None or now - tidied_at >= TIDIED_EVERY:
            await delete_expired(core.pool, now)
            tidied_at = now
        await asyncio.sleep(HOUSEKEEPING_SECONDS)


async def _give_time_to_connect(nats: Client) -> None:
    """Tickets are given out without NATS too, so nobody waits long for it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            while not nats.is_connected:  # noqa: ASYNC110 - the client has no event for its first connection.
                await asyncio.sleep(0.01)


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
    _log.info("stopped")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop, except on Windows, which it doesn't know."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
