"""A desk at work: commands of its people, read models that follow, and the relay, on real servers."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
from nats.aio.client import Client
from tests.merging import load, settings
from tests.waiting import until

from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.actors import Actor
from supportix.commands.merges import MergeAnswer
from supportix.commands.tickets import (
    AssignTicket,
    ChangePriority,
    OpenTicket,
    ResolveTicket,
    StartWork,
    TicketAnswer,
    TicketCommand,
    TransferTicket,
    UnassignTicket,
)
from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.department import Department, create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.merge_evidence import Evidence
from supportix.domain.ticket_words import Channel, Priority
from supportix.forecasting.keeping import Keeping
from supportix.identity.roles import Role
from supportix.projections.runner import ProjectionRunner
from supportix.realtime.relay import Relay
from supportix.settings import Settings
from supportix.store.committer import Command, Fence

SUPERVISOR = Actor(uuid4(), Role.SUPERVISOR)


class Opened(NamedTuple):
    id: TicketId
    requester_id: UUID
    position: int


class Desk:
    """What people do, each as one command."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.forecasts = Keeping(core.desk, utc_now)

    async def department(self, name: str | None = None) -> DepartmentId:
        department_id = DepartmentId(uuid4())
        new = create_department(department_id, name=name or str(department_id), policy="round_robin", at=utc_now())
        await self._save(new)
        return department_id

    async def agent(self, *department_ids: DepartmentId, capacity: int = 100) -> AgentId:
        agent_id = AgentId(uuid4())
        new = register_agent(agent_id, name="Ann", department_ids=department_ids, capacity=capacity, at=utc_now())
        await self._save(new.change_availability(Availability.ONLINE, at=utc_now()))
        return agent_id

    async def open(
        self, department_id: DepartmentId, requester_id: UUID | None = None, *, subject: str = "It smokes"
    ) -> Opened:
        requester = CustomerId(requester_id or uuid4())
        command = OpenTicket(
            subject=subject,
            description=f"{subject}, again",
            requester_id=requester,
            priority=Priority.NORMAL,
            channel=Channel.PORTAL,
            department_id=department_id,
        )
        outcome = await self.core.tickets.open(command, Actor(requester, Role.CUSTOMER), Command(), at=utc_now())
        answer = msgspec.json.decode(outcome.answer or b"", type=TicketAnswer)
        return Opened(TicketId(answer.ticket_id), requester, outcome.position)

    async def assign(self, ticket: TicketId, agent_id: AgentId) -> int:
        return await self._carry_out(AssignTicket(ticket_id=ticket, agent_id=agent_id))

    async def unassign(self, ticket: TicketId) -> int:
        return await self._carry_out(UnassignTicket(ticket_id=ticket))

    async def transfer(self, ticket: TicketId, department_id: DepartmentId) -> int:
        return await self._carry_out(TransferTicket(ticket_id=ticket, department_id=department_id))

    async def start_work(self, ticket: TicketId) -> int:
        return await self._carry_out(StartWork(ticket_id=ticket))

    async def resolve(self, ticket: TicketId, resolution: str = "Put out") -> int:
        return await self._carry_out(ResolveTicket(ticket_id=ticket, resolution=resolution))

    async def prioritise(self, ticket: TicketId, priority: Priority) -> int:
        return await self._carry_out(ChangePriority(ticket_id=ticket, priority=priority))

    async def change_departments(self, agent_id: AgentId, *department_ids: DepartmentId) -> None:
        agent = await self.core.desk.load(Agent, agent_id)
        await self._save(agent.change_departments(department_ids, at=utc_now()))

    async def merge(self, source: DepartmentId, target: DepartmentId) -> UUID:
        """A merge by hand, approved at once."""
        await self.core.merges.change_settings(source, settings(target), SUPERVISOR, Command(), None, at=utc_now())
        evidence = Evidence(position=await self.head(), source=load(source), target=load(target))
        outcome = await self.core.merges.suggest(evidence, None, SUPERVISOR, Command(), approved=True, at=utc_now())
        return msgspec.json.decode(outcome.answer, type=MergeAnswer).merge_id

    async def head(self) -> int:
        return await self.core.desk.reading.head()

    async def _carry_out(self, command: TicketCommand) -> int:
        return (await self.core.tickets.carry_out(command, SUPERVISOR, Command(), at=utc_now())).position

    async def _save(self, aggregate: Agent | Department) -> None:
        await self.core.desk.append([aggregate], Command())


@asynccontextmanager
async def desk_on(database_url: str, *, read_models: bool = False) -> AsyncIterator[Desk]:
    """A desk on this database; with read models where a test looks at them."""
    async with open_core(Settings(database_url=database_url)) as core:
        projecting = (
            ProjectionRunner(core.pool, core.feed, Fence("projections", 1)).run() if read_models else asyncio.sleep(0)
        )
        async with running(projecting):
            yield Desk(core)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, Any]) -> AsyncIterator["asyncio.Task[Any]"]:
    """Work that goes on in the background, and is cancelled at the end. Its failure is the test's."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        while not task.done():  # Before Python 3.12 asyncio.wait_for may lose a cancellation.
            task.cancel()
            await asyncio.wait({task}, timeout=0.5)
        if not task.cancelled() and task.exception() is not None:
            raise AssertionError("work in the background has failed") from task.exception()


def relay_of(desk: Desk, nats: Client, fence: Fence | None = None) -> Relay:
    core = desk.core
    return Relay(core.desk.reading, core.feed, core.pool, nats, fence or Fence("relay", 1))


@asynccontextmanager
async def relaying(desk: Desk, nats: Client) -> AsyncIterator[Relay]:
    """A relay at work, from when it knows where it stands."""
    relay = relay_of(desk, nats)
    async with running(relay.run()):
        await has_copied(relay, 0)
        yield relay


async def has_copied(relay: Relay, position: int) -> None:
    async def there() -> bool:
        return relay.copy is not None and relay.copy.position >= position

    await until(there, f"a copy up to {position}")


async def has_projected(desk: Desk, position: int) -> None:
    async def there() -> bool:
        async with desk.core.pool.connection() as connection:
            row = await (await connection.execute("SELECT min(position) FROM checkpoints")).fetchone()
        return row is not None and (row[0] or 0) >= position

    await until(there, f"read models at {position}")
