"""Carries hints that the log has grown from process to process, on the core NATS subject `supportix.v1.wake`.

A lost hint costs a poll's interval and nothing else, so nothing is kept while NATS is down. Commands never wait for it.
"""

import asyncio
import contextlib

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from supportix.realtime.connection import connected
from supportix.store.feed import Wakeups

WAKE = "supportix.v1.wake"
PACE_SECONDS = 0.002


class WakeupBridge:
    """Publishes what this process's committer hints at, and hints at what others publish."""

    def __init__(self, wakeups: Wakeups, nats: Client) -> None:
        self._wakeups = wakeups
        self._nats = nats
        self._told = 0
        """The highest head that went over NATS, from here or from elsewhere."""

    async def run(self) -> None:
        """Carry hints until cancelled, at most one each PACE_SECONDS."""
        await connected(self._nats)
        subscription = await self._nats.subscribe(WAKE, cb=self._heard)
        try:
            while True:
                await self._wakeups.wait(self._told)
                if self._wakeups.head > self._told:
                    await self._tell(self._wakeups.head)
        finally:
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()

    async def _tell(self, head: int) -> None:
        self._told = head
        if self._nats.is_connected:
            with contextlib.suppress(NatsError):
                await self._nats.publish(WAKE, str(head).encode())
        await asyncio.sleep(PACE_SECONDS)

    async def _heard(self, message: Msg) -> None:
        if message.data.isdigit():
            head = int(message.data)
            self._told = max(self._told, head)
            self._wakeups.hint(head)
