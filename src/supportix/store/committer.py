"""Group commit: what the commands of one process want to append is written together, in one durable transaction.

Batching is natural: while one flush is under way the next one gathers, and it starts as soon as the first returns.
Each command has its own outcome; a conflict of one leaves its neighbours alone. A flush whose outcome is unknown
(connection lost during commit) is sent again: the store knows each command by its id and answers it once.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from uuid_utils.compat import uuid7

from supportix.store.arrays import ByteaArray, Int4Array, Int8Array, TextArray, UuidArray, register_arrays
from supportix.store.errors import CommandReused, LeaseLost, StoreFull, StoreUnavailable, VersionConflict

MAX_COMMANDS_PER_FLUSH = 512
GIVE_UP_AFTER_SECONDS = 5.0
_PLANS = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan"
_UNKNOWN = "it may or may not have been written; send it again in a moment, with the same idempotency key"

_FULL = (psycopg.errors.DiskFull, psycopg.errors.CheckViolation)
"""To PostgreSQL, a row that no partition takes violates a check. The tables of the store have no other."""

_log = structlog.get_logger(__name__)


class Fence(msgspec.Struct, frozen=True):
    """A lease that must still be held, under this epoch, for the command to be carried out."""

    lease: str
    epoch: int


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants something appended and why. The id makes a repeat harmless; equal ids must mean equal requests.

    `fingerprint` tells whether a repeat is the same request; `answer` is kept and handed out to repeats.
    """

    id: UUID = msgspec.field(default_factory=uuid7)
    actor_id: UUID | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    trace_context: str | None = None
    fingerprint: bytes | None = None
    answer: bytes | None = None
    fence: Fence | None = None


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event ready to be stored."""

    stream_id: UUID
    version: int
    name: str
    body: bytes


class Appended(msgspec.Struct, frozen=True):
    """Where a command's events stand in the log. `repeated`: it had been carried out before, with this answer."""

    first_position: int
    last_position: int
    repeated: bool = False
    answer: bytes | None = None


_Span = tuple[UUID, int, int]


class _Waiting:
    """One command that waits for its flush.

    `spans`: each of its streams as a number, which hashes faster, with its id, and its versions before and after.
    `claims`: what no other command of the flush may have, its id and its streams.
    """

    __slots__ = ("claims", "command", "deadline", "done", "events", "spans")

    def __init__(self, command: Command, events: Sequence[NewEvent], done: "asyncio.Future[Appended]") -> None:
        self.command = command
        self.events = events
        self.done = done
        self.deadline = time.monotonic() + GIVE_UP_AFTER_SECONDS
        spans: dict[int, _Span] = {}
        for event in events:
            number = event.stream_id.int
            before = spans[number][1] if number in spans else event.version - 1
            spans[number] = (event.stream_id, before, event.version)
        self.spans = spans
        self.claims = (command.id.int, *spans)


APPEND = f"SELECT * FROM append_events({', '.join(['%s'] * 22)})"  # noqa: S608 - placeholders alone.


def append_parameters(batch: Sequence[_Waiting]) -> tuple[object, ...]:
    """The parameters of the SQL function append_events for these commands, in its order.

    A command's offsets count the events of the flush from 1; streams that begin with it go apart from those that go on.
    """
    commands = [waiting.command for waiting in batch]
    last_offsets = list(accumulate(len(waiting.events) for waiting in batch))
    first_offsets = [1, *(last + 1 for last in last_offsets[:-1])]
    spans = [span for waiting in batch for span in waiting.spans.values()]
    new = [span for span in spans if span[1] == 0]
    known = [span for span in spans if span[1] != 0] if len(new) < len(spans) else []
    fenced = [(command.id, command.fence) for command in commands if command.fence is not None]
    events = [event for waiting in batch for event in waiting.events]
    return (
        UuidArray.of([command.id for command in commands]),
        Int4Array.of(first_offsets),
        Int4Array.of(last_offsets),
        ByteaArray.of_any([command.fingerprint for command in commands]),
        ByteaArray.of_any([command.answer for command in commands]),
        UuidArray.of_any([command.actor_id for command in commands]),
        UuidArray.of_any([command.correlation_id for command in commands]),
        UuidArray.of_any([command.causation_id for command in commands]),
        TextArray.of_any([command.trace_context for command in commands]),
        UuidArray.of([command_id for command_id, _ in fenced]),
        TextArray.of([fence.lease for _, fence in fenced]),
        Int8Array.of([fence.epoch for _, fence in fenced]),
        UuidArray.of([stream_id for stream_id, _, _ in new]),
        Int4Array.of([after for _, _, after in new]),
        UuidArray.of([stream_id for stream_id, _, _ in known]),
        Int4Array.of([before for _, before, _ in known]),
        Int4Array.of([after for _, _, after in known]),
        UuidArray.repeated([(waiting.command.id, len(waiting.events)) for waiting in batch]),
        UuidArray.of([event.stream_id for event in events]),
        Int4Array.of([event.version for event in events]),
        TextArray.of([event.name for event in events]),
        ByteaArray.of([event.body for event in events]),
    )


class GroupCommitter:
    """Appends for all writers of a process. Lives on the event loop that started it."""

    def __init__(self, database_url: str, on_flush: Callable[[int], None] | None = None) -> None:
        """`on_flush` is told the log's new head after each flush: a hint for those who follow the log."""
        self._database_url = database_url
        self._on_flush = on_flush
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="group-committer")

    async def close(self) -> None:
        """Flush what waits, then stop; whatever comes later is refused."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._forget_connection()

    async def append(self, events: Sequence[NewEvent], command: Command) -> Appended:
        """Write the events of one command, all or none, durably.

        Refused: VersionConflict, CommandReused, StoreUnavailable, StoreFull. Raises LeaseLost where it is fenced.
        """
        if self._closing:
            raise StoreUnavailable("this process is stopping; send it again, another one will take it")
        waiting = _Waiting(command, events, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.done

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._arrived.wait()
            batch = self._next_batch()
            if batch:
                await self._flush_with_care(batch)
            elif not self._closing:
                self._arrived.clear()

    def _next_batch(self) -> list[_Waiting]:
        """The commands that wait, in order of arrival; of repeats and of those on the same stream only the first."""
        batch: list[_Waiting] = []
        held_back: list[_Waiting] = []
        busy: set[int] = set()
        while self._waiting and len(batch) < MAX_COMMANDS_PER_FLUSH:
            waiting = self._waiting.popleft()
            if waiting.done.cancelled():
                continue
            if busy.isdisjoint(waiting.claims):
                batch.append(waiting)
            else:
                held_back.append(waiting)
            busy.update(waiting.claims)
        self._waiting.extendleft(reversed(held_back))
        return batch

    async def _flush_with_care(self, batch: list[_Waiting]) -> None:
        """Flush; where the database is away, again until the deadline; where one command breaks it, one by one."""
        while True:
            try:
                rows = await self._flush(batch)
            except _FULL as error:
                _refuse(batch, _store_full(error))
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                await self._forget_connection()
                expired = [waiting for waiting in batch if time.monotonic() > waiting.deadline]
                _refuse(expired, StoreUnavailable(f"{_UNKNOWN} ({type(error).__name__})"))
                batch = [waiting for waiting in batch if waiting not in expired]
                if batch:
                    await asyncio.sleep(0.1)
                    continue
            except Exception as error:  # noqa: BLE001 - its caller gets it; here it must not stop the others.
                _log.exception("flush refused", commands=len(batch))
                await self._forget_connection()
                if len(batch) > 1:
                    for waiting in batch:
                        await self._flush_with_care([waiting])
                else:
                    _refuse(batch, error)
            else:
                self._settle(batch, rows)
            return

    async def _flush(self, batch: Sequence[_Waiting]) -> list[tuple[object, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = await connect_for_append(self._database_url)
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(APPEND, append_parameters(batch), prepare=True)
        return await cursor.fetchall()

    async def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()

    def _settle(self, batch: Sequence[_Waiting], rows: Sequence[tuple[object, ...]]) -> None:
        head = 0
        for waiting, outcome in zip(batch, _outcomes(batch, rows), strict=True):
            if waiting.done.done():
                continue
            if isinstance(outcome, Appended):
                head = max(head, outcome.last_position)
                waiting.done.set_result(outcome)
            else:
                waiting.done.set_exception(outcome)
        if head:
            self.wake(head)

    def wake(self, head: int) -> None:
        """Tell those who follow the log that it has grown."""
        if self._on_flush is not None:
            self._on_flush(head)


async def append_on(connection: psycopg.AsyncConnection[Any], events: Sequence[NewEvent], command: Command) -> Appended:
    """Append in a transaction that the caller has open, and which holds back all other writers until it ends.

    Refused: VersionConflict, CommandReused, StoreFull. Raises LeaseLost where it is fenced.
    """
    register_arrays(connection)
    waiting = _Waiting(command, events, asyncio.get_running_loop().create_future())
    cursor = connection.cursor(binary=True)
    try:
        await cursor.execute(APPEND, append_parameters([waiting]))
    except _FULL as error:
        raise _store_full(error) from error
    (outcome,) = _outcomes([waiting], await cursor.fetchall())
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def connect_for_append(database_url: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
    """A connection whose plans go by index, whatever the tables' statistics were, and are made once."""
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True, options=_PLANS)
    register_arrays(connection)
    return connection


def _outcomes(batch: Sequence[_Waiting], rows: Sequence[tuple[Any, ...]]) -> list[Appended | Exception]:
    """What the rows of append_events say of each command: one row for all where nothing stood in their way."""
    if rows[0][0] is None:
        last = rows[0][2]
        outcomes: list[Appended | Exception] = []
        for waiting in batch:
            first, last = last + 1, last + len(waiting.events)
            outcomes.append(Appended(first, last))
        return outcomes
    row_of = {row[0]: row for row in rows}
    return [_outcome(row_of[waiting.command.id], waiting.command) for waiting in batch]


def _outcome(row: tuple[Any, ...], command: Command) -> Appended | Exception:
    _, outcome, first, last, fingerprint, answer = row
    if outcome == "conflict":
        return VersionConflict("another change was saved first; read the present state and decide again")
    if outcome == "fenced":
        return LeaseLost(f"lease {command.fence and command.fence.lease!r} has another owner")
    if outcome == "repeated" and fingerprint != command.fingerprint:
        return CommandReused("the same idempotency key came with another request; use a new key for a new request")
    return Appended(first, last, outcome == "repeated", answer)


def _store_full(error: psycopg.Error) -> StoreFull:
    why = str(error).splitlines()[0]
    if isinstance(error, psycopg.errors.CheckViolation):
        return StoreFull(f"{why}: the log has reached its last partition; `supportix partitions` makes the next")
    return StoreFull(why)


def _refuse(batch: Sequence[_Waiting], refusal: Exception) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(refusal)
