"""Agents and what they hold, and when each had its last turn. Consumes agents' events and TicketAssigned."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from supportix.domain.agent import (
    Agent,
    AgentAvailabilityChanged,
    AgentCapacityChanged,
    AgentDutyChanged,
    AgentJoinedDepartment,
    AgentLeftDepartment,
    AgentRegistered,
    AgentScheduleChanged,
    AgentSkillsChanged,
    Availability,
    WorkReleased,
    WorkReserved,
)
from supportix.domain.schedule import Schedule
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.projections.rows import LIVE, Connection, Latest, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

agent_load = Table(
    "agent_load",
    metadata,
    Column("agent_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("department_ids", ARRAY(Uuid), nullable=False),
    Column("availability", Text, nullable=False),
    Column("availability_since", DateTime(timezone=True), nullable=False),
    Column("on_duty", Boolean, nullable=False),
    Column("duty_changes_at", DateTime(timezone=True)),
    Column("skills", JSONB, nullable=False),
    Column("schedule", JSONB, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("open_work", Integer, nullable=False),
    Column("open_tickets", Integer, nullable=False),
    Column("assigned_total", Integer, nullable=False),
    Column("last_assigned_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("ix_agent_load_duty_changes_at", "duty_changes_at"),
    schema=LIVE,
)

agent_turns = Table(
    "agent_turns",
    metadata,
    Column("agent_id", Uuid, primary_key=True),
    Column("department_id", Uuid, primary_key=True),
    Column("last_turn", BigInteger, nullable=False),
    schema=LIVE,
)
"""The position of each agent's last assignment in each department: the turn that policies go by."""


class AgentRow(msgspec.Struct):
    """An agent as loads show it: `open_tickets`, which take `open_work` of `capacity` points.

    `duty_changes_at`: when its schedule next takes it on or off duty.
    """

    agent_id: UUID
    name: str
    department_ids: list[UUID]
    availability: str
    availability_since: datetime
    on_duty: bool
    duty_changes_at: datetime | None
    skills: dict[str, int]
    schedule: dict[str, Any]
    capacity: int
    open_work: int
    open_tickets: int
    assigned_total: int
    last_assigned_at: datetime | None
    version: int
    position: int


class AgentLoad:
    """Keeps the tables `agent_load` and `agent_turns`."""

    name = "agent_load"
    tables = (agent_load, agent_turns)
    subjects = (Agent, Ticket)

    def __init__(self, schema: str = LIVE) -> None:
        self._rows = Rows(agent_load, AgentRow, schema)
        self._turns = Latest(agent_turns, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        await self._rows.fetch(connection, stream_ids(entries, Agent))

    def fold(self, entry: LogEntry) -> None:
        fact = entry.fact
        if isinstance(fact, TicketAssigned):
            self._turns.put((fact.agent_id, fact.department_id), entry.position)
            return
        if fact.AGGREGATE is not Agent:
            return
        if isinstance(fact, AgentRegistered):
            row = _registered(entry, fact)
        else:
            known = self._rows.get(entry.stream_id)
            if known is None:
                raise LookupError(f"agent {entry.stream_id} has no row; its first event was expected before")
            row = known
            _apply(row, entry)
        row.version, row.position = entry.version, entry.position
        self._rows.put(row)

    async def write(self, connection: Connection) -> None:
        await self._rows.write(connection)
        await self._turns.write(connection)


def _apply(row: AgentRow, entry: LogEntry) -> None:
    match entry.fact:
        case WorkReserved():
            row.open_work += entry.fact.weight
            row.open_tickets += 1
            row.assigned_total += 1
            row.last_assigned_at = entry.fact.occurred_at
        case WorkReleased():
            row.open_work -= entry.fact.weight
            row.open_tickets -= 1
        case AgentSkillsChanged(skills=skills):
            row.skills = dict(skills)
        case AgentScheduleChanged(schedule=schedule):
            row.schedule = msgspec.to_builtins(schedule)
            row.duty_changes_at = schedule.next_change(entry.fact.occurred_at)
        case AgentDutyChanged(on_duty=on_duty):
            row.on_duty = on_duty
            row.duty_changes_at = msgspec.convert(row.schedule, Schedule).next_change(entry.fact.occurred_at)
        case AgentAvailabilityChanged(availability=availability):
            row.availability, row.availability_since = availability, entry.fact.occurred_at
        case AgentCapacityChanged(capacity=capacity):
            row.capacity = capacity
        case AgentJoinedDepartment(department_id=department_id):
            row.department_ids = [*row.department_ids, department_id]
        case AgentLeftDepartment(department_id=department_id):
            row.department_ids = [each for each in row.department_ids if each != department_id]
        case other:
            raise NotImplementedError(f"the agent load has no rule for {type(other).TOPIC}")


def _registered(entry: LogEntry, fact: AgentRegistered) -> AgentRow:
    return AgentRow(
        agent_id=entry.stream_id,
        name=fact.name,
        department_ids=list(fact.department_ids),
        availability=Availability.OFFLINE,
        availability_since=fact.occurred_at,
        on_duty=True,
        duty_changes_at=None,
        skills={},
        schedule={},
        capacity=fact.capacity,
        open_work=0,
        open_tickets=0,
        assigned_total=0,
        last_assigned_at=None,
        version=entry.version,
        position=entry.position,
    )
