"""Imports a past of traffic: reads it, holds it against what is known already, and records what is new.

A row that was recorded before is passed over, so that an import that was stopped goes on when it is started again.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from supportix.bootstrap import Core
from supportix.commands.department_names import departments_by_name
from supportix.domain.errors import NotFound
from supportix.domain.ids import DepartmentId
from supportix.domain.schedule import is_time_zone
from supportix.domain.ticket_facts import TicketAssigned, TicketRouted
from supportix.domain.traffic_past import MOST_INTERVALS, PastInterval, TrafficPast, traffic_past_id
from supportix.importing.identities import import_id_of
from supportix.importing.past_rows import DepartmentRows, PastRow, read_past
from supportix.importing.report import DecisionCode, ImportRefused, ImportReport
from supportix.importing.run import Progress
from supportix.projections.traffic_history import quarter_of
from supportix.projections.traffic_queries import TrafficStep, own_traffic_since
from supportix.store.committer import Command
from supportix.store.errors import VersionConflict

INTERVALS_PER_COMMAND = 50 * MOST_INTERVALS
POLICY = "round_robin"

_STEP_SECONDS: Mapping[TrafficStep, int] = {TrafficStep.QUARTER: 900, TrafficStep.HOUR: 3_600, TrafficStep.DAY: 86_400}
_OWN = (TicketRouted.TOPIC, TicketAssigned.TOPIC)
_PAGE = 5_000


class PastSummary(msgspec.Struct, frozen=True):
    """What became of an import. `created`: names of departments that were made for it."""

    report: ImportReport
    departments: int
    created: tuple[str, ...]
    intervals: int
    arrivals: int
    seconds: float


async def import_past(
    core: Core,
    path: Path,
    *,
    step: TrafficStep,
    time_zone: str,
    create_departments: bool,
    at: datetime,
    progress: Progress = lambda _stage, _done, _total: None,
) -> PastSummary:
    """Import a file; again after an interruption, it goes on where it stopped.

    Raises ImportRefused where the file can't be used, or where another import writes the same past meanwhile.
    """
    started = time.monotonic()
    if not is_time_zone(time_zone):
        raise ImportRefused(f"time zone {time_zone!r} isn't known; a name such as Europe/Lisbon was expected")
    ids = await departments_by_name(core.pool)
    report = ImportReport()
    rows = read_past(
        path,
        step,
        ZoneInfo(time_zone),
        report,
        by=at,
        known=None if create_departments else frozenset(ids),
        progress=lambda done, total: progress("reading", done, total),
    )
    created = tuple(each.name for key, each in rows.items() if key not in ids)
    for name in created:
        await core.departments.found(name, POLICY, at=at)
    ids = await departments_by_name(core.pool) if created else ids
    writing = _Writing(core, import_id_of(path, f"past traffic {step}", time_zone, None), step, report, at)
    own_since, done, total = await _own_traffic_since(core), 0, sum(map(len, rows.values()))
    for key, each in sorted(rows.items()):
        await writing.record(ids[key], each, own_since.get(ids[key]))
        done += len(each)
        progress("writing", done, total)
    report.rows_used = report.rows_read - report.rows_refused
    report.refused.sort(key=lambda row: row.line)
    return PastSummary(
        report=report,
        departments=len(rows),
        created=created,
        intervals=writing.intervals,
        arrivals=writing.arrivals,
        seconds=time.monotonic() - started,
    )


class _Writing:
    """Writes one department's past after the other. Counts what is new."""

    def __init__(self, core: Core, import_id: UUID, step: TrafficStep, report: ImportReport, at: datetime) -> None:
        self.intervals = 0
        self.arrivals = 0
        self._core = core
        self._import_id = import_id
        self._step_seconds = _STEP_SECONDS[step]
        self._report = report
        self._at = at

    async def record(self, department_id: DepartmentId, rows: DepartmentRows, own_since: datetime | None) -> None:
        past_id = traffic_past_id(department_id)
        try:
            past = await self._core.desk.load(TrafficPast, past_id)
        except NotFound:
            past = TrafficPast(id=past_id)
        new = self._new(rows, past, own_since)
        for first in range(0, len(new), INTERVALS_PER_COMMAND):
            await self._append(past, department_id, new[first : first + INTERVALS_PER_COMMAND])

    def _new(self, rows: DepartmentRows, past: TrafficPast, own_since: datetime | None) -> list[PastInterval]:
        """What is to be recorded; the rest is told in the report."""
        new: list[PastInterval] = []
        before: PastRow | None = None
        for row in rows.in_order():
            interval = row.interval
            if before is not None and interval.begin < before.interval.end:
                self._meets_another_row(row, before)
                continue
            before = row
            known = past.overlapping(interval)
            if own_since is not None and interval.end > own_since:
                since = own_since.isoformat()
                self._report.refuse(row.line, f"this desk itself counts the department's traffic since {since}")
            elif known == interval:
                self._report.decide(DecisionCode.recorded_before, row.line)
            elif known is not None:
                self._report.refuse(row.line, f"of that time is recorded already: {_told(known)}; a past isn't changed")
            else:
                new.append(interval)
        return new

    def _meets_another_row(self, row: PastRow, before: PastRow) -> None:
        if row.interval == before.interval:
            self._report.decide(DecisionCode.row_again, row.line)
        else:
            told = _told(before.interval)
            self._report.refuse(row.line, f"of that time line {before.line} tells already: {told}")

    async def _append(self, past: TrafficPast, department_id: DepartmentId, intervals: Sequence[PastInterval]) -> None:
        # Its version tells this command from one that an earlier run of the same file made of fewer rows.
        command = Command(id=uuid5(self._import_id, f"past:{past.id}:{past.version}"))
        past.record_intervals(department_id, intervals, step_seconds=self._step_seconds, at=self._at)
        try:
            await self._core.desk.append([past], command)
        except VersionConflict as conflict:
            raise ImportRefused(
                "another import records the past of the same department; start this one again when that one has ended"
            ) from conflict
        self.intervals += len(intervals)
        self.arrivals += sum(each.arrivals for each in intervals)


async def _own_traffic_since(core: Core) -> dict[UUID, datetime]:
    """By department: as the read model has it, and what the log holds beyond that."""
    found = await own_traffic_since(core.pool)
    since, position, head = found.value, found.position, await core.desk.reading.head()
    while position < head:
        scan = await core.desk.reading.named(_OWN, position, _PAGE)
        for entry in scan.entries:
            if isinstance(entry.fact, TicketRouted | TicketAssigned):
                quarter = quarter_of(entry.fact.occurred_at)
                since[entry.fact.department_id] = min(quarter, since.get(entry.fact.department_id, quarter))
        position = scan.scanned
    return since


def _told(interval: PastInterval) -> str:
    return f"{interval.arrivals} arrivals from {interval.begin.isoformat()} to {interval.end.isoformat()}"
