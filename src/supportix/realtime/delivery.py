"""Sends a seat's frames in order, and carries out what it wishes for in its turn. The only one who sends to a seat."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from supportix.realtime.frames import Heartbeat, ResyncRequired, Subscribe, Subscribed, text_of
from supportix.realtime.hub import Hub
from supportix.realtime.seats import Seat

HEARTBEAT_SECONDS = 20.0
SEND_SECONDS = 10.0
"""A frame that isn't taken off our hands within this time won't be."""


class Delivery:
    """From one seat's outbox to its connection. `send` hands a frame to the network."""

    def __init__(self, hub: Hub, seat: Seat, send: Callable[[str], Awaitable[None]]) -> None:
        self._hub = hub
        self._seat = seat
        self._hand_over = send
        self._sent_at = time.monotonic()

    async def step(self, patience_seconds: float) -> None:
        """Send what waits, or comes within that time; a heartbeat when it has been quiet. Raises TimeoutError."""
        items = await self._seat.take(patience_seconds)
        if items:
            await self._send_all(items)
        elif time.monotonic() - self._sent_at >= HEARTBEAT_SECONDS:
            standing = self._hub.standing_of(self._seat)
            await self._send(text_of(Heartbeat(epoch=standing.epoch, position=standing.position)))

    async def _send_all(self, items: Sequence[str | Subscribe]) -> None:
        """A wish comes after all that the former one still brought, also what came while it waited."""
        waiting = deque(items)
        while waiting:
            item = waiting.popleft()
            if isinstance(item, str):
                await self._send(item)
                continue
            joined = await self._hub.join(self._seat, item)
            earlier = [*waiting, *joined.earlier]
            for text in earlier:
                if isinstance(text, str):
                    await self._send(text)
            waiting = deque(wish for wish in earlier if isinstance(wish, Subscribe))
            for text in await self._answer(item, joined.position, joined.missed, joined.trouble):
                await self._send(text)

    async def _answer(self, wish: Subscribe, position: int, missed: Sequence[str], trouble: str | None) -> list[str]:
        epoch = self._hub.epoch
        resync = [text_of(ResyncRequired(epoch=epoch, position=position, reason=trouble))] if trouble else []
        subscribed = text_of(Subscribed(epoch=epoch, position=position, topics=wish.topics))
        return [*resync, *missed, subscribed, *await self._hub.levels(self._seat, position)]

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._hand_over(text)
        self._sent_at = time.monotonic()
