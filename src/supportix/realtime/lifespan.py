"""Opens and closes the realtime parts of a process: what an API process and a worker enter while they run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client

from supportix.bootstrap import Core
from supportix.processes.worker import Process
from supportix.realtime.connection import connect
from supportix.realtime.hub import Hub
from supportix.realtime.relay import Relay
from supportix.realtime.wakeups import WakeupBridge
from supportix.store.committer import Fence


@asynccontextmanager
async def open_realtime(core: Core, nats_url: str | None) -> AsyncIterator[Hub]:
    """An API process's hub. It serves without NATS too, so this doesn't wait for an answer there."""
    async with contextlib.AsyncExitStack() as stack:
        nats = await stack.enter_async_context(open_nats(core, nats_url, required=False)) if nats_url else None
        hub = Hub(core.desk, core.feed, nats)
        try:
            yield hub
        finally:
            await hub.close()


@asynccontextmanager
async def open_nats(core: Core, nats_url: str, *, required: bool = True) -> AsyncIterator[Client]:
    """A connection that also carries wake-ups between processes. Raises SettingRefused where it is required."""
    async with connect(nats_url, required=required) as nats:
        carrying = asyncio.create_task(WakeupBridge(core.wakeups, nats).run(), name="wakeup-bridge")
        try:
            yield nats
        finally:
            carrying.cancel()
            await asyncio.wait({carrying})


def relay_process(core: Core, nats: Client) -> Process:
    """The relay, for a worker to run under the lease `supportix.realtime.relay.LEASE`."""

    async def run(fence: Fence) -> None:
        await Relay(core.desk.reading, core.feed, core.pool, nats, fence).run()

    return run
