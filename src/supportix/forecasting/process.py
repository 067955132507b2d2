"""The forecaster: issues the forecasts of each hour as it begins, scores those that have ended, and lets the arrivals
of the running hour change its forecast.

Reads the read models of traffic and forecasts; the reckoning is done in a process of its own. What it emits is in
`keeping`. Each forecast is issued once, whoever holds the lease.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from supportix.commands.desk import SupportDesk
from supportix.domain.forecast_words import hour_of
from supportix.forecasting.advising import advise_all
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.messages import Ask, Failed, Issue, Read, Setting, Tend, Told, ToSave
from supportix.forecasting.reckoner import JOB, Reckoner
from supportix.forecasting.running_forecasts import RunningForecasts
from supportix.forecasting.settling import settled
from supportix.projections.forecasts import Forecasts
from supportix.projections.traffic_history import TrafficHistory
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost

LEASE = "forecasting"
HOUR = timedelta(hours=1)
GRACE = timedelta(seconds=2)
"""How long after the hour its arrivals are taken to be in the log: clocks of several machines differ a little."""
SPARE = timedelta(minutes=5)
"""So long before the hour ends, nothing more is begun that takes its time."""
LOOK_SECONDS = 0.8
"""Arrivals of the running hour are looked at no more often than this."""
RETRY_SECONDS = 300.0
SAVED_TOGETHER = 64

_TRAFFIC = "SELECT EXISTS (SELECT FROM read_model.traffic_history)"
_READ_FROM = (TrafficHistory.name, Forecasts.name)

_log = structlog.get_logger(__name__)


class Forecasting:
    """The one who forecasts, as long as it holds the lease."""

    def __init__(
        self,
        desk: SupportDesk,
        setting: Setting,
        fence: Fence,
        clock: Callable[[], datetime],
        program: Sequence[str] = JOB,
    ) -> None:
        self._desk = desk
        self._fence = fence
        self._clock = clock
        self._keeping = Keeping(desk, clock, fence)
        self._reckoner = Reckoner(setting, program)
        self._running = RunningForecasts(desk.pool, self._keeping, clock)

    async def run(self) -> None:
        """Forecast until cancelled. Raises LeaseLost when another owner has taken over."""
        try:
            while True:
                hour = hour_of(self._clock())
                issued = await self.roll(hour)
                again = hour + HOUR if issued else self._clock() + timedelta(seconds=RETRY_SECONDS)
                await self._until_the_next(hour, min(again, hour + HOUR) + GRACE, tending=issued)
        finally:
            await self._reckoner.close()

    async def _until_the_next(self, hour: datetime, until: datetime, *, tending: bool) -> None:
        """Follow the arrivals of the hour, and beside it fit again and choose models where that is due."""
        with _lease_lost_by_itself():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(hour, until))
                if tending:
                    group.create_task(advise_all(self._desk, self._fence, self._clock, hour))
                    group.create_task(self.tend(hour, until - SPARE))

    async def tend(self, hour: datetime, until: datetime) -> bool:
        """Fit again and choose models where that is due, until then. False where that failed."""
        return await self._needs_forecasts() and await self._save_all(Tend(hour, until))

    async def roll(self, hour: datetime) -> bool:
        """Issue the forecasts from this hour on and score those that ended before it. False where that failed.

        A desk without any traffic needs none. Raises LeaseLost.
        """
        await settled(self._desk, _READ_FROM)
        return not await self._needs_forecasts() or await self._save_all(Issue(hour))

    async def _needs_forecasts(self) -> bool:
        async with self._desk.pool.connection() as connection:
            row = await (await connection.execute(_TRAFFIC)).fetchone()
        return row is not None and bool(row[0])

    async def _save_all(self, ask: Ask) -> bool:
        """Save what is reckoned as it comes, several things at a time. False where the reckoning failed."""
        saving: set[asyncio.Task[object]] = set()
        position, recorded = 0, 0
        with _lease_lost_by_itself():
            async with asyncio.TaskGroup() as group:
                async for message in self._reckoner.ask(ask):
                    match message:
                        case Read(position=position):
                            pass
                        case Failed(why=why):
                            _log.error("forecasts not reckoned", hour=ask.hour.isoformat(), why=why)
                            return False
                        case Told():
                            pass
                        case _ if isinstance(message, ToSave):
                            recorded += 1
                            saving.add(group.create_task(self._keeping.save(message, position)))
                            if len(saving) >= SAVED_TOGETHER:
                                _, saving = await asyncio.wait(saving, return_when=asyncio.FIRST_COMPLETED)
        _log.info("forecasts reckoned", hour=ask.hour.isoformat(), messages=recorded, position=position)
        return True

    async def _follow(self, hour: datetime, until: datetime) -> None:
        """Let arrivals change the forecasts of this hour, until then."""
        await settled(self._desk, _READ_FROM)
        await self._running.begin(hour)
        while (left := (until - self._clock()).total_seconds()) > 0:
            await self._running.look()
            await asyncio.sleep(min(left, LOOK_SECONDS))


@contextmanager
def _lease_lost_by_itself() -> Iterator[None]:
    """The worker doesn't look for it in a group of faults."""
    try:
        yield
    except ExceptionGroup as faults:
        if faults.subgroup(LeaseLost) is None:
            raise
        raise LeaseLost(f"lease {LEASE!r} has another owner") from faults
