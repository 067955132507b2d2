"""Departments that can merge: their settings, loads to decide on, and a desk on which the merging process works."""

from collections.abc import Sequence
from typing import Any

from tests.projections.read_models import a_runner, catch_up
from tests.scene import SUPERVISOR, Scene, answer

from supportix.bootstrap import Core
from supportix.commands.merges import MergeAnswer
from supportix.domain.ids import DepartmentId, TicketId
from supportix.domain.merge import Merge, MergeState
from supportix.domain.merge_evidence import DepartmentLoad
from supportix.domain.merge_settings import MergeMode, MergeSettings, MergeStrategy
from supportix.domain.ticket import Ticket
from supportix.policies.merging import ArrivalForecast
from supportix.processes.merging import LEASE, Merging
from supportix.projections.merge_load import merge_scene
from supportix.projections.runner import ProjectionRunner
from supportix.store.committer import Command, Fence


def settings(*compatible: DepartmentId, **changes: Any) -> MergeSettings:
    """Overloaded from 6 waiting tickets on, no longer in need below 2; no cool-down."""
    usual = {
        "mode": MergeMode.MANUAL,
        "strategy": MergeStrategy.REDISTRIBUTE,
        "queue_low": 2,
        "queue_high": 6,
        "wait_low_minutes": 500_000,
        "wait_high_minutes": 1_000_000,
        "underused_percent": 50,
        "cool_down_minutes": 0,
    }
    return MergeSettings(compatible_ids=compatible, **(usual | changes))


def load(department_id: DepartmentId, **changes: Any) -> DepartmentLoad:
    """Idle, with room for ten tickets."""
    usual = {
        "queue_length": 0,
        "oldest_wait_minutes": 0,
        "taken_per_hour": 0,
        "projected_wait_minutes": 0,
        "free_capacity": 10,
        "capacity": 10,
    }
    return DepartmentLoad(department_id=department_id, **(usual | changes))


class MergingDesk:
    """A department without agents, and one whose agents could help it. Read models follow when they are told to."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.scene = Scene(core)
        self.waiting: list[TicketId] = []
        self._runner: ProjectionRunner | None = None

    async def open(self, *, capacity: int = 20, **changes: Any) -> "MergingDesk":
        self.busy, self.idle = await self.scene.department("Busy"), await self.scene.department("Idle")
        self.helper = await self.scene.agent(self.idle, capacity=capacity)
        await self.set(self.busy, self.idle, **changes)
        return self

    async def set(self, department: DepartmentId, *compatible: DepartmentId, **changes: Any) -> None:
        wanted = settings(*compatible, **changes)
        at = self.scene.now
        await self.core.merges.change_settings(department, wanted, SUPERVISOR, Command(), None, at=at)

    async def tickets(self, count: int, department: DepartmentId | None = None) -> list[TicketId]:
        opened = [await self.scene.ticket(department or self.busy) for _ in range(count)]
        return [TicketId(each.ticket_id) for each in opened]

    async def project(self) -> None:
        """Bring the read models up to date."""
        if self._runner is None:
            self._runner = await a_runner(self.core)
        await catch_up(self._runner)

    def merging(self, fence: Fence | None = None, forecast: ArrivalForecast | None = None) -> Merging:
        """A merging process that has just started. Without a lease to lose, its epoch is the first."""
        return Merging(self.core.desk, fence or Fence(LEASE, 1), lambda: self.scene.now, forecast)

    async def until_nothing_is_to_do(self, merging: Merging | None = None) -> int:
        """Let a merging process work; returns how many rounds that took."""
        process, rounds = merging or self.merging(), 0
        await self.project()
        while await process.advance():
            await self.project()
            rounds += 1
        return rounds

    async def by_hand(self, *, approved: bool = True, strategy: MergeStrategy | None = None) -> MergeAnswer:
        await self.project()
        at = self.scene.now
        scene = await merge_scene(self.core.pool, at, department_ids=[self.busy, self.idle])
        evidence = scene.evidence(self.busy, self.idle)
        assert evidence is not None
        outcome = await self.core.merges.suggest(evidence, strategy, SUPERVISOR, Command(), approved=approved, at=at)
        return answer(outcome, MergeAnswer)

    async def pooled(self) -> Merge:
        """A pool of both departments, which has just been formed."""
        made = await self.by_hand(strategy=MergeStrategy.POOL)
        await self.until_nothing_is_to_do()
        merge = await self.core.desk.load(Merge, made.merge_id)
        assert merge.state is MergeState.POOLED
        return merge

    async def dissolved(self, merge: Merge) -> None:
        await self.core.merges.dissolve(merge.id, SUPERVISOR, Command(), None, at=self.scene.now)

    async def merges(self) -> list[Merge]:
        await self.project()
        async with self.core.pool.connection() as connection:
            rows = await (
                await connection.execute("SELECT merge_id FROM read_model.merges ORDER BY suggested_at, position")
            ).fetchall()
        return [await self.core.desk.load(Merge, row[0]) for row in rows]

    async def departments_of(self, ticket_ids: Sequence[TicketId]) -> list[str]:
        names = {self.busy: "busy", self.idle: "idle"}
        return [names[(await self.core.desk.load(Ticket, each)).department_id] for each in ticket_ids]


async def take_lease(core: Core) -> Fence:
    """The merging lease at its present epoch, taken from whoever holds it."""
    async with core.pool.connection() as connection:
        row = await (
            await connection.execute(
                "INSERT INTO leases AS l (name, owner, epoch, expires_at) VALUES (%s, 'test', 1, 'infinity') "
                "ON CONFLICT (name) DO UPDATE SET epoch = l.epoch + 1 RETURNING epoch",
                (LEASE,),
            )
        ).fetchone()
    assert row is not None
    return Fence(LEASE, row[0])
