"""The library's own specification of recorders, run on our log.

What of it doesn't apply, and why:

- AggregateRecorder (`AggregateRecorderTestCase`): there is one log and no recorder without positions; snapshots are
  kept by the desk.
- Tracking and process recorders: read models keep their own checkpoints, fenced by a lease.
- `test_insert_select` compares ids with a list, and inserts the same event twice: kept as it is.
- The two concurrency tests begin their streams at version 0, ours begin at 1: their versions are shifted by one.
- `test_performance` measures and asserts nothing.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import InfrastructureFactoryError, IntegrityError, StoredEvent
from tests.store.streams import BODY, NAME

from supportix.store.committer import Command
from supportix.store.errors import VersionConflict
from supportix.store.recorder import LogRecorder, SupportixFactory


def _application_recorder_tests() -> Any:
    """The library's test module wants its AES cipher, and that a package that we have no use for."""
    cipher = ModuleType("eventsourcing.cipher")
    cipher.AESCipher = object  # type: ignore[attr-defined]
    known = sys.modules.setdefault("eventsourcing.cipher", cipher)
    try:
        from eventsourcing.tests.persistence import ApplicationRecorderTestCase
    finally:
        if known is cipher:
            del sys.modules["eventsourcing.cipher"]
    return ApplicationRecorderTestCase


class FromVersionZero(LogRecorder):
    """For tests whose streams begin at 0."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        shifted = [
            StoredEvent(each.originator_id, each.originator_version + 1, each.topic, each.state)
            for each in stored_events
        ]
        return super().insert_events(shifted, **kwargs)


@pytest.fixture
def conforming(database_url: str) -> Iterator[Callable[[type[LogRecorder]], Any]]:
    """The library's test case on a recorder of the class."""
    recorders: list[LogRecorder] = []

    class TestCase(_application_recorder_tests()):
        INITIAL_VERSION = 1
        recorder_class: type[LogRecorder]

        def new_originator_id(self) -> UUID:
            return uuid4()

        def create_recorder(self) -> LogRecorder:
            recorders.append(self.recorder_class(database_url))
            return recorders[-1]

    def make(recorder_class: type[LogRecorder]) -> TestCase:
        case = TestCase()
        case.recorder_class = recorder_class
        return case

    yield make
    for recorder in recorders:
        recorder.close()


def test_insert_and_select(conforming):
    conforming(LogRecorder).test_insert_select()


def test_subscriptions(conforming):
    conforming(LogRecorder).optional_test_insert_subscribe()


def test_concurrent_writers_and_readers(conforming):
    conforming(FromVersionZero).test_concurrent_no_conflicts()


def test_concurrent_throughput(conforming):
    conforming(FromVersionZero).test_concurrent_throughput()


@pytest.fixture
def recorder(database_url: str) -> Iterator[LogRecorder]:
    recorder = LogRecorder(database_url)
    yield recorder
    recorder.close()


def stored(stream_id: UUID, version: int) -> StoredEvent:
    return StoredEvent(stream_id, version, NAME, BODY)


def test_a_conflict_is_the_librarys_and_ours(recorder):
    """The library's application retries on its own error, our commands on ours."""
    event = stored(uuid4(), 1)
    recorder.insert_events([event])
    with pytest.raises(IntegrityError):
        recorder.insert_events([event])
    with pytest.raises(VersionConflict):
        recorder.insert_events([event])


def test_nothing_to_insert_is_nothing(recorder):
    assert recorder.insert_events([]) == []
    assert recorder.max_notification_id() is None


def test_a_command_given_twice_is_carried_out_once(recorder):
    command = Command()
    assert recorder.insert_events([stored(uuid4(), 1)], command=command) == [1]
    assert recorder.insert_events([stored(uuid4(), 1)], command=command) == [1]
    assert recorder.max_notification_id() == 1


def test_a_recorder_can_be_used_again_after_closing(recorder):
    stream_id = uuid4()
    recorder.insert_events([stored(stream_id, 1)])
    recorder.close()
    assert recorder.insert_events([stored(stream_id, 2)]) == [2]
    assert [event.originator_version for event in recorder.select_events(stream_id, desc=True)] == [2, 1]
    assert [event.originator_version for event in recorder.select_events(stream_id, gt=1)] == [2]
    assert [event.originator_version for event in recorder.select_events(stream_id, lte=1)] == [1]
    assert [event.originator_version for event in recorder.select_events(stream_id, desc=True, limit=1)] == [2]


def test_the_factory_makes_nothing_but_the_log():
    factory = SupportixFactory.__new__(SupportixFactory)
    for refused in (factory.aggregate_recorder, factory.tracking_recorder, factory.process_recorder):
        with pytest.raises(InfrastructureFactoryError):
            refused()
