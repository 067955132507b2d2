"""However merges, customers, agents, people and crashes interleave: no ticket is lost or moved twice."""

import asyncio
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.invariants import check_log
from tests.merge_invariants import check_merges
from tests.merging import settings, take_lease
from tests.projections.read_models import all_rows, rebuilt_rows
from tests.realtime.scene import running
from tests.scene import SUPERVISOR, Scene, a_customer, opening
from tests.store.streams import whole_log
from tests.waiting import until

from supportix.bootstrap import Core, open_core, utc_now
from supportix.commands.tickets import AssignTicket, ResolveTicket, TransferTicket
from supportix.domain.agent import Agent
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.merge import LIVE, Merge, MergeState
from supportix.domain.merge_settings import MergeMode, MergeStrategy
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Status
from supportix.processes import assigner, merging
from supportix.processes.assigner import Assigner
from supportix.processes.audit import AuditScope, audit
from supportix.processes.merging import Merging
from supportix.projections.runner import ProjectionRunner
from supportix.settings import Settings
from supportix.store.committer import Command, Fence
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases

WORKER = Path(__file__).with_name("merging_worker.py")
ENOUGH = {MergeStrategy.REDISTRIBUTE: 8, MergeStrategy.POOL: 2}
"""So many merges that have helped; a pool lasts, and of three departments only two can form one."""


@pytest.fixture
def other_core(run, database_url: str) -> Iterator[Core]:
    """Another process on the same database."""
    opened = open_core(Settings(database_url=database_url))
    yield run(opened.__aenter__())
    run(opened.__aexit__(None, None, None))


async def checked(core: Core) -> list[Merge]:
    """All merges, after the log and the read models were found to hold every ticket exactly where it belongs."""
    entries = await whole_log(core.desk.reading)
    state = check_log(entries)
    merges = check_merges(entries)
    assert (await audit(core.pool, AuditScope())).findings == []
    rows = await rebuilt_rows(core)
    waiting = {row[0]: row[1] for row in rows["department_queue"]}
    tickets = [each for each in state.values() if isinstance(each, Ticket)]
    assert waiting == {each.id: each.department_id for each in tickets if each.status is Status.QUEUED}
    assert len(rows["tickets"]) == len(tickets)
    assert {row[0] for row in rows["open_tickets"] if row[1] is not None} <= {
        each.id for each in tickets if each.home_department_id != each.department_id
    }
    return merges


async def opens(scene: Scene, department: DepartmentId) -> TicketId:
    """A ticket that is opened now, as the processes' clocks tell."""
    sender = a_customer()
    command = opening(department, requester_id=CustomerId(sender.id))
    await scene.core.tickets.open(command, sender, Command(), at=utc_now())
    return TicketId(sender.id)


async def attempt(scene: Scene, command) -> None:
    try:
        await scene.send(command)
    except Refusal:
        return


async def opens_on(scene: Scene, department: DepartmentId, done: asyncio.Event) -> int:
    """Open tickets until it is done."""
    count = 0
    while not done.is_set():
        await opens(scene, department)
        count += 1
        await asyncio.sleep(0.1)
    return count


async def test_a_process_that_is_killed_at_every_step_moves_each_ticket_once(core, database_url):
    """Each process gets no further than its first step, and is killed before or after that is written."""
    scene = Scene(core)
    busy, idle = await scene.department(), await scene.department()
    helper = await scene.agent(idle, capacity=4)
    wanted = settings(idle, mode=MergeMode.AUTOMATIC, cool_down_minutes=600)
    await core.merges.change_settings(busy, wanted, SUPERVISOR, Command(), None, at=scene.now)
    for _ in range(12):
        await opens(scene, busy)
    done = asyncio.Event()
    fence = await Leases(core.pool, "one").acquire(assigner.LEASE)
    ends: list[int] = []
    async with (
        running(ProjectionRunner(core.pool, core.feed, Fence("projections", 1)).run()),
        running(Assigner(core.desk, core.committer, core.feed, fence, utc_now).run()),
    ):
        opening_on = asyncio.ensure_future(opens_on(scene, busy, done))
        while ends[-1:] != [0]:
            epoch = (await take_lease(core)).epoch
            moment = ("before", "after")[len(ends) % 2]
            arguments = [str(WORKER), database_url, str(epoch), moment]
            process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
            ends.append(await asyncio.wait_for(process.wait(), 60))
            assert len(ends) < 60
        done.set()
        opened = await opening_on

    (merge,) = await checked(core)
    assert (merge.state, merge.passed_over) == (MergeState.FINISHED, 0)
    assert merge.moved == len(merge.planned) == 4
    assert set(ends[:-1]) == {-signal.SIGKILL}
    steps = 2 + -(-merge.moved // 2) + 1  # Suggested, started, two tickets at a time, finished.
    assert len(ends) == 2 * steps + 1
    entries = await whole_log(core.desk.reading)
    state = check_log(entries)
    assert sum(isinstance(each, Ticket) for each in state.values()) == 12 + opened
    held = await core.desk.load(Agent, helper.id)
    assert set(held.work) == {str(each) for each in merge.planned}


class Bustle:
    """Three departments that may help each other, and everybody around them at once, until it is done."""

    def __init__(self, core: Core, other_core: Core, seed: int) -> None:
        self.core = core
        self.scene, self.there = Scene(core), Scene(other_core)
        self.dice = random.Random(seed)  # noqa: S311 - repeatable, and no secret.
        self.done = asyncio.Event()

    async def open(self, strategy: MergeStrategy) -> "Bustle":
        self.departments = [await self.scene.department() for _ in range(3)]
        self.agents = [await self.scene.agent(self.departments[n % 3], capacity=4) for n in range(4)]
        for n, department in enumerate(self.departments):
            others = (self.departments[(n + 1) % 3], self.departments[(n + 2) % 3])
            wanted = settings(*others, mode=MergeMode.AUTOMATIC, strategy=strategy, queue_high=4, underused_percent=1)
            await self.core.merges.change_settings(department, wanted, SUPERVISOR, Command(), None, at=self.scene.now)
        return self

    async def merging(self, here: Core, fence: Fence) -> None:
        """A process that is stopped in the middle of whatever it does, and starts anew."""
        while not self.done.is_set():
            process = asyncio.ensure_future(Merging(here.desk, fence, utc_now).run())
            await asyncio.wait({process}, timeout=self.dice.random() * 0.4)
            while not process.done():  # Before Python 3.12 asyncio.wait_for may lose a cancellation.
                process.cancel()
                await asyncio.wait({process}, timeout=0.5)
            assert process.cancelled(), process

    async def customers(self) -> None:
        while not self.done.is_set():
            busy = self.dice.choice(self.departments)
            for _ in range(self.dice.randrange(1, 9)):
                await opens(self.dice.choice((self.scene, self.there)), busy)
            await asyncio.sleep(self.dice.random() * 0.1)

    async def people(self) -> None:
        while not self.done.is_set():
            waiting = [row[0] for row in (await all_rows(self.core))["department_queue"]]
            for ticket_id in self.dice.sample(waiting, min(2, len(waiting))):
                for command in self._interference(TicketId(ticket_id)):
                    if self.dice.random() < 0.5:
                        await attempt(self.there, command)
            await asyncio.sleep(0.01)

    async def agents_at_work(self) -> None:
        while not self.done.is_set():
            for agent in self.agents:
                for ticket_id in list((await self.core.desk.load(Agent, agent.id)).work)[:2]:
                    await attempt(self.scene, ResolveTicket(ticket_id=TicketId(UUID(ticket_id))))
            await asyncio.sleep(0.05)

    def _interference(self, ticket_id: TicketId):
        return (
            TransferTicket(ticket_id=ticket_id, department_id=self.dice.choice(self.departments)),
            AssignTicket(ticket_id=ticket_id, agent_id=AgentId(self.dice.choice(self.agents).id)),
            ResolveTicket(ticket_id=ticket_id),
        )


@pytest.mark.parametrize("strategy", MergeStrategy)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_merges_race_with_everybody(core, other_core, monkeypatch, seed, strategy):
    """Two processes that both think they hold the lease, either of them stopped anywhere; people; an assigner."""
    monkeypatch.setattr(merging, "MOVED_PER_COMMAND", 2)
    monkeypatch.setattr(merging, "SETTLE_SECONDS", 0.01)
    bustle = await Bustle(core, other_core, seed).open(strategy)
    fence = await take_lease(core)
    giving = await Leases(core.pool, "one").acquire(assigner.LEASE)
    async with (
        running(ProjectionRunner(core.pool, core.feed, Fence("projections", 1)).run()),
        running(Assigner(core.desk, core.committer, core.feed, giving, utc_now).run()),
    ):
        work = (
            bustle.merging(core, fence),
            bustle.merging(other_core, fence),
            bustle.customers(),
            bustle.people(),
            bustle.agents_at_work(),
        )
        tasks = [asyncio.ensure_future(each) for each in work]

        async def enough() -> bool:
            assert not any(task.done() for task in tasks), [task for task in tasks if task.done()]
            merges = (await all_rows(core))["merges"]
            moved = sum(merge.moved for merge in check_merges(await whole_log(core.desk.reading)))
            if strategy is MergeStrategy.REDISTRIBUTE and not moved:
                return False
            return sum(row[3] not in LIVE or row[3] == MergeState.POOLED for row in merges) >= ENOUGH[strategy]

        await until(enough, "merges that have helped", seconds=60)
        bustle.done.set()
        await asyncio.gather(*tasks)
    merges = await checked(core)
    assert {merge.strategy for merge in merges} == {strategy}
    if strategy is MergeStrategy.REDISTRIBUTE:
        assert sum(merge.moved for merge in merges) > 0


async def test_a_merge_that_lost_its_lease_leaves_the_next_owner_alone(core):
    scene = Scene(core)
    busy, idle = await scene.department(), await scene.department()
    await scene.agent(idle, capacity=30)
    await core.merges.change_settings(
        busy, settings(idle, mode=MergeMode.AUTOMATIC), SUPERVISOR, Command(), None, at=scene.now
    )
    for _ in range(8):
        await opens(scene, busy)
    stale = await take_lease(core)
    fresh = await take_lease(core)
    async with running(ProjectionRunner(core.pool, core.feed, Fence("projections", 1)).run()):
        with pytest.raises(LeaseLost):
            await Merging(core.desk, stale, utc_now).run()
        assert check_merges(await whole_log(core.desk.reading)) == []
        async with running(Merging(core.desk, fresh, utc_now).run()):

            async def finished() -> bool:
                merges = check_merges(await whole_log(core.desk.reading))
                return any(merge.state is MergeState.FINISHED for merge in merges)

            await until(finished, "a finished merge")
    await checked(core)
