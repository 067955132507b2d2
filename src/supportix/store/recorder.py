"""The library's recorder on our log, for code that is synchronous: it shares the process's group committer."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, NoReturn
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    ListenNotifySubscription,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    TrackingRecorder,
)

from supportix.store.committer import Command, GroupCommitter, NewEvent

_POLL_SECONDS = 0.05


class CommitterThread:
    """A group committer on an event loop of its own, for writers that have none."""

    def __init__(self, database_url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="group-committer", daemon=True)
        self._thread.start()
        self._committer = asyncio.run_coroutine_threadsafe(self._started(database_url), self._loop).result()

    def append(self, events: Sequence[NewEvent], command: Command) -> int:
        """Append and wait. Returns the first position; the others follow it."""
        appended = asyncio.run_coroutine_threadsafe(self._committer.append(events, command), self._loop).result()
        return appended.first_position

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._committer.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @staticmethod
    async def _started(database_url: str) -> GroupCommitter:
        committer = GroupCommitter(database_url)
        await committer.start()
        return committer


class LogRecorder(ApplicationRecorder):
    """Inserts through the group committer; reads by stream and by position; never locks a table, never notifies."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._lock = threading.Lock()
        self._thread: CommitterThread | None = None
        self._reader: psycopg.Connection[tuple[Any, ...]] | None = None

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append as one command, `command=Command(...)`. Raises the committer's refusals."""
        if not stored_events:
            return []
        events = [
            NewEvent(_stream(event.originator_id), event.originator_version, event.topic, event.state)
            for event in stored_events
        ]
        first = self._committer().append(events, kwargs.get("command") or Command())
        return list(range(first, first + len(events)))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        order = "DESC" if desc else "ASC"
        rows = self._read(
            "SELECT stream_id, version, name, body FROM events WHERE stream_id = %s "  # noqa: S608 - `order` is ours.
            f"AND version > %s AND version <= %s ORDER BY version {order} LIMIT %s",
            (originator_id, gt or 0, 2**31 - 1 if lte is None else lte, limit),
        )
        return [StoredEvent(*row) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 0 if start is None else start if inclusive_of_start else start + 1
        rows = self._read(
            "SELECT stream_id, version, name, body, position FROM events WHERE position >= %s AND position <= %s "
            "AND (%s::text[] = '{}' OR name = ANY(%s)) ORDER BY position LIMIT %s",
            (first, 2**63 - 1 if stop is None else stop, list(topics), list(topics), limit),
        )
        return [
            Notification(originator_id=row[0], originator_version=row[1], topic=row[2], state=row[3], id=row[4])
            for row in rows
        ]

    def max_notification_id(self) -> int | None:
        rows = self._read("SELECT position FROM events ORDER BY position DESC LIMIT 1", ())
        return int(rows[0][0]) if rows else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return PollingSubscription(self, gt, topics)

    def close(self) -> None:
        with self._lock:
            if self._thread is not None:
                self._thread.close()
            if self._reader is not None:
                self._reader.close()
            self._thread = self._reader = None

    def _committer(self) -> CommitterThread:
        with self._lock:
            if self._thread is None:
                self._thread = CommitterThread(self._database_url)
            return self._thread

    def _read(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._reader is None or self._reader.closed:
                self._reader = psycopg.connect(self._database_url, autocommit=True)
            return self._reader.cursor(binary=True).execute(statement, parameters).fetchall()


class PollingSubscription(ListenNotifySubscription[LogRecorder]):
    """Follows the log by position. Nothing is listened for: a notification that is lost can't lose an event."""

    def __init__(self, recorder: LogRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._ticking = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def stop(self) -> None:
        super().stop()
        if hasattr(self, "_ticking"):
            self._ticking.set()

    def _tick(self) -> None:
        while not self._ticking.wait(_POLL_SECONDS):
            self._has_been_notified.set()


class SupportixFactory(InfrastructureFactory[TrackingRecorder]):
    """Gives the library's Application our recorder. Read models have checkpoints of their own, not its tracking."""

    _recorder: LogRecorder | None = None

    def application_recorder(self) -> ApplicationRecorder:
        url = self.env.get("DATABASE_URL")
        if not url:
            raise InfrastructureFactoryError(
                "DATABASE_URL is missing: the PostgreSQL URL of the event store was expected"
            )
        self._recorder = LogRecorder(url)
        return self._recorder

    def close(self) -> None:
        super().close()
        if self._recorder is not None:
            self._recorder.close()

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        raise InfrastructureFactoryError(f"no recorder for {purpose!r}: aggregates are recorded in the one log")

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> NoReturn:  # noqa: ARG002 - the library's name.
        raise InfrastructureFactoryError("read models keep their checkpoints themselves: supportix.projections.runner")

    def process_recorder(self) -> ProcessRecorder:
        raise InfrastructureFactoryError("processes append through the desk: supportix.commands.desk")


def _stream(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
