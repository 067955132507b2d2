"""Who may do what: every command on a ticket, sent by every kind of person."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import uuid4

import pytest
from tests.scene import ADMIN, SUPERVISOR, Scene, a_customer, opening, without_account

from supportix.commands.actors import Actor
from supportix.commands.agents import RegisterAgent
from supportix.commands.tickets import (
    AcceptTags,
    AssignTicket,
    AwaitCustomer,
    ChangePriority,
    CloseTicket,
    CustomerAnswered,
    DismissTags,
    ReopenTicket,
    ResolveTicket,
    StartWork,
    TransferTicket,
    UnassignTicket,
)
from supportix.domain.agent import Availability
from supportix.domain.errors import Forbidden, NotFound, Refusal
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.ticket import TagsNotSuggested
from supportix.domain.ticket_words import Priority
from supportix.identity.roles import PERMISSIONS, Permission, Role
from supportix.store.committer import Command

YES = None
WAITING, HELD, PENDING, ENDED = "waiting", "held", "pending", "resolved"


class Cast(NamedTuple):
    """A ticket's department and everybody around it."""

    scene: Scene
    department: DepartmentId
    elsewhere: DepartmentId
    requester: Actor
    stranger: Actor
    holder: Actor
    colleague: Actor
    agent_elsewhere: Actor
    supervisor: Actor = SUPERVISOR
    admin: Actor = ADMIN

    async def ticket(self, state: str) -> TicketId:
        ticket_id = TicketId((await self.scene.ticket(self.department, self.requester)).ticket_id)
        if state != WAITING:
            await self.scene.send(AssignTicket(ticket_id=ticket_id, agent_id=AgentId(self.holder.id)))
        if state == PENDING:
            await self.scene.send(AwaitCustomer(ticket_id=ticket_id))
        if state == ENDED:
            await self.scene.send(ResolveTicket(ticket_id=ticket_id))
        return ticket_id


async def a_cast(scene: Scene) -> Cast:
    here, elsewhere = await scene.department(), await scene.department()
    return Cast(
        scene,
        here,
        elsewhere,
        a_customer(),
        a_customer(),
        await scene.agent(here, capacity=50),
        await scene.agent(here, capacity=50),
        await scene.agent(elsewhere, capacity=50),
    )


COMMANDS = {
    "assign it to somebody": (WAITING, lambda t, cast, _: AssignTicket(ticket_id=t, agent_id=AgentId(cast.holder.id))),
    "take it on": (WAITING, lambda t, _, actor: AssignTicket(ticket_id=t, agent_id=AgentId(actor.id))),
    "unassign": (HELD, lambda t, *_: UnassignTicket(ticket_id=t)),
    "transfer": (HELD, lambda t, cast, _: TransferTicket(ticket_id=t, department_id=cast.elsewhere)),
    "start work": (HELD, lambda t, *_: StartWork(ticket_id=t)),
    "await the customer": (HELD, lambda t, *_: AwaitCustomer(ticket_id=t)),
    "say that the customer answered": (PENDING, lambda t, *_: CustomerAnswered(ticket_id=t)),
    "resolve": (HELD, lambda t, *_: ResolveTicket(ticket_id=t)),
    "close": (ENDED, lambda t, *_: CloseTicket(ticket_id=t)),
    "reopen": (ENDED, lambda t, *_: ReopenTicket(ticket_id=t)),
    "prioritise": (HELD, lambda t, *_: ChangePriority(ticket_id=t, priority=Priority.URGENT)),
}


def only(*allowed: str, otherwise: type[Refusal] = Forbidden) -> Mapping[str, type[Refusal] | None]:
    assert set(allowed) <= set(COMMANDS)
    return {name: YES if name in allowed else otherwise for name in COMMANDS}


EVERYTHING = tuple(name for name in COMMANDS if name != "take it on")
MATRIX: Mapping[str, Mapping[str, type[Refusal] | None]] = {
    "requester": only("say that the customer answered", "close", "reopen"),
    "stranger": only(otherwise=NotFound),
    "holder": only(*EVERYTHING, "take it on"),
    "colleague": only("take it on", "transfer", "say that the customer answered", "close", "reopen"),
    "agent_elsewhere": only(otherwise=NotFound),
    "supervisor": only(*EVERYTHING),
    "admin": only(*EVERYTHING),
}
"""Whoever may not see a ticket isn't told that it exists."""


@pytest.mark.parametrize("who", MATRIX)
async def test_who_may_do_what_with_a_ticket(core, who):
    cast = await a_cast(Scene(core))
    actor: Actor = getattr(cast, who)
    for name, (state, make) in COMMANDS.items():
        if name == "take it on" and actor.role in {Role.SUPERVISOR, Role.ADMIN}:
            continue  # They hold no tickets.
        if who == "holder" and name == "assign it to somebody":
            continue  # To the holder that is taking it on.
        command = make(await cast.ticket(state), cast, actor)
        refusal = None
        try:
            await cast.scene.send(command, actor)
        except Refusal as refused:
            refusal = type(refused)
        assert refusal is MATRIX[who][name], f"{who}: {name}"


@pytest.mark.parametrize("make", [AcceptTags, DismissTags])
async def test_staff_who_see_a_ticket_decide_on_the_tags_suggested_for_it(core, make):
    """There are none here, which only those are told who may."""
    cast = await a_cast(Scene(core))
    ticket_id = await cast.ticket(WAITING)
    refused: dict[str, type[Refusal]] = {}
    for who in MATRIX:
        with pytest.raises(Refusal) as caught:
            await cast.scene.send(make(ticket_id=ticket_id, tags=("billing",)), getattr(cast, who))
        refused[who] = type(caught.value)
    assert refused == {
        "requester": Forbidden,
        "stranger": NotFound,
        "agent_elsewhere": NotFound,
    } | dict.fromkeys(("holder", "colleague", "supervisor", "admin"), TagsNotSuggested)


async def test_an_agent_assigns_tickets_to_nobody_else(core):
    cast = await a_cast(Scene(core))
    ticket_id = await cast.ticket(WAITING)
    with pytest.raises(Forbidden, match=r"tickets\.assign"):
        await cast.scene.send(AssignTicket(ticket_id=ticket_id, agent_id=AgentId(cast.colleague.id)), cast.holder)


async def test_an_agent_who_left_the_department_still_works_on_what_it_holds(core):
    cast = await a_cast(Scene(core))
    held, other = await cast.ticket(HELD), await cast.ticket(WAITING)
    await core.agents.change_departments(cast.holder.id, (cast.elsewhere,), ADMIN, Command(), None, at=cast.scene.now)
    await cast.scene.send(ResolveTicket(ticket_id=held), cast.holder)
    with pytest.raises(NotFound):
        await cast.scene.send(CloseTicket(ticket_id=other), cast.holder)


@pytest.mark.parametrize("role", Role)
async def test_who_may_open_tickets(core, role):
    scene = Scene(core)
    department = await scene.department()
    sending = core.tickets.open(opening(department), Actor(uuid4(), role), Command(), at=scene.now)
    if Permission.TICKETS_OPEN in PERMISSIONS[role]:
        assert not (await sending).repeated
    else:
        with pytest.raises(Forbidden):
            await sending


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.AGENT, Role.SUPERVISOR])
async def test_only_admins_manage_departments_and_agents(core, role):
    scene = Scene(core)
    department = await scene.department()
    agent = await scene.agent(department)
    actor, at = Actor(uuid4(), role), scene.now
    registration = RegisterAgent(agent_id=AgentId(uuid4()), name="Ben", department_ids=(department,), capacity=1)
    head = await core.desk.reading.head()
    for sending in (
        core.departments.create("Billing", "round_robin", actor, Command(), at=at),
        core.departments.rename(department, "Billing", actor, Command(), None, at=at),
        core.departments.change_policy(department, "least_busy", actor, Command(), None, at=at),
        core.departments.pause(department, True, "", actor, Command(), None, at=at),
        core.agents.register(registration, actor, Command(), without_account, at=at),
        core.agents.change_capacity(agent.id, 9, actor, Command(), None, at=at),
        core.agents.change_departments(agent.id, (), actor, Command(), None, at=at),
        core.agents.change_availability(agent.id, Availability.AWAY, actor, Command(), None, at=at),
    ):
        with pytest.raises(Forbidden):
            await sending
    assert await core.desk.reading.head() == head


async def test_agents_change_their_own_availability(core):
    scene = Scene(core)
    department = await scene.department()
    agent, other = await scene.agent(department), await scene.agent(department)
    await core.agents.change_availability(agent.id, Availability.AWAY, agent, Command(), None, at=scene.now)
    with pytest.raises(Forbidden):
        await core.agents.change_availability(other.id, Availability.AWAY, agent, Command(), None, at=scene.now)
