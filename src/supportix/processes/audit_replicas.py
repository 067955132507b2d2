"""Every department as its chooser knew it, as of any position that a decision names."""

from collections import deque
from itertools import islice
from uuid import UUID

from supportix.domain.agent import Agent, AgentJoinedDepartment, AgentRegistered
from supportix.domain.demand import NO_DEMAND, Demand
from supportix.domain.department_facts import AssignmentPolicyChanged, DepartmentCreated
from supportix.domain.ids import DepartmentId
from supportix.domain.merge import Merge, MergePoolFormed
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.waiting import WaitingTicket, waiting_after
from supportix.policies.pooling import Pooling
from supportix.policies.registry import KNOWN
from supportix.processes import audit_choice
from supportix.processes.audit_known import Known, Told
from supportix.store.log import LogEntry


class Replica:
    """One department: what was known up to a position, and the events after it that are not folded yet."""

    def __init__(self, department_id: UUID) -> None:
        self._known = Known(department_id)
        self._pending: deque[Told] = deque()
        self._command: UUID | None = None
        self._view: Known | None = None
        self._passed = 0

    def tell(self, entry: LogEntry, joined: Agent | None = None) -> None:
        self._pending.append(Told(entry.position, entry.event, joined))

    def view(self, entry: LogEntry, based_on: int, first: int) -> Known | None:
        """What the chooser of this entry knew: the log up to `based_on`, and its own command's events so far.

        `first` is the command's first position. None where an earlier choice was based on later knowledge.
        """
        if entry.command_id != self._command:
            self._command = entry.command_id
            self._view = self._begin(based_on, first)
        if self._view is self._known:
            while self._pending and self._pending[0].position < entry.position:
                self._known.fold(self._pending.popleft())
        elif self._view is not None:
            for told in islice(self._pending, self._passed, None):
                if told.position >= entry.position:
                    break
                self._view.fold(told)
                self._passed += 1
        return self._view

    def _begin(self, based_on: int, first: int) -> Known | None:
        """The department as of `based_on`: a copy where there are events that the chooser hadn't seen."""
        self._known.queue.come_back()
        if self._known.position > based_on:
            return None
        while self._pending and self._pending[0].position <= based_on:
            self._known.fold(self._pending.popleft())
        self._passed = 0  # Those of the pending ones that the view knows, or never will.
        while self._passed < len(self._pending) and self._pending[self._passed].position < first:
            self._passed += 1
        return self._known.ahead() if self._passed else self._known


class Replicas:
    """All departments, told of every event in the order of the log."""

    def __init__(self) -> None:
        self._departments: dict[UUID, Replica] = {}
        self._agents: dict[UUID, Agent] = {}
        self._served: dict[UUID, set[UUID]] = {}
        self._pooling = Pooling()
        self._waiting: dict[UUID, WaitingTicket] = {}
        self._asked: Demand | None = None
        self._command: UUID | None = None
        self._first = 0

    def take(self, entry: LogEntry) -> None:
        if entry.command_id != self._command:
            self._command, self._first = entry.command_id, entry.position
        if entry.fact.AGGREGATE is Ticket:
            self._take_ticket(entry)
        elif isinstance(entry.fact, DepartmentCreated | AssignmentPolicyChanged):
            self._replica(entry.stream_id).tell(entry)
        elif entry.fact.AGGREGATE is Agent:
            self._take_agent(entry)
        elif entry.fact.AGGREGATE is Merge:
            self._take_merge(entry)

    def difference(self, entry: LogEntry, fact: TicketAssigned) -> str | None:
        """What replay says otherwise than this entry, which was taken last; None where it proves it."""
        reasons = fact.reasons
        if reasons is None:
            return "a policy's choice that names no reasons"
        if (reasons.demand or NO_DEMAND) != self._asked:
            return f"decided on the demand {reasons.demand or NO_DEMAND}, but the ticket waited with {self._asked}"
        policy = KNOWN.get((reasons.policy, reasons.policy_version))
        if policy is None:
            return f"policy {reasons.policy!r} version {reasons.policy_version} isn't known to this release"
        view = self._replica(fact.department_id).view(entry, reasons.based_on, self._first)
        if view is None:
            return f"based on position {reasons.based_on}, older than what an earlier choice was based on"
        shift = self._first - reasons.based_on - 1
        return audit_choice.difference(entry.stream_id, fact, reasons, policy, view, shift)

    def _take_ticket(self, entry: LogEntry) -> None:
        before = self._waiting.pop(entry.stream_id, None)
        self._asked = before.demand if before is not None else None
        after = waiting_after(entry.event, before)
        if after is not None:
            self._waiting[entry.stream_id] = after
        concerned = {each.department_id for each in (before, after) if each is not None}
        if isinstance(entry.fact, TicketAssigned):
            concerned.add(entry.fact.department_id)
        for department_id in concerned:
            self._replica(department_id).tell(entry)

    def _take_agent(self, entry: LogEntry) -> None:
        known = self._agents.get(entry.stream_id)
        if known is not None and entry.version != known.version + 1:
            return  # The check of invariants names it.
        agent = entry.event.mutate(known)
        if not isinstance(agent, Agent):
            return
        self._agents[agent.id] = agent
        served = self._served.setdefault(agent.id, set())
        joins: tuple[UUID, ...] = ()
        match entry.fact:
            case AgentRegistered(department_ids=department_ids):
                joins = department_ids
            case AgentJoinedDepartment(department_id=joined):
                joins = (joined,)
        joins = tuple(self._pooling.queues_served_by(map(DepartmentId, joins)))
        served.update(joins)
        for department_id in served:
            self._replica(department_id).tell(entry, agent.copy() if department_id in joins else None)

    def _take_merge(self, entry: LogEntry) -> None:
        """Tell both departments that their pool was formed or has ended; first who serves them from then on."""
        pair = self._pooling.fold(entry.event)
        if isinstance(entry.fact, MergePoolFormed):
            for agent in self._agents.values():
                if not set(pair).isdisjoint(agent.department_ids):
                    self._served[agent.id].update(pair)
                    for department_id in pair:
                        self._replica(department_id).tell(entry, agent.copy())
        for department_id in pair:
            self._replica(department_id).tell(entry)

    def _replica(self, department_id: UUID) -> Replica:
        replica = self._departments.get(department_id)
        if replica is None:
            replica = self._departments[department_id] = Replica(department_id)
        return replica
