"""The departments as they stand. Consumes departments' events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from supportix.domain.department import Department
from supportix.domain.department_facts import (
    AssignmentPaused,
    AssignmentPolicyChanged,
    AssignmentResumed,
    CalendarChanged,
    DepartmentCreated,
    DepartmentRenamed,
    KnownEventNoted,
    KnownEventWithdrawn,
    MergeJoined,
    MergeLeft,
    MergingChanged,
    RequestTypesChanged,
    ResolutionTargetsChanged,
    RoutingRulesChanged,
    StaffingTermsChanged,
    TakeBack,
    TakeBackChanged,
    WorkWeightsChanged,
)
from supportix.projections.rows import LIVE, Connection, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

departments = Table(
    "departments",
    metadata,
    Column("department_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("targets", JSONB, nullable=False),
    Column("weights_by_priority", JSONB, nullable=False),
    Column("weights_by_channel", JSONB, nullable=False),
    Column("offline_after", Integer),
    Column("unanswered_after", Integer),
    Column("stays_online", Boolean, nullable=False),
    Column("calendar", JSONB, nullable=False),
    Column("staffing", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    schema=LIVE,
)

known_events = Table(
    "known_events",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("department_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("begins_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Index("ix_known_events_department_id_begins_at", "department_id", "begins_at"),
    schema=LIVE,
)


class DepartmentRow(msgspec.Struct):
    """A department as it stands; `calendar` and `staffing` as they stand in its events."""

    department_id: UUID
    name: str
    policy: str
    paused: bool
    targets: dict[str, int]
    weights_by_priority: dict[str, int]
    weights_by_channel: dict[str, int]
    offline_after: int | None
    unanswered_after: int | None
    stays_online: bool
    calendar: dict[str, Any]
    staffing: dict[str, Any] | None
    created_at: datetime
    version: int
    position: int


class KnownEventRow(msgspec.Struct):
    event_id: UUID
    department_id: UUID
    name: str
    kind: str
    begins_at: datetime
    ends_at: datetime


class DepartmentDirectory:
    """Keeps the tables `departments` and `known_events`."""

    name = "departments"
    tables = (departments, known_events)
    subjects = (Department,)

    def __init__(self, schema: str = LIVE) -> None:
        self._rows = Rows(departments, DepartmentRow, schema)
        self._events = Rows(known_events, KnownEventRow, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        await self._rows.fetch(connection, stream_ids(entries, Department))
        withdrawn = [entry.fact.event_id for entry in entries if isinstance(entry.fact, KnownEventWithdrawn)]
        await self._events.fetch(connection, withdrawn)

    def fold(self, entry: LogEntry) -> None:
        fact = entry.fact
        if isinstance(fact, DepartmentCreated):
            row = _created(entry, fact)
        else:
            known = self._rows.get(entry.stream_id)
            if known is None:
                raise LookupError(f"department {entry.stream_id} has no row; its first event was expected before")
            row = known
            _apply(row, entry)
            self._apply_events(entry)
        row.version, row.position = entry.version, entry.position
        self._rows.put(row)

    async def write(self, connection: Connection) -> None:
        await self._rows.write(connection)
        await self._events.write(connection)

    def _apply_events(self, entry: LogEntry) -> None:
        if isinstance(entry.fact, KnownEventNoted):
            each = entry.fact.event
            self._events.put(KnownEventRow(each.event_id, entry.stream_id, each.name, each.kind, each.begin, each.end))
        elif isinstance(entry.fact, KnownEventWithdrawn):
            self._events.drop(entry.fact.event_id)


def _apply(row: DepartmentRow, entry: LogEntry) -> None:
    match entry.fact:
        case DepartmentRenamed(name=name):
            row.name = name
        case AssignmentPolicyChanged(policy=policy):
            row.policy = policy
        case AssignmentPaused() | AssignmentResumed():
            row.paused = isinstance(entry.fact, AssignmentPaused)
        case ResolutionTargetsChanged(minutes=minutes):
            row.targets = _by_word(minutes)
        case WorkWeightsChanged(by_priority=by_priority, by_channel=by_channel):
            row.weights_by_priority, row.weights_by_channel = _by_word(by_priority), _by_word(by_channel)
        case TakeBackChanged(take_back=take_back):
            _take_back(row, take_back)
        case CalendarChanged(calendar=calendar):
            row.calendar = msgspec.to_builtins(calendar)
        case StaffingTermsChanged(terms=terms):
            row.staffing = msgspec.to_builtins(terms)
        case fact if isinstance(fact, _TOLD_ELSEWHERE):
            pass
        case other:
            raise NotImplementedError(f"the department directory has no rule for {type(other).TOPIC}")


_TOLD_ELSEWHERE = (
    *(KnownEventNoted, KnownEventWithdrawn),  # They have rows of their own.
    *(RoutingRulesChanged, RequestTypesChanged),  # Read from the department's own events, where they are needed.
    *(MergingChanged, MergeJoined, MergeLeft),  # The read model of merges tells of these.
)


def _created(entry: LogEntry, fact: DepartmentCreated) -> DepartmentRow:
    row = DepartmentRow(
        department_id=entry.stream_id,
        name=fact.name,
        policy=fact.policy,
        paused=False,
        targets={},
        weights_by_priority={},
        weights_by_channel={},
        offline_after=None,
        unanswered_after=None,
        stays_online=False,
        calendar={},
        staffing=None,
        created_at=fact.occurred_at,
        version=entry.version,
        position=entry.position,
    )
    _take_back(row, TakeBack())
    return row


def _take_back(row: DepartmentRow, take_back: TakeBack) -> None:
    row.offline_after, row.unanswered_after = take_back.offline_after, take_back.unanswered_after
    row.stays_online = take_back.stays_online


def _by_word(numbers: Mapping[Any, int]) -> dict[str, int]:
    return {word.value: number for word, number in numbers.items()}
