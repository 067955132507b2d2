"""A desk whose staffing is looked at: departments with terms, agents with shifts, forecasts, and advice by them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.issued import hours, to_issue
from tests.merging import settings
from tests.projections.read_models import a_runner, catch_up
from tests.scene import ADMIN, SUPERVISOR, Scene, answer, opening

from supportix.bootstrap import Core
from supportix.commands.advice import AdviceOnStaffing
from supportix.commands.tickets import AssignTicket, ReassignTicket, TicketAnswer
from supportix.domain.calendar import BusinessCalendar
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.schedule import Schedule, Shift
from supportix.domain.staffing_terms import StaffingTerms, WorkKind
from supportix.forecasting.advising import Advising, advise_all
from supportix.forecasting.keeping import Keeping
from supportix.projections.advice_queries import AdviceFilter, AdviceView, advice_page
from supportix.projections.checkpoint_queries import ReadDatabase
from supportix.settings import Settings
from supportix.store.committer import Command

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
NINE_TO_FIVE = Schedule(shifts=tuple(Shift(weekday, 540, 1_020) for weekday in range(7)))
USUAL = (24,) * 8
"""Arrivals from nine to five that eight agents are just enough for."""
BUSY_AT_TWO = (24, 24, 24, 24, 24, 60, 60, 24)


def at(hour: int, minute: int = 0) -> datetime:
    return MIDNIGHT + timedelta(hours=hour, minutes=minute)


def ticket_terms(**changes: Any) -> StaffingTerms:
    """Of tickets that take ten minutes, 80 % within an hour."""
    usual: dict[str, Any] = {"kind": WorkKind.TICKETS, "target_seconds": 3_600.0, "handle_seconds": 600.0}
    return StaffingTerms(**(usual | changes))


class StaffedDesk:
    """The clock stands where it is put."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.scene = Scene(core)
        self.now = at(9)

    async def department(
        self, name: str, *, terms: StaffingTerms | None = None, opening: tuple[Shift, ...] = NINE_TO_FIVE.shifts
    ) -> DepartmentId:
        """Open from nine to five in UTC, unless told otherwise."""
        department_id = await self.scene.department(name)
        calendar = BusinessCalendar(opening=opening)
        about = (ADMIN, Command(), None)
        await self.core.planning.change_calendar(department_id, calendar, *about, at=self.scene.now)
        if terms is not None:
            await self.core.planning.change_staffing(department_id, terms, ADMIN, Command(), None, at=self.scene.now)
        return department_id

    async def agents(self, count: int, *departments: DepartmentId, schedule: Schedule = NINE_TO_FIVE) -> list[UUID]:
        made = [(await self.scene.agent(*departments, capacity=10)).id for _ in range(count)]
        for agent_id in made:
            await self.reschedule(agent_id, schedule)
        return made

    async def reschedule(self, agent_id: UUID, schedule: Schedule) -> None:
        agents = self.core.agents
        await agents.change_schedule(agent_id, schedule, ADMIN, Command(), None, at=self.scene.now)

    async def may_help(self, department: DepartmentId, *helpers: DepartmentId, **changes: Any) -> None:
        wanted = settings(*helpers, **changes)
        await self.core.merges.change_settings(department, wanted, SUPERVISOR, Command(), None, at=self.scene.now)

    async def forecast(
        self, department: DepartmentId | None, hour: datetime, means: Sequence[float], **changes: Any
    ) -> None:
        """Of a day from this hour on: these means from nine to five, nothing at night."""
        ahead = [(hour.hour + number) % 24 - 9 for number in range(24)]
        day = [means[place] if 0 <= place < len(means) else 0.0 for place in ahead]
        keeping = Keeping(self.core.desk, lambda: hour + timedelta(seconds=3))
        await keeping.save(to_issue(department, hours(hour, *day), **changes), based_on=7)

    async def ticket(self, department: DepartmentId, opened_at: datetime) -> TicketId:
        """One that waits from then on."""
        command = opening(department, requester_id=CustomerId(UUID(int=5)))
        outcome = await self.core.tickets.open(command, SUPERVISOR, Command(), at=opened_at)
        return TicketId(answer(outcome, TicketAnswer).ticket_id)

    async def give_out(self, ticket_id: TicketId, agent_id: UUID, given_at: datetime) -> None:
        command = AssignTicket(ticket_id=ticket_id, agent_id=AgentId(agent_id))
        await self.core.tickets.carry_out(command, SUPERVISOR, Command(), at=given_at)

    async def reassign(self, ticket_id: TicketId, agent_id: UUID, given_at: datetime) -> None:
        command = ReassignTicket(ticket_id=ticket_id, agent_id=AgentId(agent_id))
        await self.core.tickets.carry_out(command, SUPERVISOR, Command(), at=given_at)

    async def project(self) -> None:
        """Bring the read models up to date."""
        await catch_up(await a_runner(self.core, epoch=1 + await self.core.desk.reading.head()))

    async def advise(self, hour: datetime) -> Advising:
        self.now = hour + timedelta(seconds=5)
        await self.project()
        done = await advise_all(self.core.desk, None, lambda: self.now, hour)
        await self.project()
        return done

    async def advice(self, *departments: DepartmentId) -> list[AdviceView]:
        """In the order of time."""
        database = ReadDatabase(Settings(database_url=str(self.core.pool.conninfo)))
        try:
            wanted = AdviceFilter(department_id=departments)
            return (await advice_page(database, wanted, behind=None, limit=100)).value[::-1]
        finally:
            await database.close()

    @property
    def decisions(self) -> AdviceOnStaffing:
        return AdviceOnStaffing(self.core.desk)
