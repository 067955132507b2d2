"""The departments as they stand. Consumes departments' events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from supportix.domain.department import Department
from supportix.domain.department_facts import (
    AssignmentPaused,
    AssignmentPolicyChanged,
    AssignmentResumed,
    DepartmentCreated,
    DepartmentRenamed,
    MergeJoined,
    MergeLeft,
    MergingChanged,
    RequestTypesChanged,
    ResolutionTargetsChanged,
    RoutingRulesChanged,
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
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    schema=LIVE,
)


class DepartmentRow(msgspec.Struct):
    """A department as it stands.

    `targets`: minutes to resolve a ticket, by priority. `weights_by_...`: points that a ticket takes. `offline_after`,
    `unanswered_after`: seconds until work is taken back from an agent that is offline or didn't begin with it.
    """

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
    created_at: datetime
    version: int
    position: int


class DepartmentDirectory:
    """Keeps the table `departments`."""

    name = "departments"
    tables = (departments,)
    subjects = (Department,)

    def __init__(self, schema: str = LIVE) -> None:
        self._rows = Rows(departments, DepartmentRow, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        await self._rows.fetch(connection, stream_ids(entries, Department))

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
        row.version, row.position = entry.version, entry.position
        self._rows.put(row)

    async def write(self, connection: Connection) -> None:
        await self._rows.write(connection)


def _apply(row: DepartmentRow, entry: LogEntry) -> None:
    match entry.fact:
        case DepartmentRenamed(name=name):
            row.name = name
        case AssignmentPolicyChanged(policy=policy):
            row.policy = policy
        case AssignmentPaused():
            row.paused = True
        case AssignmentResumed():
            row.paused = False
        case ResolutionTargetsChanged(minutes=minutes):
            row.targets = _by_word(minutes)
        case WorkWeightsChanged(by_priority=by_priority, by_channel=by_channel):
            row.weights_by_priority, row.weights_by_channel = _by_word(by_priority), _by_word(by_channel)
        case TakeBackChanged(take_back=take_back):
            _take_back(row, take_back)
        case RoutingRulesChanged() | RequestTypesChanged():
            pass  # Read from the department's own events, where they are needed.
        case MergingChanged() | MergeJoined() | MergeLeft():
            pass  # The read model of merges tells of these.
        case other:
            raise NotImplementedError(f"the department directory has no rule for {type(other).TOPIC}")


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
