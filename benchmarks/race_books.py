"""The books of a log, kept from its raw rows alone: who holds what, by the tickets' events and by the agents' events.

Shares no code with the desk, whose audit it double-checks: it knows the stored names and JSON bodies of the events and
nothing else. What it finds wrong is one sentence each, with the position.

- Positions and the versions of each stream have no gaps, and the events of a command stand together.
- A ticket is given to an agent only while it waits, so that it never has two.
- Whenever an agent gets a ticket, it is online and on duty, belongs to the ticket's department, has the skills that the
  ticket asks for, and then holds no more points than its capacity, both by its own events and by those of all tickets;
  but for a ticket that was forced on it, of which capacity and skills are not asked.
- After each command the tickets' events and the agents' events agree on who holds what.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

QUERY = "SELECT position, stream_id, version, name, body, command_id FROM events WHERE position > %s ORDER BY position"

_QUEUED = {
    "ticket.routed.v1": "department_id",
    "ticket.unassigned.v1": "department_id",
    "ticket.transferred.v1": "to_department_id",
    "ticket.reopened.v1": "department_id",
}
"""Events after which a ticket waits -> the field that names the department."""

_ENDED = ("ticket.resolved.v1", "ticket.closed.v1")


class Row(NamedTuple):
    """A row of the table `events`."""

    position: int
    stream_id: UUID
    version: int
    name: str
    body: bytes
    command_id: UUID


class AgentPage:
    """What an agent's own events say."""

    def __init__(self) -> None:
        self.capacity = 0
        self.online = False
        self.on_duty = True
        self.skills: set[str] = set()
        self.departments: set[str] = set()
        self.work: dict[str, int] = {}


class Books:
    """Takes in the log row by row."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.position = 0
        self.counts: Counter[str] = Counter()
        """Events by their name; assignments also by who made them, as in "assigned by person"."""
        self.waiting: dict[str, str] = {}
        """Ticket -> the department in which it waits."""
        self.holders: dict[str, str] = {}
        """Ticket -> the agent that holds it, by the ticket's events."""
        self.ended: set[str] = set()
        self.opened: set[str] = set()
        self.agents: dict[str, AgentPage] = defaultdict(AgentPage)
        self._held_by: dict[str, set[str]] = defaultdict(set)
        self._demands: dict[str, dict[str, Any]] = {}
        self._versions: dict[UUID, int] = {}
        self._command: UUID | None = None
        self._commands: set[UUID] = set()
        self._touched: set[str] = set()
        self._given: set[str] = set()

    def take(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row.command_id != self._command:
                self.end_command()
                if row.command_id in self._commands:
                    self._find(row, f"command {row.command_id} stands in the log twice")
                self._commands.add(row.command_id)
                self._command = row.command_id
            self._in_order(row)
            self.counts[row.name] += 1
            body = json.loads(row.body)
            stream = str(row.stream_id)
            if row.name.startswith("ticket."):
                self._ticket(row, stream, body)
            elif row.name.startswith("agent."):
                self._agent(row, stream, body)

    def end_command(self) -> None:
        """Compare both books for every agent that the last command touched, and count what the tickets gave it."""
        for agent_id in self._given:
            capacity = self.agents[agent_id].capacity
            held = sum(self._weight(ticket) for ticket in self._held_by[agent_id])
            if held > capacity:
                where = f"position {self.position}"
                self.findings.append(
                    f"{where}: agent {agent_id} holds {held} of at most {capacity} by the tickets' events"
                )
        for agent_id in self._touched:
            by_agent, by_tickets = set(self.agents[agent_id].work), self._held_by[agent_id]
            if by_agent != by_tickets:
                self.findings.append(
                    f"position {self.position}: agent {agent_id} holds {sorted(by_agent - by_tickets)} by its own "
                    f"events alone and {sorted(by_tickets - by_agent)} by the tickets' alone"
                )
        self._touched.clear()
        self._given.clear()

    def lost(self) -> set[str]:
        """Tickets that were opened, and neither wait, nor are held, nor have ended."""
        return self.opened - self.waiting.keys() - self.holders.keys() - self.ended

    def _find(self, row: Row, what: str) -> None:
        self.findings.append(f"position {row.position}: {what}")

    def _in_order(self, row: Row) -> None:
        if row.position != self.position + 1:
            self._find(row, f"{self.position + 1} was expected")
        self.position = row.position
        version = self._versions.get(row.stream_id, 0) + 1
        if row.version != version:
            self._find(row, f"version {version} of stream {row.stream_id} was expected, not {row.version}")
        self._versions[row.stream_id] = row.version

    def _ticket(self, row: Row, ticket: str, body: dict[str, Any]) -> None:
        if row.name == "ticket.opened.v1":
            self.opened.add(ticket)
        elif row.name == "ticket.assigned.v1":
            self.counts[f"assigned by {body.get('assigned_by', 'policy')}"] += 1
            self._give(row, ticket, body["agent_id"], body["department_id"])
        elif row.name in _QUEUED:
            self._take_away(ticket)
            self.ended.discard(ticket)
            self.waiting[ticket] = body[_QUEUED[row.name]]
            self._demands[ticket] = body.get("demand", {})
        elif row.name == "ticket.priority_changed.v1":
            self._demands[ticket] = body.get("demand", self._demands[ticket])
        elif row.name in _ENDED:
            self._take_away(ticket)
            self.waiting.pop(ticket, None)
            self.ended.add(ticket)

    def _give(self, row: Row, ticket: str, agent_id: str, department: str) -> None:
        if ticket in self.holders:
            self._find(row, f"ticket {ticket} was given to {agent_id} while {self.holders[ticket]} held it")
        if self.waiting.pop(ticket, None) != department:
            self._find(row, f"ticket {ticket} was given away in department {department}, where it didn't wait")
        self._take_away(ticket)
        self.holders[ticket] = agent_id
        self._held_by[agent_id].add(ticket)
        self._touched.add(agent_id)
        self._given.add(agent_id)

    def _take_away(self, ticket: str) -> None:
        agent_id = self.holders.pop(ticket, None)
        if agent_id is not None:
            self._held_by[agent_id].discard(ticket)
            self._touched.add(agent_id)

    def _agent(self, row: Row, agent_id: str, body: dict[str, Any]) -> None:
        page = self.agents[agent_id]
        match row.name:
            case "agent.registered.v1":
                page.capacity, page.departments = body["capacity"], set(body["department_ids"])
            case "agent.availability_changed.v1":
                page.online = body["availability"] == "online"
            case "agent.capacity_changed.v1":
                page.capacity = body["capacity"]
            case "agent.joined_department.v1":
                page.departments.add(body["department_id"])
            case "agent.left_department.v1":
                page.departments.discard(body["department_id"])
            case "agent.skills_changed.v1":
                page.skills = set(body.get("skills", ()))
            case "agent.duty_changed.v1":
                page.on_duty = body["on_duty"]
            case "agent.work_reserved.v1" | "agent.work_forced.v1" | "agent.work_released.v1":
                self._work(row, agent_id, page, body)

    def _work(self, row: Row, agent_id: str, page: AgentPage, body: dict[str, Any]) -> None:
        self._touched.add(agent_id)
        if row.name == "agent.work_released.v1":
            page.work.pop(body["ticket_id"], None)
            return
        self._reserve(row, agent_id, page, body)
        if row.name == "agent.work_forced.v1":
            self._given.discard(agent_id)
        else:
            self._check_room(row, agent_id, page, body["ticket_id"])

    def _reserve(self, row: Row, agent_id: str, page: AgentPage, body: dict[str, Any]) -> None:
        ticket, weight = body["ticket_id"], body.get("weight", 1)
        page.work[ticket] = weight
        if weight != self._weight(ticket):
            self._find(row, f"{weight} points were reserved for ticket {ticket}, which weighs {self._weight(ticket)}")
        if not (page.online and page.on_duty):
            self._find(row, f"agent {agent_id} got ticket {ticket} while it wasn't online and on duty")
        if body["department_id"] not in page.departments:
            self._find(row, f"agent {agent_id} got ticket {ticket} of department {body['department_id']}, not its own")

    def _check_room(self, row: Row, agent_id: str, page: AgentPage, ticket: str) -> None:
        held = sum(page.work.values())
        if held > page.capacity:
            self._find(row, f"agent {agent_id} holds {held} of at most {page.capacity} by its own events")
        missing = set(self._demands.get(ticket, {}).get("skills", ())) - page.skills
        if missing:
            self._find(row, f"agent {agent_id} got ticket {ticket} without the skills {sorted(missing)}")

    def _weight(self, ticket: str) -> int:
        return int(self._demands.get(ticket, {}).get("weight", 1))
