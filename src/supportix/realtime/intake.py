"""What comes from NATS: published events, put into line behind the position that the reader has reached.

Fast but not sure: messages may come twice, late, or not at all. Whoever reads here fills gaps from the log.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from supportix.domain.aggregate import DomainEvent
from supportix.realtime.publication import EVENTS, POSITION, received

MOST_WAITING = 10_000

_log = structlog.get_logger(__name__)


class Intake:
    """A core subscription to all events, open while somebody needs it."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._waiting: deque[tuple[int, Msg]] = deque(maxlen=MOST_WAITING)
        self._arrived = asyncio.Event()
        self._subscription: Subscription | None = None

    @property
    def is_flowing(self) -> bool:
        return self._subscription is not None and self._nats.is_connected

    async def open(self) -> None:
        """Subscribe if NATS is there; call it again if it wasn't. A reconnecting client subscribes again by itself."""
        if self._subscription is None and self._nats.is_connected:
            with contextlib.suppress(NatsError):
                self._subscription = await self._nats.subscribe(f"{EVENTS}.>", cb=self._take)

    async def close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()
        self._waiting.clear()

    async def wait(self, seconds: float) -> None:
        """Return when something has come, or after that time."""
        self._arrived.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()

    def after(self, position: int) -> Sequence[tuple[int, DomainEvent]]:
        """The events that follow this position without a gap; what is older is dropped."""
        events: list[tuple[int, DomainEvent]] = []
        while self._waiting and self._waiting[0][0] <= position + 1:
            at, message = self._waiting.popleft()
            if at == position + 1:
                try:
                    events.append(received(message.headers or {}, message.data))
                except ValueError as error:
                    _log.warning("message can't be read; it is taken from the log", position=at, why=str(error))
                    break
                position = at
        return events

    @property
    def has_gap(self) -> bool:
        """Whether something waits that `after` couldn't hand out."""
        return bool(self._waiting)

    def forget(self) -> None:
        """Drop what waits: it doesn't follow from the log."""
        self._waiting.clear()

    async def _take(self, message: Msg) -> None:
        position = (message.headers or {}).get(POSITION, "")
        if position.isdigit():
            self._waiting.append((int(position), message))
            self._arrived.set()
