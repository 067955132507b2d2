"""The audit: proves every assignment in the log by replay, or names the first that can't be proved.

Consumes the whole log. For each TicketAssigned by a policy it restores what the chooser knew (the log up to the
position that the event names, and the earlier events of its own command), runs the policy of that name and version in
the plainest way, and compares the agent and the recorded reasons. Of every assignment, whoever made it, it checks
the invariants: one assignee, capacity, membership or a formed pool, and the pairing of the claim with the reservation.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.processes.audit_invariants import InvariantCheck
from supportix.processes.audit_pools import PoolCheck
from supportix.processes.audit_replicas import Replicas
from supportix.processes.audit_routing import RoutingCheck
from supportix.store.log import EventLog, LogEntry

PAGE = 5_000
FINDINGS_KEPT = 100


class Finding(msgspec.Struct, frozen=True):
    """Something that isn't as it should be."""

    position: int
    stream_id: UUID
    what: str


class AuditReport(msgspec.Struct):
    """What was looked at and found. `assignments` counts by who chose; `proved` those that replay confirmed."""

    events: int = 0
    until: int = 0
    assignments: Counter[str] = msgspec.field(default_factory=Counter)
    proved: int = 0
    routings_proved: Counter[str] = msgspec.field(default_factory=Counter)
    """By the step that decided."""
    found: int = 0
    findings: list[Finding] = []
    """The first of them, in the log's order."""

    @property
    def clean(self) -> bool:
        return self.found == 0

    def find(self, entry: LogEntry, what: str) -> None:
        self.found += 1
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(Finding(entry.position, entry.stream_id, what))


class AuditScope(msgspec.Struct, frozen=True, kw_only=True):
    """What to report on. The log is read from its beginning all the same."""

    since: datetime | None = None
    until: datetime | None = None
    department_id: UUID | None = None

    def holds(self, fact: TicketAssigned) -> bool:
        at = fact.occurred_at
        return (
            (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and self.department_id in (None, fact.department_id)
        )


async def audit(
    pool: AsyncConnectionPool[Any], scope: AuditScope, progress: Callable[[int, int], None] | None = None
) -> AuditReport:
    """Audit the log up to its present head. `progress` is told events done and in total."""
    log = EventLog(pool)
    head = await log.head()
    report = AuditReport(until=head)
    auditor = Auditor(report, scope)
    position = 0
    while position < head:
        entries = await log.after(position, min(PAGE, head - position))
        for entry in entries:
            auditor.take(entry)
        await auditor.prove_routing(pool)
        position = entries[-1].position
        if progress is not None:
            progress(position, head)
    auditor.finish()
    return report


class Auditor:
    """Takes in the log entry by entry and writes what it finds into a report."""

    def __init__(self, report: AuditReport, scope: AuditScope) -> None:
        self._report = report
        self._scope = scope
        self._invariants = InvariantCheck(self._report.find)
        self._pools = PoolCheck(self._report.find)
        self._replicas = Replicas()
        self._routing = RoutingCheck(self._report.find)

    def take(self, entry: LogEntry) -> None:
        self._report.events += 1
        self._invariants.take(entry)
        self._pools.take(entry)
        self._replicas.take(entry)
        self._routing.take(entry)
        fact = entry.fact
        if not isinstance(fact, TicketAssigned) or not self._scope.holds(fact):
            return
        self._report.assignments[fact.assigned_by] += 1
        if fact.assigned_by is AssignedBy.POLICY:
            difference = self._replicas.difference(entry, fact)
            if difference is None:
                self._report.proved += 1
            else:
                self._report.find(entry, difference)

    async def prove_routing(self, pool: AsyncConnectionPool[Any]) -> None:
        """Prove the routing of what was taken; models are read from the database."""
        await self._routing.prove(pool)
        self._report.routings_proved = self._routing.proved

    def finish(self) -> None:
        self._invariants.finish()
        self._pools.finish()
