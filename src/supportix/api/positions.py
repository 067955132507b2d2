"""Waiting until the read models have reached a position. However many wait, one task of the process asks."""

import asyncio
import contextlib
import heapq
from itertools import count
from typing import Any

from psycopg_pool import AsyncConnectionPool

from supportix.api.refusals import ReadModelsBehind
from supportix.projections.checkpoint_queries import reached_position

POLL_SECONDS = 0.005


class ReadPositions:
    """How far the read models are, as far as this process knows."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._known = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._polling: asyncio.Task[None] | None = None

    async def reach(self, position: int, within_seconds: float) -> None:
        """Return when all read models hold the log up to this position. Refused: ReadModelsBehind."""
        if position <= self._known:
            return
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (position, next(self._order), arrival))
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="read positions")
        try:
            async with asyncio.timeout(within_seconds):
                await arrival
        except TimeoutError:
            raise ReadModelsBehind(
                f"position {position} was asked for, the read models stand at {self._known}; ask again in a moment"
            ) from None

    async def close(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._polling

    async def _poll(self) -> None:
        """Ask for as long as somebody waits."""
        try:
            while self._waiting:
                self._known = await reached_position(self._pool)
                self._release()
                if self._waiting:
                    await asyncio.sleep(POLL_SECONDS)
        except Exception as error:  # noqa: BLE001 - those who wait get to know it.
            for _, _, arrival in self._waiting:
                if not arrival.done():
                    arrival.set_exception(error)
            self._waiting.clear()

    def _release(self) -> None:
        while self._waiting and (self._waiting[0][0] <= self._known or self._waiting[0][2].done()):
            _, _, arrival = heapq.heappop(self._waiting)
            if not arrival.done():
                arrival.set_result(None)
