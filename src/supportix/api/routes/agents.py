"""Agents: registering them, what they may be changed in, and reading them."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import psycopg
from uuid_utils.compat import uuid7

from supportix.api.access import any_of
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import action, command, query
from supportix.api.inputs import Email, Moment, NewPassword, OptionalName, Reason, Skill, Username
from supportix.api.paging import ByNameInDepartment, page_of
from supportix.api.shifts import NewShift
from supportix.commands.agents import AgentAnswer, RegisterAgent
from supportix.commands.desk import Outcome
from supportix.commands.known_departments import UnknownDepartment
from supportix.domain.agent import BEST_LEVEL, CAPACITY_LIMIT, MOST_SKILLS, Availability, SkillsInvalid
from supportix.domain.errors import Forbidden, NotFound
from supportix.domain.ids import AgentId, DepartmentId
from supportix.domain.schedule import MOST_LEAVES, MOST_SHIFTS, Leave, Schedule, ScheduleInvalid
from supportix.identity.errors import (
    EmailInvalid,
    EmailTaken,
    FullNameInvalid,
    UsernameInvalid,
    UsernameTaken,
    WeakPassword,
)
from supportix.identity.roles import Permission, Role
from supportix.projections.agent_queries import AgentView, agent_detail, agent_page
from supportix.projections.department_queries import NameKey

TAG = "Agents"
MANAGING = any_of(Permission.AGENTS_MANAGE)
READING = any_of(Permission.AGENTS_READ)

Capacity = Annotated[int, msgspec.Meta(ge=0, le=CAPACITY_LIMIT, description="How many points of work fit at once.")]
DepartmentIds = Annotated[tuple[UUID, ...], msgspec.Meta(max_length=100)]


class NewAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent with its account. The password is for the first log-in, where another one has to be chosen."""

    username: Username
    password: NewPassword
    full_name: OptionalName = ""
    email: Email | None = None
    department_ids: DepartmentIds = ()
    capacity: Capacity


class NewAvailability(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the agent takes new work: only `online` does."""

    availability: Availability


class NewCapacity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much the agent may hold. Work beyond it is finished, and none is added."""

    capacity: Capacity


class NewDepartments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The departments that the agent serves from now on, and no others."""

    department_ids: DepartmentIds


Level = Annotated[int, msgspec.Meta(ge=1, le=BEST_LEVEL)]
Levels = Annotated[dict[Skill, Level], msgspec.Meta(max_length=MOST_SKILLS, examples=[{"french": 4, "billing": 2}])]


class NewSkills(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agent's skills from now on, each at a level from 1 to 5."""

    skills: Levels


class NewLeave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time off."""

    begin: Moment
    end: Moment
    reason: Reason = ""


class NewSchedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agent's shifts and leave from now on. Without shifts it is on duty always, except on leave."""

    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["Europe/Lisbon"])] = "UTC"
    shifts: Annotated[tuple[NewShift, ...], msgspec.Meta(max_length=MOST_SHIFTS)] = ()
    leave: Annotated[tuple[NewLeave, ...], msgspec.Meta(max_length=MOST_LEAVES)] = ()

    def schedule(self) -> Schedule:
        return Schedule(
            time_zone=self.time_zone,
            shifts=tuple(each.shift for each in self.shifts),
            leave=tuple(Leave(each.begin, each.end, each.reason) for each in self.leave),
        )


@command(
    "POST",
    "/agents",
    needs=MANAGING,
    tag=TAG,
    answer=AgentAnswer,
    status=201,
    refusals=(
        UnknownDepartment,
        UsernameTaken,
        EmailTaken,
        UsernameInvalid,
        FullNameInvalid,
        EmailInvalid,
        WeakPassword,
    ),
)
async def register_agent(call: Call, body: NewAgent) -> Outcome:
    """Register an agent and create its account, both or neither. It is offline at first."""
    agent_id = uuid7()
    prepared = await call.backend.accounts.prepare(
        username=body.username,
        password=body.password,
        role=Role.AGENT,
        full_name=body.full_name,
        email=body.email,
        must_change_password=True,
        account_id=agent_id,
        now=call.at,
    )

    async def create_account(connection: psycopg.AsyncConnection[Any]) -> None:
        await call.backend.accounts.create(prepared, connection=connection)

    registration = RegisterAgent(
        agent_id=AgentId(agent_id),
        name=prepared.account.display_name,
        department_ids=tuple(DepartmentId(each) for each in body.department_ids),
        capacity=body.capacity,
    )
    agents = call.backend.core.agents
    return await agents.register(registration, call.actor, call.envelope, create_account, at=call.at)


@command(
    "PUT",
    "/agents/{agent_id}/availability",
    needs=any_of(Permission.AGENTS_OWN_AVAILABILITY, Permission.AGENTS_MANAGE),
    tag=TAG,
    answer=AgentAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden),
)
async def change_availability(call: Call, agent_id: UUID, body: NewAvailability) -> Outcome:
    """Say whether an agent takes new work. Agents change their own, admins anybody's."""
    agents = call.backend.core.agents
    return await agents.change_availability(
        agent_id, body.availability, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "PUT",
    "/agents/{agent_id}/capacity",
    needs=MANAGING,
    tag=TAG,
    answer=AgentAnswer,
    conditional=True,
    refusals=(NotFound,),
)
async def change_capacity(call: Call, agent_id: UUID, body: NewCapacity) -> Outcome:
    """Change how many tickets an agent may hold at once."""
    agents = call.backend.core.agents
    return await agents.change_capacity(
        agent_id, body.capacity, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "PUT",
    "/agents/{agent_id}/skills",
    needs=MANAGING,
    tag=TAG,
    answer=AgentAnswer,
    conditional=True,
    refusals=(NotFound, SkillsInvalid),
)
async def change_skills(call: Call, agent_id: UUID, body: NewSkills) -> Outcome:
    """Say what an agent is able to do, and how well."""
    agents = call.backend.core.agents
    return await agents.change_skills(
        agent_id, body.skills, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "PUT",
    "/agents/{agent_id}/schedule",
    needs=MANAGING,
    tag=TAG,
    answer=AgentAnswer,
    conditional=True,
    refusals=(NotFound, ScheduleInvalid),
)
async def change_schedule(call: Call, agent_id: UUID, body: NewSchedule) -> Outcome:
    """Set an agent's shifts and leave. Off duty it gets no work, and keeps what it holds."""
    agents = call.backend.core.agents
    return await agents.change_schedule(
        agent_id, body.schedule(), call.actor, call.envelope, call.expected_version, at=call.at
    )


@action(
    "POST",
    "/agents/{agent_id}/heartbeat",
    needs=any_of(Permission.AGENTS_OWN_AVAILABILITY),
    tag=TAG,
    status=204,
    refusals=(Forbidden,),
)
async def heartbeat(call: Call, agent_id: UUID) -> None:
    """Say that the agent's program is still there.

    From the first heartbeat on the agent is watched: when it is silent for a minute and a half it is taken offline.
    """
    await call.backend.core.agents.heartbeat(agent_id, call.actor, at=call.at)


@action(
    "DELETE",
    "/agents/{agent_id}/heartbeat",
    needs=any_of(Permission.AGENTS_OWN_AVAILABILITY, Permission.AGENTS_MANAGE),
    tag=TAG,
    status=204,
    refusals=(Forbidden,),
)
async def end_watch(call: Call, agent_id: UUID) -> None:
    """Watch an agent no longer, until its next heartbeat: for one who changed to a program that sends none."""
    await call.backend.core.agents.end_watch(agent_id, call.actor)


@command(
    "PUT",
    "/agents/{agent_id}/departments",
    needs=MANAGING,
    tag=TAG,
    answer=AgentAnswer,
    conditional=True,
    refusals=(NotFound, UnknownDepartment),
)
async def change_departments(call: Call, agent_id: UUID, body: NewDepartments) -> Outcome:
    """Change which departments an agent serves. Work that is held stays."""
    served = tuple(DepartmentId(each) for each in body.department_ids)
    agents = call.backend.core.agents
    return await agents.change_departments(
        agent_id, served, call.actor, call.envelope, call.expected_version, at=call.at
    )


@query("/agents", needs=READING, tag=TAG)
async def list_agents(call: Call, query: ByNameInDepartment) -> Read[Page[AgentView]]:
    """List agents by name, those of one department where one is given."""
    behind, limit = query.start(call.backend.cursors, "agents")
    found = await agent_page(call.backend.database, department_id=query.department_id, behind=behind, limit=limit + 1)
    page = page_of(call.backend.cursors, "agents", found.value, limit, lambda row: NameKey(row.name, row.agent_id))
    return Read(page, found.position)


@query("/agents/{agent_id}", needs=READING, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_agent(call: Call, agent_id: UUID) -> Read[AgentView]:
    """Read one agent."""
    found = await agent_detail(call.backend.database, agent_id)
    if found.value is None:
        raise NotFound(f"no agent has the id {agent_id}")
    return Read(found.value, found.position, version=found.value.version)


ENDPOINTS = (
    register_agent,
    change_availability,
    change_capacity,
    change_skills,
    change_schedule,
    heartbeat,
    end_watch,
    change_departments,
    list_agents,
    get_agent,
)
