"""Commands on agents."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from supportix.commands.actors import Actor
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.commands.known_departments import KnownDepartments
from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.errors import Forbidden
from supportix.domain.ids import AgentId, DepartmentId
from supportix.domain.schedule import Schedule
from supportix.identity.roles import Permission, Role
from supportix.store.committer import Command
from supportix.store.errors import StaleVersion


class RegisterAgent(msgspec.Struct, frozen=True, kw_only=True):
    agent_id: AgentId
    name: str
    department_ids: tuple[DepartmentId, ...]
    capacity: int


class AgentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The agent right after a command."""

    agent_id: UUID
    department_ids: tuple[UUID, ...]
    availability: Availability
    on_duty: bool
    skills: dict[str, int]
    capacity: int
    open_work: int
    open_tickets: int
    version: int

    @classmethod
    def of(cls, agent: Agent) -> "AgentAnswer":
        return cls(
            agent_id=agent.id,
            department_ids=agent.department_ids,
            availability=agent.availability,
            on_duty=agent.on_duty,
            skills=agent.skills,
            capacity=agent.capacity,
            open_work=agent.open_work,
            open_tickets=len(agent.work),
            version=agent.version,
        )


Beside = Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]]


class Agents:
    """Carries out commands on agents."""

    def __init__(self, desk: SupportDesk, departments: KnownDepartments) -> None:
        self._desk = desk
        self._departments = departments

    async def register(
        self, command: RegisterAgent, actor: Actor, envelope: Command, create_account: Beside, *, at: datetime
    ) -> Outcome:
        """Register the agent and create its account, both or neither.

        Refused: Forbidden, UnknownDepartment, CapacityOutOfRange, and what `create_account` refuses.
        """
        actor.must_have(Permission.AGENTS_MANAGE)
        for department_id in command.department_ids:
            await self._departments.must_exist(department_id)
        agent = register_agent(
            command.agent_id,
            name=command.name,
            department_ids=command.department_ids,
            capacity=command.capacity,
            at=at,
        )

        async def decide(work: Work) -> AgentAnswer:
            work.add(agent)
            return AgentAnswer.of(agent)

        return await self._desk.carry_out_beside(envelope, decide, create_account)

    async def change_availability(
        self,
        agent_id: UUID,
        availability: Availability,
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Agents change their own, admins anybody's. Refused: Forbidden, NotFound, StaleVersion."""
        own = actor.role is Role.AGENT and actor.id == agent_id
        actor.must_have(Permission.AGENTS_OWN_AVAILABILITY if own else Permission.AGENTS_MANAGE)
        return await self._change(
            agent_id, envelope, version, lambda agent: agent.change_availability(availability, at=at)
        )

    async def change_capacity(
        self, agent_id: UUID, capacity: int, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, CapacityOutOfRange."""
        actor.must_have(Permission.AGENTS_MANAGE)
        return await self._change(agent_id, envelope, version, lambda agent: agent.change_capacity(capacity, at=at))

    async def change_skills(
        self,
        agent_id: UUID,
        skills: Mapping[str, int],
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, SkillsInvalid."""
        actor.must_have(Permission.AGENTS_MANAGE)
        return await self._change(agent_id, envelope, version, lambda agent: agent.change_skills(skills, at=at))

    async def change_schedule(
        self, agent_id: UUID, schedule: Schedule, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """The agent's shifts and leave from now on. Refused: Forbidden, NotFound, StaleVersion, ScheduleInvalid."""
        actor.must_have(Permission.AGENTS_MANAGE)
        return await self._change(agent_id, envelope, version, lambda agent: agent.change_schedule(schedule, at=at))

    async def heartbeat(self, agent_id: UUID, actor: Actor, *, at: datetime) -> None:
        """The agent is there. From the first one on it is watched: silence takes it offline. Refused: Forbidden."""
        if not (actor.role is Role.AGENT and actor.id == agent_id):
            raise Forbidden("agents send their own heartbeats, and nobody else's")
        async with self._desk.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO agent_heartbeats AS h (agent_id, seen_at) VALUES (%s, %s) "
                "ON CONFLICT (agent_id) DO UPDATE SET seen_at = greatest(h.seen_at, excluded.seen_at)",
                (agent_id, at),
            )

    async def end_watch(self, agent_id: UUID, actor: Actor) -> None:
        """Watch the agent no longer, until its next heartbeat. Agents for themselves, admins for anybody.

        Refused: Forbidden.
        """
        if actor.role is not Role.AGENT:
            actor.must_have(Permission.AGENTS_MANAGE)
        elif actor.id != agent_id:
            raise Forbidden("agents end the watch on themselves, and on nobody else")
        async with self._desk.pool.connection() as connection:
            await connection.execute("DELETE FROM agent_heartbeats WHERE agent_id = %s", (agent_id,))

    async def change_departments(
        self,
        agent_id: UUID,
        department_ids: tuple[DepartmentId, ...],
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, UnknownDepartment."""
        actor.must_have(Permission.AGENTS_MANAGE)
        for department_id in department_ids:
            await self._departments.must_exist(department_id)
        unique = tuple(dict.fromkeys(department_ids))
        return await self._change(agent_id, envelope, version, lambda agent: agent.change_departments(unique, at=at))

    async def _change(
        self, agent_id: UUID, envelope: Command, version: int | None, change: Callable[[Agent], Agent]
    ) -> Outcome:
        async def decide(work: Work) -> AgentAnswer:
            agent = await work.load(Agent, agent_id)
            if version not in (None, agent.version):
                raise StaleVersion(f"version {version} was expected, it is {agent.version} now")
            return AgentAnswer.of(change(agent))

        return await self._desk.carry_out(envelope, decide)
