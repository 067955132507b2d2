"""The forecaster: issues the forecasts of each hour as it begins, scores those that have ended, and lets the arrivals
of the running hour change its forecast.

Reads the read models of traffic and forecasts; the reckoning is done in a process of its own. What it emits is in
`keeping`. Each forecast is issued once, whoever holds the lease.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from supportix.commands.desk import SupportDesk
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.messages import Ask, Failed, Read, Setting, Told, ToSave
from supportix.forecasting.reckoner import JOB, Reckoner
from supportix.forecasting.running_forecasts import RunningForecasts
from supportix.projections.forecasts import Forecasts
from supportix.projections.traffic_history import TrafficHistory
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost

LEASE = "forecasting"
HOUR = timedelta(hours=1)
GRACE = timedelta(seconds=2)
"""How long after the hour its arrivals are taken to be in the log: clocks of several machines differ a little."""
LOOK_SECONDS = 0.8
"""Arrivals of the running hour are looked at no more often than this."""
RETRY_SECONDS = 300.0
SAVED_TOGETHER = 64

_TRAFFIC = "SELECT EXISTS (SELECT FROM read_model.traffic_history)"
_REACHED = "SELECT coalesce(min(position), 0), count(*) FROM checkpoints WHERE name = ANY(%s)"
_READ_FROM = [TrafficHistory.name, Forecasts.name]

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
        self._clock = clock
        self._keeping = Keeping(desk, clock, fence)
        self._reckoner = Reckoner(setting, program)
        self._running = RunningForecasts(desk.pool, self._keeping, clock)

    async def run(self) -> None:
        """Forecast until cancelled. Raises LeaseLost when another owner has taken over."""
        try:
            while True:
                hour = hour_of(self._clock())
                again = hour + HOUR if await self.roll(hour) else self._clock() + timedelta(seconds=RETRY_SECONDS)
                await self._follow(hour, min(again, hour + HOUR) + GRACE)
        finally:
            await self._reckoner.close()

    async def roll(self, hour: datetime) -> bool:
        """Issue the forecasts from this hour on and score those that ended before it. False where that failed.

        A desk without any traffic needs none. Raises LeaseLost.
        """
        await self._settled()
        async with self._desk.pool.connection() as connection:
            row = await (await connection.execute(_TRAFFIC)).fetchone()
        if row is None or not row[0]:
            return True
        try:
            return await self._issue(hour)
        except ExceptionGroup as faults:  # In which the worker would not find that the lease is gone.
            if faults.subgroup(LeaseLost) is None:
                raise
            raise LeaseLost(f"lease {LEASE!r} has another owner") from faults

    async def _issue(self, hour: datetime) -> bool:
        """Save what is reckoned as it comes, several things at a time."""
        saving: set[asyncio.Task[object]] = set()
        position, recorded = 0, 0
        async with asyncio.TaskGroup() as group:
            async for message in self._reckoner.ask(Ask(hour)):
                match message:
                    case Read(position=position):
                        pass
                    case Failed(why=why):
                        _log.error("forecasts not reckoned", hour=hour.isoformat(), why=why)
                        return False
                    case Told():
                        pass
                    case _ if isinstance(message, ToSave):
                        recorded += 1
                        saving.add(group.create_task(self._keeping.save(message, position)))
                        if len(saving) >= SAVED_TOGETHER:
                            _, saving = await asyncio.wait(saving, return_when=asyncio.FIRST_COMPLETED)
        _log.info("forecasts issued", hour=hour.isoformat(), messages=recorded, position=position)
        return True

    async def _settled(self) -> None:
        """Wait until the read models hold all that stands in the log now."""
        head = await self._desk.reading.head()
        while True:
            async with self._desk.pool.connection() as connection:
                row = await (await connection.execute(_REACHED, (_READ_FROM,))).fetchone()
            if row is not None and row[1] == len(_READ_FROM) and row[0] >= head:
                return
            await asyncio.sleep(0.05)

    async def _follow(self, hour: datetime, until: datetime) -> None:
        """Let arrivals change the forecasts of this hour, until then."""
        await self._settled()
        await self._running.begin(hour)
        while (left := (until - self._clock()).total_seconds()) > 0:
            await self._running.look()
            await asyncio.sleep(min(left, LOOK_SECONDS))


def hour_of(moment: datetime) -> datetime:
    """The begin of the UTC hour in which a moment lies."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
