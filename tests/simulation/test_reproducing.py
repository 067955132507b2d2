"""The policy that really ran, with the real staffing, gives every ticket to the agent who really got it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.generated_log import write_log
from tests.scene import SUPERVISOR, Scene
from tests.store.streams import whole_log
from tests.waiting import until

from supportix.bootstrap import Core, utc_now
from supportix.commands.tickets import AssignTicket, ResolveTicket, TransferTicket
from supportix.domain.agent import Agent, Availability
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.importing import writer
from supportix.importing.mapping import load_mapping
from supportix.importing.run import import_history
from supportix.processes.assigner import LEASE, Assigner
from supportix.simulation.question import Alternative, CapacityChange, Question, StaffChange
from supportix.simulation.reproducing import Span, reproduce
from supportix.simulation.run import Simulated, compare
from supportix.simulation.trace import trace_of
from supportix.store.leases import Leases
from supportix.store.log import LogEntry


def choices(entries: Sequence[LogEntry]) -> list[tuple[UUID, UUID]]:
    return [
        (entry.stream_id, entry.fact.agent_id)
        for entry in entries
        if isinstance(entry.fact, TicketAssigned) and entry.fact.assigned_by is AssignedBy.POLICY
    ]


def must_reproduce(entries: Sequence[LogEntry]) -> int:
    found = reproduce(entries, Span())
    assert found.first_difference is None
    assert found.reproduced == found.assignments == len(choices(entries))
    return found.assignments


class Traffic:
    """A desk on which people do what they like while the real assigner gives out tickets."""

    def __init__(self, core: Core, seed: int) -> None:
        self.core = core
        self.scene = Scene(core)
        self.dice = Random(seed)  # noqa: S311 - repeatable, and no secret.

    async def staff(self) -> None:
        self.departments = [await self.scene.department(policy=policy) for policy in ("round_robin", "least_busy")]
        self.agents = [await self.scene.agent(*self.departments[: 1 + n % 2], capacity=1 + n % 3) for n in range(6)] + [
            await self.scene.agent(self.departments[1], capacity=2)
        ]

    async def something_happens(self) -> None:
        dice = self.dice
        await dice.choice(
            [self._open, self._open, self._open, self._resolve, self._resolve, self._change_agent, self._by_hand]
        )()

    async def _open(self) -> None:
        await self.scene.ticket(self.dice.choice(self.departments))

    async def _resolve(self) -> None:
        held = [ticket for ticket in await self._tickets() if ticket.agent_id is not None]
        if held:
            await self._try(ResolveTicket(ticket_id=TicketId(self.dice.choice(held).id)))

    async def _by_hand(self) -> None:
        tickets = await self._tickets()
        if tickets:
            ticket, agent = self.dice.choice(tickets), self.dice.choice(self.agents)
            await self._try(AssignTicket(ticket_id=TicketId(ticket.id), agent_id=AgentId(agent.id)))
            await self._try(TransferTicket(ticket_id=TicketId(ticket.id), department_id=self.departments[1]))

    async def _change_agent(self) -> None:
        await self.scene.set_availability(self.dice.choice(self.agents).id, self.dice.choice(list(Availability)))

    async def _tickets(self) -> list[Ticket]:
        state: dict[UUID, Any] = {}
        for entry in await whole_log(self.core.desk.reading):
            state[entry.stream_id] = entry.event.mutate(state.get(entry.stream_id))
        return [each for each in state.values() if isinstance(each, Ticket)]

    async def _try(self, command: Any) -> None:
        try:
            await self.scene.send(command, SUPERVISOR)
        except Refusal:
            return


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_live_history_is_reproduced(core: Core, seed: int) -> None:
    """Several people at once and the assigner beside them, so that choices are based on less than the log holds."""
    entries = await a_live_history(core, seed)
    assert must_reproduce(entries) > 30


async def a_live_history(core: Core, seed: int) -> list[LogEntry]:
    traffic = Traffic(core, seed)
    await traffic.staff()
    fence = await Leases(core.pool, "one").acquire(LEASE)
    running = asyncio.ensure_future(Assigner(core.desk, core.committer, core.feed, fence, utc_now).run())
    for _ in range(45):
        await asyncio.gather(*(traffic.something_happens() for _ in range(6)))

    async def calm() -> bool:
        head = await core.desk.reading.head()
        await asyncio.sleep(0.2)
        return head == await core.desk.reading.head()

    await until(calm, "an assigner with nothing left to give out")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return list(await whole_log(core.desk.reading))


@pytest.fixture
def an_imported_history(run: Any, core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[LogEntry]:
    """Replayed, in several chunks; agents serve many departments, and there is too little capacity for all at once."""
    monkeypatch.setattr(writer, "CHUNK_EVENTS", 150)
    write_log(tmp_path / "log.csv", tickets=200, seed=3)
    run(import_history(core, tmp_path / "log.csv", load_mapping("servicenow"), "replayed"))
    return list(run(whole_log(core.desk.reading)))


def test_an_imported_history_is_reproduced(an_imported_history: list[LogEntry]) -> None:
    assert must_reproduce(an_imported_history) > 100


def test_a_free_run_gives_an_imported_history_s_tickets_to_the_same_agents(an_imported_history: list[LogEntry]) -> None:
    """An import decides at the moments of a simulation, so here the run itself, left alone, must not part from it."""
    simulated = Simulated(trace_of(an_imported_history), Question(alternatives=(Alternative(),)))
    engine = simulated.simulate("", Alternative(), lambda *_: None)
    given_to = {
        (simulated.trace.tickets[visit.ticket].id, visit.agent_id)
        for visit in engine.visits.values()
        if visit.agent_id is not None
    }
    assert given_to == set(choices(an_imported_history))


def test_another_policy_or_staffing_does_not_come_out_the_same(an_imported_history: list[LogEntry]) -> None:
    """So that equality above is no accident of a desk on which it doesn't matter who chooses."""
    alternatives = (
        Alternative(policy="round_robin"),
        Alternative(agents=(StaffChange(1),)),
        Alternative(capacity=CapacityChange("times", 0.5)),
    )
    comparison = compare(an_imported_history, Question(alternatives=alternatives), lambda *_: None)
    happened, as_it_was, *others = (run.figures for run in comparison.runs)
    assert as_it_was == happened
    assert all(other != happened for other in others)


def test_an_assignment_that_was_tampered_with_is_named(an_imported_history: list[LogEntry]) -> None:
    entries = list(an_imported_history)
    agents = [entry.stream_id for entry in entries if entry.fact.AGGREGATE is Agent]
    place, tampered = [(n, entry) for n, entry in enumerate(entries) if isinstance(entry.fact, TicketAssigned)][20]
    other = next(each for each in agents if each != tampered.fact.agent_id)
    entries[place] = msgspec.structs.replace(
        tampered, fact=msgspec.structs.replace(tampered.fact, agent_id=AgentId(other))
    )
    found = reproduce(entries, Span())
    assert found.reproduced < found.assignments
    assert found.first_difference is not None
    assert (found.first_difference.position, found.first_difference.agent_id) == (tampered.position, other)
    assert found.first_difference.given_to == tampered.fact.agent_id


def test_a_policy_that_did_not_run_is_not_reproduced(an_imported_history: list[LogEntry]) -> None:
    entries = [
        msgspec.structs.replace(entry, fact=msgspec.structs.replace(entry.fact, policy="round_robin"))
        if entry.name == "department.created.v1"
        else entry
        for entry in an_imported_history
    ]
    found = reproduce(entries, Span())
    assert found.reproduced < found.assignments
