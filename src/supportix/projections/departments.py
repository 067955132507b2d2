"""The departments as they stand. Consumes departments' events."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, Table, Text, Uuid

from supportix.domain.department import (
    AssignmentPaused,
    AssignmentPolicyChanged,
    AssignmentResumed,
    Department,
    DepartmentCreated,
    DepartmentRenamed,
    MergeJoined,
    MergeLeft,
    MergingChanged,
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
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    schema=LIVE,
)


class DepartmentRow(msgspec.Struct):
    """A department as it stands."""

    department_id: UUID
    name: str
    policy: str
    paused: bool
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
            row = DepartmentRow(
                entry.stream_id, fact.name, fact.policy, False, fact.occurred_at, entry.version, entry.position
            )
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
        case MergingChanged() | MergeJoined() | MergeLeft():
            pass  # The read model of merges tells of these.
        case other:
            raise NotImplementedError(f"the department directory has no rule for {type(other).TOPIC}")
