"""Advice on staffing, after each hour's forecasts: plans every department with terms for the next day, says what
supervisors should do about its gaps, and what came of the advice whose time is over.

Reads the read models; emits AdviceGiven, AdviceChanged, AdviceWithdrawn and AdviceScored. Done again for the same hour,
it gives nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import msgspec
import structlog

from supportix.commands.desk import SupportDesk, Work
from supportix.domain.advice_words import AdviceScore, Advised
from supportix.domain.errors import Conflict, Refusal
from supportix.domain.ids import AdviceId, DepartmentId, TicketId
from supportix.domain.staffing_advice import StaffingAdvice, advice_id, give_advice
from supportix.domain.ticket_facts import TicketAssigned
from supportix.forecasting.settling import settled
from supportix.forecasting.standing_advice import differences
from supportix.projections.advice_standing import StandingAdvice, reality_of, standing_advice
from supportix.projections.merges import MergeList
from supportix.projections.staffing_advice import AdviceList
from supportix.projections.staffing_scene import READ_FROM, StaffingScene, staffing_scene
from supportix.projections.ticket_list import TicketList
from supportix.store.committer import Command, Fence
from supportix.store.errors import CorruptEvent

if TYPE_CHECKING:
    from supportix.forecasting.staffing_plans import Planned

_READ_FROM = {*READ_FROM, AdviceList.name, TicketList.name, MergeList.name}

_log = structlog.get_logger(__name__)


class Advising(msgspec.Struct):
    """How much a round of advising came to."""

    departments: int = 0
    given: int = 0
    changed: int = 0
    withdrawn: int = 0
    scored: int = 0


async def advise_all(desk: SupportDesk, fence: Fence | None, clock: Callable[[], datetime], hour: datetime) -> Advising:
    """Advise by the forecasts that were issued for this hour, and score what is over. Raises LeaseLost.

    Departments without terms, or without a forecast of this hour, are left as they are.
    """
    await settled(desk, _READ_FROM)
    standing = await standing_advice(desk.pool, hour)
    scene = await staffing_scene(desk.pool, hour)
    planned = await _plans(scene, hour)
    done, keeping = Advising(departments=len(planned)), _Keeping(desk, fence, clock)
    for department_id, wanted in (await asyncio.to_thread(_advised, planned)).items():
        own = [each for each in standing if each.department_id == department_id and each.told.end > hour]
        await _uphold(keeping, done, department_id, own, wanted, hour)
    for each in standing:
        if each.told.end + timedelta(seconds=each.told.evidence.target_seconds) <= hour:
            done.scored += await _score(desk, keeping, each)
    _log.info("advice on staffing", hour=hour.isoformat(), **msgspec.structs.asdict(done))
    return done


async def _plans(scene: StaffingScene, hour: datetime) -> list[Planned]:
    """One after the other, each in a thread: all else that this process does goes on in between."""
    from supportix.forecasting.staffing_plans import day_plan

    found = []
    for department in scene.departments:
        if department.forecast is None or department.forecast.begin != hour:
            continue
        try:
            found.append(await asyncio.to_thread(day_plan, department, scene.people, hour))
        except Refusal as refusal:
            _log.warning("department not planned", department=str(department.department_id), why=str(refusal))
    return found


def _advised(planned: Sequence[Planned]) -> dict[DepartmentId, list[Advised]]:
    from supportix.forecasting.stored_advice import advised
    from supportix.staffing.plan import spare

    spares = [spare(each.plan) for each in planned]
    return {each.plan.department.department_id: advised(each, spares) for each in planned}


async def _uphold(
    keeping: _Keeping,
    done: Advising,
    department_id: DepartmentId,
    standing: Sequence[StandingAdvice],
    wanted: Sequence[Advised],
    hour: datetime,
) -> None:
    """Have what is wanted stand, in the place of what stood."""
    needed = differences(standing, wanted, hour)
    for told in needed.give:
        done.given += await keeping.give(department_id, told, hour)
    for known_id, told in needed.change:
        done.changed += await keeping.change(known_id, told, hour)
    for known_id in needed.withdraw:
        done.withdrawn += await keeping.withdraw(known_id, hour)


async def _score(desk: SupportDesk, keeping: _Keeping, standing: StandingAdvice) -> bool:
    from supportix.forecasting.staffing_plans import opening_of, staff_on_shift
    from supportix.forecasting.stored_advice import advice_as_told, score_of
    from supportix.staffing.outcome import judge

    told, department_id = standing.told, standing.department_id
    reality = await reality_of(desk.pool, department_id, told)
    in_time = reality.in_time + await _first_in_time(desk, reality.reassigned, told)
    scene = await staffing_scene(desk.pool, told.begin, department_ids=[department_id])
    if not scene.departments:
        return False
    opening = opening_of(scene.departments[0], told.begin, len(reality.arrivals))
    outcome = await asyncio.to_thread(
        judge,
        advice_as_told(department_id, told),
        arrivals=reality.arrivals,
        on_shift=staff_on_shift(scene.people, told.begin, opening),
        came=reality.came,
        in_time=in_time,
        waiting=reality.waiting,
        merged=reality.merged,
    )
    score = score_of(outcome, came=reality.came, in_time=in_time, merged=reality.merged)
    return await keeping.score(standing.advice_id, score)


async def _first_in_time(desk: SupportDesk, ticket_ids: Iterable[TicketId], told: Advised) -> int:
    """How many of these tickets were first given to an agent in time. One that can't be read wasn't."""
    within, found = timedelta(seconds=told.evidence.target_seconds), 0
    for ticket_id in ticket_ids:
        try:
            entries = await desk.reading.stream(ticket_id)
        except CorruptEvent:
            continue
        first = next((each.fact.occurred_at for each in entries if isinstance(each.fact, TicketAssigned)), None)
        found += first is not None and first <= entries[0].fact.occurred_at + within
    return found


class _Kept(msgspec.Struct, frozen=True):
    """Whether anything was recorded."""

    recorded: bool


class _Keeping:
    """Puts advice into the log; each step is done once, however often it is tried."""

    def __init__(self, desk: SupportDesk, fence: Fence | None, clock: Callable[[], datetime]) -> None:
        self._desk = desk
        self._fence = fence
        self._clock = clock

    async def give(self, department_id: DepartmentId, told: Advised, hour: datetime) -> bool:
        stream_id = advice_id(department_id, told, hour)

        async def give(work: Work) -> _Kept:
            work.add(give_advice(stream_id, department_id, told, at=self._clock()))
            return _Kept(recorded=True)

        return await self._carry_out(uuid5(stream_id, "give"), give)

    async def change(self, known_id: AdviceId, told: Advised, hour: datetime) -> bool:
        return await self._on(
            known_id, lambda advice: advice.change(told, at=self._clock()), uuid5(known_id, f"change at {hour}")
        )

    async def withdraw(self, known_id: AdviceId, hour: datetime) -> bool:
        return await self._on(
            known_id, lambda advice: advice.withdraw(at=self._clock()), uuid5(known_id, f"withdraw at {hour}")
        )

    async def score(self, known_id: AdviceId, score: AdviceScore) -> bool:
        return await self._on(known_id, lambda advice: advice.score(score, at=self._clock()), uuid5(known_id, "score"))

    async def _on(
        self, known_id: AdviceId, decide: Callable[[StaffingAdvice], StaffingAdvice], command_id: UUID
    ) -> bool:
        async def on_present(work: Work) -> _Kept:
            advice = await work.load(StaffingAdvice, known_id)
            before = advice.version
            return _Kept(recorded=decide(advice).version > before)

        return await self._carry_out(command_id, on_present)

    async def _carry_out(self, command_id: UUID, decide: Callable[[Work], Awaitable[_Kept]]) -> bool:
        """False where it was done before, or where people have decided meanwhile."""
        try:
            outcome = await self._desk.carry_out(Command(id=command_id, fence=self._fence), decide)
        except (Conflict, CorruptEvent) as why:
            _log.info("advice left as it is", why=str(why))
            return False
        return not outcome.repeated and msgspec.json.decode(outcome.answer, type=_Kept).recorded
