"""Commands on tickets: carried out once, decided again when somebody else was faster, and agent and ticket together."""

import asyncio
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from tests.invariants import check_log
from tests.scene import SUPERVISOR, Scene, a_customer, answer, opening
from tests.store.streams import whole_log

from supportix.bootstrap import Core, open_core
from supportix.commands.known_departments import UnknownDepartment
from supportix.commands.tickets import (
    AssignTicket,
    AwaitCustomer,
    ChangePriority,
    CloseTicket,
    CustomerAnswered,
    ReopenTicket,
    ResolveTicket,
    StartWork,
    TicketAnswer,
    TicketCommand,
    TransferTicket,
    UnassignTicket,
    UnknownAgent,
)
from supportix.domain.agent import Agent, AgentAtCapacity
from supportix.domain.errors import NotFound, Refusal
from supportix.domain.ids import TRIAGE_DEPARTMENT_ID, AgentId, CustomerId, TicketId
from supportix.domain.ticket import SubjectMissing, Ticket, TicketHasAgent
from supportix.domain.ticket_words import Priority
from supportix.settings import Settings
from supportix.store.committer import Command
from supportix.store.errors import CommandReused, StaleVersion


@pytest.fixture
def scene(core: Core) -> Scene:
    return Scene(core)


@pytest.fixture
def other_core(run, database_url: str) -> Iterator[Core]:
    """Another process on the same database."""
    opened = open_core(Settings(database_url=database_url))
    yield run(opened.__aenter__())
    run(opened.__aexit__(None, None, None))


class Prepared:
    """A ticket in the state in which a command can be carried out."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    async def be(self, *before: Callable[["Prepared"], TicketCommand]) -> "Prepared":
        self.department, self.elsewhere = await self.scene.department(), await self.scene.department()
        self.agent = await self.scene.agent(self.department)
        self.ticket_id = TicketId((await self.scene.ticket(self.department)).ticket_id)
        for make in before:
            await self.scene.send(make(self))
        return self


def assign(at: Prepared) -> AssignTicket:
    return AssignTicket(ticket_id=at.ticket_id, agent_id=AgentId(at.agent.id))


def await_customer(at: Prepared) -> AwaitCustomer:
    return AwaitCustomer(ticket_id=at.ticket_id)


def resolve(at: Prepared) -> ResolveTicket:
    return ResolveTicket(ticket_id=at.ticket_id, resolution="Sent again")


EACH = {
    "assign": ((), assign),
    "unassign": ((assign,), lambda at: UnassignTicket(ticket_id=at.ticket_id)),
    "transfer": ((assign,), lambda at: TransferTicket(ticket_id=at.ticket_id, department_id=at.elsewhere)),
    "start work": ((assign,), lambda at: StartWork(ticket_id=at.ticket_id)),
    "await customer": ((assign,), await_customer),
    "customer answered": ((assign, await_customer), lambda at: CustomerAnswered(ticket_id=at.ticket_id)),
    "resolve": ((assign,), resolve),
    "close": ((assign, resolve), lambda at: CloseTicket(ticket_id=at.ticket_id)),
    "reopen": ((assign, resolve), lambda at: ReopenTicket(ticket_id=at.ticket_id)),
    "change priority": ((), lambda at: ChangePriority(ticket_id=at.ticket_id, priority=Priority.URGENT)),
}
each_command = pytest.mark.parametrize(("before", "make"), EACH.values(), ids=EACH)


async def send(scene: Scene, command: TicketCommand, envelope: Command):
    return await scene.core.tickets.carry_out(command, SUPERVISOR, envelope, at=scene.now)


@each_command
async def test_a_repeat_gets_the_first_answer_and_changes_nothing(scene, before, make):
    """Even when something else has happened since, and when the repeat names the version that was then expected."""
    at = await Prepared(scene).be(*before)
    ticket = await scene.core.desk.load(Ticket, at.ticket_id)
    command = make(at)
    command = type(command)(
        **{name: getattr(command, name) for name in command.__struct_fields__} | {"expected_version": ticket.version}
    )
    envelope = Command(fingerprint=b"this request")
    first = await send(scene, command, envelope)
    assert not first.repeated
    assert answer(first, TicketAnswer).version > ticket.version
    await interfere(scene, at)
    head = await scene.core.desk.reading.head()
    again = await send(scene, command, Command(id=envelope.id, fingerprint=b"this request"))
    assert again.repeated
    assert (again.answer, again.position) == (first.answer, first.position)
    assert await scene.core.desk.reading.head() == head
    check_log(await whole_log(scene.core.desk.reading))


async def interfere(scene: Scene, at: Prepared) -> None:
    """Something that changes the ticket, whatever its state."""
    for command in (
        UnassignTicket(ticket_id=at.ticket_id),
        ResolveTicket(ticket_id=at.ticket_id),
        ReopenTicket(ticket_id=at.ticket_id),
    ):
        try:
            await scene.send(command)
        except Refusal:
            continue
        return
    raise AssertionError("the ticket could not be changed")


@each_command
async def test_a_command_expects_the_version_that_its_sender_saw(scene, before, make):
    at = await Prepared(scene).be(*before)
    command = make(at)
    stale = type(command)(
        **{name: getattr(command, name) for name in command.__struct_fields__} | {"expected_version": 1}
    )
    head = await scene.core.desk.reading.head()
    with pytest.raises(StaleVersion, match="version 1 was expected, it is"):
        await send(scene, stale, Command())
    assert await scene.core.desk.reading.head() == head


async def test_a_key_used_for_another_request_is_refused(scene):
    at = await Prepared(scene).be()
    envelope = Command(fingerprint=b"one request")
    await send(scene, assign(at), envelope)
    for command in (UnassignTicket(ticket_id=at.ticket_id), assign(at)):
        with pytest.raises(CommandReused):
            await send(scene, command, Command(id=envelope.id, fingerprint=b"another request"))


async def test_a_ticket_opened_twice_by_the_same_command_is_one_ticket(scene, other_core):
    department, customer = await scene.department(), a_customer()
    envelope = Command(fingerprint=b"this request")
    outcomes = await asyncio.gather(
        *(
            core.tickets.open(opening(department), customer, envelope, at=scene.now)
            for core in (scene.core, other_core, scene.core, other_core)
        )
    )
    assert len({outcome.answer for outcome in outcomes}) == 1
    assert sorted(outcome.repeated for outcome in outcomes) == [False, True, True, True]
    state = check_log(await whole_log(scene.core.desk.reading))
    assert sum(isinstance(each, Ticket) for each in state.values()) == 1


async def test_of_many_who_assign_the_same_ticket_one_does(scene, other_core):
    department = await scene.department()
    agents = [await scene.agent(department) for _ in range(6)]
    ticket_id = TicketId((await scene.ticket(department)).ticket_id)
    places = (scene, Scene(other_core))
    outcomes = await asyncio.gather(
        *(
            places[n % 2].send(AssignTicket(ticket_id=ticket_id, agent_id=AgentId(agent.id)))
            for n, agent in enumerate(agents)
        ),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["TicketAnswer"] + ["TicketHasAgent"] * 5
    check_log(await whole_log(scene.core.desk.reading))


async def test_tickets_assigned_to_one_agent_at_once_are_decided_again_until_they_fit(scene, other_core):
    """All of them write the same agent's stream; each that is carried out makes the others decide anew."""
    department = await scene.department()
    agent = await scene.agent(department, capacity=4)
    waiting = [await scene.ticket(department) for _ in range(6)]
    places = (scene, Scene(other_core))
    outcomes = await asyncio.gather(
        *(
            places[n % 2].send(AssignTicket(ticket_id=TicketId(ticket.ticket_id), agent_id=AgentId(agent.id)))
            for n, ticket in enumerate(waiting)
        ),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AgentAtCapacity"] * 2 + ["TicketAnswer"] * 4
    state = check_log(await whole_log(scene.core.desk.reading))
    assert state[agent.id].open_work == 4


async def test_what_is_refused_writes_nothing(scene):
    at = await Prepared(scene).be(assign)
    head = await scene.core.desk.reading.head()
    with pytest.raises(TicketHasAgent):
        await scene.send(assign(at))
    assert await scene.core.desk.reading.head() == head


async def test_an_agent_without_room_leaves_the_ticket_waiting(scene):
    department = await scene.department()
    full = await scene.agent(department, capacity=0)
    ticket = await scene.ticket(department)
    with pytest.raises(AgentAtCapacity):
        await scene.send(AssignTicket(ticket_id=TicketId(ticket.ticket_id), agent_id=AgentId(full.id)))
    assert (await scene.core.desk.load(Ticket, ticket.ticket_id)).version == ticket.version


@pytest.mark.parametrize("name", ["unassign", "transfer", "resolve"])
async def test_a_ticket_that_leaves_its_agent_makes_room_in_the_same_command(scene, name):
    before, make = EACH[name]
    at = await Prepared(scene).be(*before)
    assert (await scene.core.desk.load(Agent, at.agent.id)).open_work == 1
    await scene.send(make(at))
    assert (await scene.core.desk.load(Agent, at.agent.id)).open_work == 0
    check_log(await whole_log(scene.core.desk.reading))


async def test_the_answer_tells_the_state_and_the_position_from_which_it_can_be_read(scene):
    at = await Prepared(scene).be()
    outcome = await send(scene, assign(at), Command())
    ticket = await scene.core.desk.load(Ticket, at.ticket_id)
    assert answer(outcome, TicketAnswer) == TicketAnswer.of(ticket)
    assert outcome.position == await scene.core.desk.reading.head()


async def test_a_command_that_changes_nothing_is_answered_and_not_recorded(scene):
    at = await Prepared(scene).be()
    head = await scene.core.desk.reading.head()
    command = ChangePriority(ticket_id=at.ticket_id, priority=Priority.NORMAL)
    outcome = await send(scene, command, Command(fingerprint=b"this request"))
    assert (outcome.position, outcome.repeated) == (head, False)
    assert await scene.core.desk.reading.head() == head


async def test_a_ticket_without_a_department_goes_to_triage(scene):
    await scene.core.departments.ensure_triage(at=scene.now)
    outcome = await scene.core.tickets.open(opening(None), a_customer(), Command(), at=scene.now)
    assert answer(outcome, TicketAnswer).department_id == TRIAGE_DEPARTMENT_ID


async def test_a_ticket_needs_a_department_that_exists(scene):
    agent = await scene.agent(await scene.department())
    for department in (uuid4(), agent.id):
        with pytest.raises((UnknownDepartment, NotFound)):
            await scene.core.tickets.open(opening(department), a_customer(), Command(), at=scene.now)


async def test_a_ticket_needs_a_subject(scene):
    with pytest.raises(SubjectMissing):
        await scene.core.tickets.open(
            opening(await scene.department(), subject=" ", requester_id=CustomerId(uuid4())),
            a_customer(),
            Command(),
            at=scene.now,
        )


async def test_commands_name_things_that_exist(scene):
    at = await Prepared(scene).be()
    with pytest.raises(UnknownAgent):
        await scene.send(AssignTicket(ticket_id=at.ticket_id, agent_id=AgentId(uuid4())))
    with pytest.raises(UnknownDepartment):
        await scene.send(TransferTicket(ticket_id=at.ticket_id, department_id=uuid4()))
    for unknown in (TicketId(uuid4()), TicketId(at.agent.id)):
        with pytest.raises(NotFound):
            await scene.send(StartWork(ticket_id=unknown))
