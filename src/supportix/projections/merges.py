"""Merges, what they were based on, and how departments take part in them. Consumes events of merges and departments."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from supportix.domain.department import Department
from supportix.domain.department_facts import MergeJoined, MergeLeft, MergingChanged
from supportix.domain.merge import (
    Merge,
    MergeAbandoned,
    MergeApproved,
    MergeDismissed,
    MergeDissolved,
    MergeFinished,
    MergePoolFormed,
    MergeStarted,
    MergeState,
    MergeSuggested,
    MergeTicketsMoved,
    MergeWorkShared,
)
from supportix.projections.rows import LIVE, Connection, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

merges = Table(
    "merges",
    metadata,
    Column("merge_id", Uuid, primary_key=True),
    Column("source_id", Uuid, nullable=False),
    Column("target_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("suggested_by", Text, nullable=False),
    Column("triggers", JSONB, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("approved_by", Text),
    Column("dissolved_by", Text),
    Column("abandon_reason", Text),
    Column("begin_evidence", JSONB),
    Column("end_evidence", JSONB),
    Column("planned", Integer, nullable=False),
    Column("moved", Integer, nullable=False),
    Column("passed_over", Integer, nullable=False),
    Column("shared", Integer, nullable=False),
    Column("suggested_at", DateTime(timezone=True), nullable=False),
    Column("approved_at", DateTime(timezone=True)),
    Column("begun_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("ix_merges_suggested_at_merge_id", "suggested_at", "merge_id"),
    Index("ix_merges_state", "state"),
    schema=LIVE,
)

department_merging = Table(
    "department_merging",
    metadata,
    Column("department_id", Uuid, primary_key=True),
    Column("settings", JSONB),
    Column("merge_id", Uuid),
    Column("merge_left_at", DateTime(timezone=True)),
    schema=LIVE,
)
"""Of the departments that were ever concerned with merging."""

Json = dict[str, Any]


class MergeRow(msgspec.Struct):
    """A merge as it stands. Of the `planned` tickets, those `passed_over` had left the queue before their turn."""

    merge_id: UUID
    source_id: UUID
    target_id: UUID
    state: str
    strategy: str
    suggested_by: str
    triggers: list[str]
    evidence: Json
    settings: Json
    approved_by: str | None
    dissolved_by: str | None
    abandon_reason: str | None
    begin_evidence: Json | None
    end_evidence: Json | None
    planned: int
    moved: int
    passed_over: int
    shared: int
    suggested_at: datetime
    approved_at: datetime | None
    begun_at: datetime | None
    ended_at: datetime | None
    version: int
    position: int


class DepartmentMergingRow(msgspec.Struct):
    """How a department takes part in merges, and in which one now."""

    department_id: UUID
    settings: Json | None = None
    merge_id: UUID | None = None
    merge_left_at: datetime | None = None


class MergeList:
    """Keeps the tables `merges` and `department_merging`."""

    name = "merges"
    tables = (merges, department_merging)
    subjects = (Merge, Department)

    def __init__(self, schema: str = LIVE) -> None:
        self._merges = Rows(merges, MergeRow, schema)
        self._departments = Rows(department_merging, DepartmentMergingRow, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        await self._merges.fetch(connection, stream_ids(entries, Merge))
        await self._departments.fetch(connection, stream_ids(entries, Department))

    def fold(self, entry: LogEntry) -> None:
        if entry.fact.AGGREGATE is Merge:
            self._fold_merge(entry)
        elif isinstance(entry.fact, MergingChanged | MergeJoined | MergeLeft):
            row = self._departments.get(entry.stream_id) or DepartmentMergingRow(entry.stream_id)
            _apply_to_department(row, entry.fact)
            self._departments.put(row)

    async def write(self, connection: Connection) -> None:
        await self._merges.write(connection)
        await self._departments.write(connection)

    def _fold_merge(self, entry: LogEntry) -> None:
        if isinstance(entry.fact, MergeSuggested):
            row = _suggested(entry, entry.fact)
        else:
            known = self._merges.get(entry.stream_id)
            if known is None:
                raise LookupError(f"merge {entry.stream_id} has no row; its first event was expected before")
            row = known
            _apply(row, entry)
        row.version, row.position = entry.version, entry.position
        self._merges.put(row)


def _apply_to_department(row: DepartmentMergingRow, fact: MergingChanged | MergeJoined | MergeLeft) -> None:
    match fact:
        case MergingChanged(settings=settings):
            row.settings = msgspec.to_builtins(settings)
        case MergeJoined(merge_id=merge_id):
            row.merge_id = merge_id
        case MergeLeft():
            row.merge_id, row.merge_left_at = None, fact.occurred_at


def _apply(row: MergeRow, entry: LogEntry) -> None:
    at = entry.fact.occurred_at
    match entry.fact:
        case MergeApproved(approved_by=approved_by):
            row.state, row.approved_by, row.approved_at = MergeState.APPROVED, approved_by, at
        case MergeStarted(ticket_ids=ticket_ids, evidence=evidence):
            row.state, row.begun_at, row.planned = MergeState.MOVING, at, len(ticket_ids)
            row.begin_evidence = msgspec.to_builtins(evidence)
        case MergeTicketsMoved(ticket_ids=moved, passed_over=passed_over):
            row.moved += len(moved)
            row.passed_over += len(passed_over)
        case MergePoolFormed(evidence=evidence):
            row.state, row.begun_at, row.begin_evidence = MergeState.POOLED, at, msgspec.to_builtins(evidence)
        case MergeWorkShared(ticket_ids=shared):
            row.shared += len(shared)
        case MergeFinished():
            row.state, row.ended_at = MergeState.FINISHED, at
        case MergeDismissed():
            row.state, row.ended_at = MergeState.DISMISSED, at
        case MergeDissolved(dissolved_by=dissolved_by, evidence=seen):
            row.state, row.ended_at, row.dissolved_by = MergeState.DISSOLVED, at, dissolved_by
            row.end_evidence = None if seen is None else msgspec.to_builtins(seen)
        case MergeAbandoned(reason=reason, evidence=evidence):
            row.state, row.ended_at, row.abandon_reason = MergeState.ABANDONED, at, reason
            row.end_evidence = msgspec.to_builtins(evidence)
        case other:
            raise NotImplementedError(f"the read model of merges has no rule for {type(other).TOPIC}")


def _suggested(entry: LogEntry, fact: MergeSuggested) -> MergeRow:
    return MergeRow(
        merge_id=entry.stream_id,
        source_id=fact.source_id,
        target_id=fact.target_id,
        state=MergeState.SUGGESTED,
        strategy=fact.strategy,
        suggested_by=fact.suggested_by,
        triggers=[*fact.triggers],
        evidence=msgspec.to_builtins(fact.evidence),
        settings=msgspec.to_builtins(fact.settings),
        approved_by=None,
        dissolved_by=None,
        abandon_reason=None,
        begin_evidence=None,
        end_evidence=None,
        planned=0,
        moved=0,
        passed_over=0,
        shared=0,
        suggested_at=fact.occurred_at,
        approved_at=None,
        begun_at=None,
        ended_at=None,
        version=entry.version,
        position=entry.position,
    )
