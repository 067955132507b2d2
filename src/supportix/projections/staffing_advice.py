"""Advice on staffing as it was told last, with its evidence, what was decided on it, and what came of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, DateTime, Double, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from supportix.domain.advice_words import AdviceState, Advised
from supportix.domain.staffing_advice import (
    AdviceAccepted,
    AdviceChanged,
    AdviceDismissed,
    AdviceGiven,
    AdviceScored,
    AdviceWithdrawn,
    StaffingAdvice,
)
from supportix.projections.rows import LIVE, Connection, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

staffing_advice = Table(
    "staffing_advice",
    metadata,
    Column("advice_id", Uuid, primary_key=True),
    Column("department_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("begins_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("agents", Integer, nullable=False),
    Column("with_department_id", Uuid),
    Column("share_without", Double, nullable=False),
    Column("share_with", Double, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True)),
    Column("decided_at", DateTime(timezone=True)),
    Column("withdrawn_at", DateTime(timezone=True)),
    Column("scored_at", DateTime(timezone=True)),
    Column("score", JSONB),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("ix_staffing_advice_begins_at_advice_id", "begins_at", "advice_id"),
    Index("ix_staffing_advice_department_id_begins_at", "department_id", "begins_at"),
    Index("ix_staffing_advice_ends_at", "ends_at"),
    schema=LIVE,
)

Json = dict[str, Any]


class AdviceRow(msgspec.Struct):
    """An advice as it stands. `changed_at`: when a newer forecast changed it last."""

    advice_id: UUID
    department_id: UUID
    state: str
    kind: str
    begins_at: datetime
    ends_at: datetime
    agents: int
    with_department_id: UUID | None
    share_without: float
    share_with: float
    sentence: str
    evidence: Json
    given_at: datetime
    changed_at: datetime | None
    decided_at: datetime | None
    withdrawn_at: datetime | None
    scored_at: datetime | None
    score: Json | None
    version: int
    position: int


class AdviceList:
    """Keeps the table `staffing_advice`."""

    name = "staffing_advice"
    tables = (staffing_advice,)
    subjects = (StaffingAdvice,)

    def __init__(self, schema: str = LIVE) -> None:
        self._rows = Rows(staffing_advice, AdviceRow, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        await self._rows.fetch(connection, stream_ids(entries, StaffingAdvice))

    def fold(self, entry: LogEntry) -> None:
        if isinstance(entry.fact, AdviceGiven):
            row = _given(entry, entry.fact)
        else:
            known = self._rows.get(entry.stream_id)
            if known is None:
                raise LookupError(f"advice {entry.stream_id} has no row; its first event was expected before")
            row = known
            _apply(row, entry)
        row.version, row.position = entry.version, entry.position
        self._rows.put(row)

    async def write(self, connection: Connection) -> None:
        await self._rows.write(connection)


def _apply(row: AdviceRow, entry: LogEntry) -> None:
    at = entry.fact.occurred_at
    match entry.fact:
        case AdviceChanged(advised=advised):
            for name, value in _told(advised).items():
                setattr(row, name, value)
            row.changed_at = at
        case AdviceAccepted():
            row.state, row.decided_at = AdviceState.ACCEPTED, at
        case AdviceDismissed():
            row.state, row.decided_at = AdviceState.DISMISSED, at
        case AdviceWithdrawn():
            row.state, row.withdrawn_at = AdviceState.WITHDRAWN, at
        case AdviceScored(score=score):
            row.score, row.scored_at = msgspec.to_builtins(score), at
        case other:
            raise NotImplementedError(f"the read model of advice has no rule for {type(other).TOPIC}")


def _told(advised: Advised) -> Json:
    return {
        "kind": advised.kind,
        "begins_at": advised.begin,
        "ends_at": advised.end,
        "agents": advised.agents,
        "with_department_id": advised.with_department_id,
        "share_without": advised.share_without,
        "share_with": advised.share_with,
        "sentence": advised.sentence,
        "evidence": msgspec.to_builtins(advised.evidence),
    }


def _given(entry: LogEntry, fact: AdviceGiven) -> AdviceRow:
    return AdviceRow(
        advice_id=entry.stream_id,
        department_id=fact.department_id,
        state=AdviceState.GIVEN,
        **_told(fact.advised),
        given_at=fact.occurred_at,
        changed_at=None,
        decided_at=None,
        withdrawn_at=None,
        scored_at=None,
        score=None,
        version=entry.version,
        position=entry.position,
    )
