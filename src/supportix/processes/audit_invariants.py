"""What holds of every assignment, whoever made it.

One assignee, capacity, skills, membership, the queue that it waited in, and the claim paired with the reservation. A
reservation across a pool is held against that pool by another check, in audit_pools.
"""

from collections.abc import Callable
from uuid import UUID

from supportix.domain.agent import Agent, Availability, WorkForced, WorkReleased, WorkReserved
from supportix.domain.aggregate import VersionGap
from supportix.domain.demand import ANYBODY, NO_DEMAND, Requirement
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned, TicketPriorityChanged, TicketQueued, TicketResolved
from supportix.store.log import LogEntry

Find = Callable[[LogEntry, str], None]


class InvariantCheck:
    """Follows every ticket's holder and every agent's work, in the order of the log."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._versions: dict[UUID, int] = {}
        self._holders: dict[UUID, UUID] = {}
        self._queues: dict[UUID, UUID] = {}
        self._asked: dict[UUID, Requirement] = {}
        self._agents: dict[UUID, Agent] = {}
        self._unpaired: dict[tuple[UUID, UUID, UUID], LogEntry] = {}
        self._command: UUID | None = None

    def take(self, entry: LogEntry) -> None:
        """Check one entry; entries come in order."""
        if entry.command_id != self._command:
            self._end_command()
            self._command = entry.command_id
        self._check_version(entry)
        if entry.fact.AGGREGATE is Ticket:
            self._take_ticket(entry)
        elif entry.fact.AGGREGATE is Agent:
            self._take_agent(entry)

    def finish(self) -> None:
        self._end_command()

    def _check_version(self, entry: LogEntry) -> None:
        known = self._versions.get(entry.stream_id, 0)
        if entry.version != known + 1:
            self._find(entry, f"version {known + 1} of the stream was expected, not {entry.version}")
        self._versions[entry.stream_id] = entry.version

    def _take_ticket(self, entry: LogEntry) -> None:
        fact = entry.fact
        if isinstance(fact, TicketAssigned):
            holder = self._holders.get(entry.stream_id)
            if holder is not None:
                self._find(entry, f"assigned to {fact.agent_id} while {holder} held it")
            queue = self._queues.get(entry.stream_id)
            if queue != fact.department_id:
                self._find(entry, f"assigned in department {fact.department_id}, but it waited in {queue}")
            self._holders[entry.stream_id] = fact.agent_id
            self._pair(entry, entry.stream_id, fact.agent_id)
        elif isinstance(fact, TicketQueued | TicketResolved):
            self._holders.pop(entry.stream_id, None)
        if isinstance(fact, TicketQueued):
            self._queues[entry.stream_id] = fact.waits_in
            self._asked[entry.stream_id] = (fact.demand or NO_DEMAND).requirement
        elif isinstance(fact, TicketPriorityChanged) and fact.demand is not None:
            self._asked[entry.stream_id] = fact.demand.requirement

    def _take_agent(self, entry: LogEntry) -> None:
        fact = entry.fact
        agent = self._agents.get(entry.stream_id)
        if isinstance(fact, WorkReserved) and agent is not None:
            self._check_reservation(entry, fact, agent)
            self._pair(entry, fact.ticket_id, entry.stream_id)
        elif isinstance(fact, WorkReleased) and self._holders.get(fact.ticket_id) == entry.stream_id:
            self._find(entry, f"work on ticket {fact.ticket_id} was released, but the ticket is still held")
        try:
            folded = entry.event.mutate(agent)
        except VersionGap:
            return  # Found by its version already.
        if isinstance(folded, Agent):
            self._agents[entry.stream_id] = folded

    def _check_reservation(self, entry: LogEntry, fact: WorkReserved, agent: Agent) -> None:
        if agent.capacity - agent.open_work < fact.weight and not isinstance(fact, WorkForced):
            self._find(
                entry, f"agent held {agent.open_work} of at most {agent.capacity} when it was given {fact.weight} more"
            )
        asked = self._asked.get(fact.ticket_id, ANYBODY)
        if fact.weight != asked.weight:
            self._find(entry, f"{fact.weight} points were reserved for a ticket that weighs {asked.weight}")
        missing = [skill for skill in asked.skills if skill not in agent.skills]
        if missing and not isinstance(fact, WorkForced):
            self._find(entry, f"agent lacked the skills {', '.join(missing)} when it was given work that asks for them")
        if not agent.on_duty:
            self._find(entry, "agent was off duty when it was given work")
        if agent.availability is not Availability.ONLINE:
            self._find(entry, f"agent was {agent.availability} when it was given work")
        if fact.merge_id is None and fact.department_id not in agent.department_ids:
            self._find(entry, f"agent didn't belong to department {fact.department_id}")

    def _pair(self, entry: LogEntry, ticket_id: UUID, agent_id: UUID) -> None:
        """A claim and a reservation of the same ticket and agent, in either order, in one command."""
        key = (entry.command_id, ticket_id, agent_id)
        if self._unpaired.pop(key, None) is None:
            self._unpaired[key] = entry

    def _end_command(self) -> None:
        for entry in self._unpaired.values():
            missing = "reservation of the agent" if isinstance(entry.fact, TicketAssigned) else "claim of the ticket"
            self._find(entry, f"the command holds no {missing}")
        self._unpaired.clear()
