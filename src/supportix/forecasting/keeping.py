"""Putting into the log what was reckoned. Each message becomes a command that is carried out once, however often sent.

Emits the events of forecast days and forecast models.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

import msgspec

from supportix.commands.desk import SupportDesk, Work
from supportix.domain.aggregate import Aggregate
from supportix.domain.errors import NotFound
from supportix.domain.forecast_day import ForecastDay, forecast_day_id, utc_day
from supportix.domain.forecast_model import ForecastModel, forecast_model_id
from supportix.domain.forecast_words import Steps
from supportix.domain.ids import DepartmentId
from supportix.forecasting.messages import ToChoose, ToIssue, ToSave, ToScore, ToTellDrift
from supportix.store.committer import Command, Fence

AggregateT = TypeVar("AggregateT", bound=Aggregate)


class Kept(msgspec.Struct, frozen=True):
    """Whether anything was recorded: a forecast that was issued before stays as it is."""

    recorded: bool


class Keeping:
    """Saves under a lease, or without one where a person asked for it."""

    def __init__(self, desk: SupportDesk, clock: Callable[[], datetime], fence: Fence | None = None) -> None:
        self._desk = desk
        self._clock = clock
        self._fence = fence

    async def save(self, message: ToSave, based_on: int) -> Kept:
        """Raises LeaseLost. Refused: StoreUnavailable, StoreFull."""
        match message:
            case ToIssue():
                return await self._issue(message, based_on)
            case ToScore():
                return await self._score(message)
            case ToChoose():
                return await self._choose(message, based_on)
            case ToTellDrift():
                return await self._tell_drift(message)

    async def update(self, department_id: UUID | None, steps: Steps, *, arrived: int, elapsed_seconds: int) -> Kept:
        """Record that the running hour's arrivals have changed its forecast."""
        stream_id = forecast_day_id(department_id, utc_day(steps.begin))

        async def update(work: Work) -> Kept:
            day = await _day(work, stream_id, department_id)
            day.update(steps, arrived=arrived, elapsed_seconds=elapsed_seconds, at=self._clock())
            return Kept(recorded=True)

        return await self._carry_out(
            uuid5(stream_id, f"update {steps.begin} by {arrived} after {elapsed_seconds} s"), update
        )

    async def _issue(self, message: ToIssue, based_on: int) -> Kept:
        steps = message.steps
        stream_id = forecast_day_id(message.department_id, utc_day(steps.begin))

        async def issue(work: Work) -> Kept:
            day = await _day(work, stream_id, message.department_id)
            if (message.horizon, steps.begin) in day.issued:
                return Kept(recorded=False)
            day.issue(
                message.horizon,
                steps,
                model=message.model,
                confidence=message.confidence,
                based_on=based_on,
                reason=message.reason,
                carry=message.carry,
                quarter_shares=message.quarter_shares,
                at=self._clock(),
            )
            return Kept(recorded=True)

        return await self._carry_out(uuid5(stream_id, f"issue {message.horizon} {steps.begin}"), issue)

    async def _score(self, message: ToScore) -> Kept:
        stream_id = forecast_day_id(message.department_id, message.day)

        async def score(work: Work) -> Kept:
            day = await _day(work, stream_id, message.department_id)
            before = day.version
            day.score(message.scores, at=self._clock())
            return Kept(recorded=day.version > before)

        return await self._carry_out(None, score)  # A repeat finds its hours scored.

    async def _choose(self, message: ToChoose, based_on: int) -> Kept:
        stream_id = forecast_model_id(message.department_id)

        async def choose(work: Work) -> Kept:
            model = await _model(work, message.department_id)
            model.choose(
                message.model,
                members=message.members,
                confidence=message.confidence,
                reason=message.reason,
                scores=message.scores,
                evaluated=message.evaluated,
                settings=message.settings,
                at=self._clock(),
            )
            return Kept(recorded=True)

        return await self._carry_out(uuid5(stream_id, f"choose by position {based_on}"), choose)

    async def _tell_drift(self, message: ToTellDrift) -> Kept:
        async def tell(work: Work) -> Kept:
            model = await _model(work, message.department_id)
            before = model.version
            model.tell_drift(message.drift, at=self._clock())
            return Kept(recorded=model.version > before)

        return await self._carry_out(None, tell)

    async def _carry_out(self, command_id: UUID | None, decide: Callable[[Work], Awaitable[Kept]]) -> Kept:
        command = Command(fence=self._fence) if command_id is None else Command(id=command_id, fence=self._fence)
        outcome = await self._desk.carry_out(command, decide)
        return msgspec.json.decode(outcome.answer, type=Kept)


async def _day(work: Work, stream_id: UUID, department_id: UUID | None) -> ForecastDay:
    known = await _known(work, ForecastDay, stream_id)
    if known is None:
        known = ForecastDay(id=stream_id, department_id=None if department_id is None else DepartmentId(department_id))
        work.add(known)
    return known


async def _model(work: Work, department_id: UUID | None) -> ForecastModel:
    stream_id = forecast_model_id(department_id)
    known = await _known(work, ForecastModel, stream_id)
    if known is None:
        known = ForecastModel(
            id=stream_id, department_id=None if department_id is None else DepartmentId(department_id)
        )
        work.add(known)
    return known


async def _known(work: Work, kind: type[AggregateT], stream_id: UUID) -> AggregateT | None:
    try:
        return await work.load(kind, stream_id)
    except NotFound:
        return None
