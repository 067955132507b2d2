"""What holds of every assignment across a pool: the pool was formed then, and the agent belonged to the other team."""

from collections.abc import Callable
from uuid import UUID

from supportix.domain.agent import AgentJoinedDepartment, AgentLeftDepartment, AgentRegistered, WorkReserved
from supportix.domain.merge import Merge, MergeState, MergeWorkShared
from supportix.policies.pooling import Pooling
from supportix.store.log import LogEntry

Find = Callable[[LogEntry, str], None]


class PoolCheck:
    """Follows merges and the departments of agents, in the order of the log."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._pooling = Pooling()
        self._departments: dict[UUID, set[UUID]] = {}
        self._lent: dict[tuple[UUID, UUID], LogEntry] = {}
        self._command: UUID | None = None

    def take(self, entry: LogEntry) -> None:
        """Check one entry; entries come in order."""
        if entry.command_id != self._command:
            self.finish()
            self._command = entry.command_id
        fact = entry.fact
        match fact:
            case AgentRegistered(department_ids=department_ids):
                self._departments[entry.stream_id] = set(department_ids)
            case AgentJoinedDepartment(department_id=department_id):
                self._departments.setdefault(entry.stream_id, set()).add(department_id)
            case AgentLeftDepartment(department_id=department_id):
                self._departments.setdefault(entry.stream_id, set()).discard(department_id)
            case WorkReserved(merge_id=merge_id) if merge_id is not None:
                self._check_reservation(entry, fact, merge_id)
            case MergeWorkShared(ticket_ids=ticket_ids):
                self._check_shared(entry, ticket_ids)
        if fact.AGGREGATE is Merge:
            self._pooling.fold(entry.event)

    def finish(self) -> None:
        """Name what the command that ends here has left undone."""
        for entry in self._lent.values():
            self._find(entry, "work was reserved across a pool, and the pool's stream doesn't tell of it")
        self._lent.clear()

    def _check_reservation(self, entry: LogEntry, fact: WorkReserved, merge_id: UUID) -> None:
        self._lent[merge_id, fact.ticket_id] = entry
        merge = self._pooling.merges.get(merge_id)
        if merge is None or merge.state is not MergeState.POOLED:
            self._find(entry, f"work was reserved across merge {merge_id}, which was no formed pool then")
            return
        departments = self._departments.get(entry.stream_id, set())
        if fact.department_id in departments or merge.partner_of(fact.department_id) not in departments:
            self._find(entry, f"agent was lent to department {fact.department_id}, but not by its partner in the pool")

    def _check_shared(self, entry: LogEntry, ticket_ids: tuple[UUID, ...]) -> None:
        for ticket_id in ticket_ids:
            if self._lent.pop((entry.stream_id, ticket_id), None) is None:
                self._find(entry, f"ticket {ticket_id} was shared, but the command reserves no work on it")
