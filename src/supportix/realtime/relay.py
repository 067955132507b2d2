"""The relay: copies every event of the log to JetStream, once and in order, for whoever wants to follow along.

Follows the log. Emits nothing into it, so there is nothing to redo: where it stands is read from the copy itself. Each
page is one atomic batch that is stored only behind the sequence that the relay has seen last (NATS ADR-50). So an
answer that was lost, a restart, and a second relay that doesn't know yet that it was replaced, can neither double an
event nor swap two.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import Header
from psycopg_pool import AsyncConnectionPool

from supportix.realtime.connection import cancellable, connected
from supportix.realtime.event_stream import Copy, present_copy
from supportix.realtime.publication import publication
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.feed import LogFeed
from supportix.store.log import EventLog, LogEntry

LEASE = "relay"
PAGE = 256
"""Events per batch. The server takes 1,000; this many hold up the other work of the process for 5 ms."""
ACK_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

_BATCH_ID, _BATCH_SEQUENCE = Header.BATCH_ID.value, Header.BATCH_SEQUENCE.value
_BATCH_COMMIT, _EXPECTED_LAST = Header.BATCH_COMMIT.value, Header.EXPECTED_LAST_SEQUENCE.value

_log = structlog.get_logger(__name__)


class _Ack(msgspec.Struct, frozen=True):
    seq: int = 0
    error: dict[str, Any] | None = None


class BatchRefused(Exception):  # noqa: N818 - what became of the batch.
    """JetStream did not store the batch, for the reason given."""


class Relay:
    """The one who copies, as long as it holds the lease."""

    def __init__(
        self, log: EventLog, feed: LogFeed, pool: AsyncConnectionPool[Any], nats: Client, fence: Fence
    ) -> None:
        self._log = log
        self._feed = feed
        self._pool = pool
        self._nats = nats
        self._jetstream: JetStreamContext = nats.jetstream()
        self._fence = fence
        self.copy: Copy | None = None
        """How far the copy reaches, as far as this relay knows."""

    async def run(self) -> None:
        """Copy until cancelled, waiting while NATS is down. Raises LeaseLost when another owner has taken over."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            await connected(self._nats)
            try:
                self.copy = await cancellable(present_copy(self._jetstream, self._log))
                pause = FIRST_PAUSE_SECONDS
                await self._follow(self.copy)
            except BatchRefused as refusal:
                _log.warning("batch refused", why=str(refusal))
                await self._must_hold_lease()
            except NatsError as error:
                _log.warning("nats doesn't answer; the relay tries again", error=repr(error), pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _follow(self, copy: Copy) -> None:
        """Copy page by page, until something is refused or doesn't answer."""
        while True:
            entries = await self._feed.after(copy.position, PAGE)
            if entries:
                sequence = await self._publish(entries, copy)
                copy = self.copy = Copy(copy.epoch, copy.offset, sequence)
            else:
                await self._feed.wait(copy.position)

    async def _publish(self, entries: Sequence[LogEntry], copy: Copy) -> int:
        """Store these events behind the copy's last, all or none. Returns the sequence of the last one."""
        batch_id = uuid4().hex
        for number, entry in enumerate(entries, 1):
            event = publication(entry, copy.epoch)
            event.headers[_BATCH_ID] = batch_id
            event.headers[_BATCH_SEQUENCE] = str(number)
            if number == 1:
                event.headers[_EXPECTED_LAST] = str(copy.sequence)
            if number < len(entries):
                await self._nats.publish(event.subject, event.body, headers=event.headers)
        event.headers[_BATCH_COMMIT] = "1"
        answer = await cancellable(
            self._nats.request(event.subject, event.body, timeout=ACK_SECONDS, headers=event.headers)
        )
        ack = msgspec.json.decode(answer.data, type=_Ack)
        if ack.error is not None:
            raise BatchRefused(f"{ack.error.get('description')} ({ack.error.get('err_code')})")
        if ack.seq != copy.sequence + len(entries):
            raise BatchRefused(f"the batch ends at sequence {ack.seq}; {copy.sequence + len(entries)} was expected")
        return ack.seq

    async def _must_hold_lease(self) -> None:
        """Raises LeaseLost where a newer owner holds the lease: the refused batch was a stale one."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute("SELECT epoch FROM leases WHERE name = %s", (self._fence.lease,))
            row = await cursor.fetchone()
        if row is not None and row[0] != self._fence.epoch:
            raise LeaseLost(f"lease {self._fence.lease!r} has another owner")
