"""A desk's forecasts from its traffic to its log: reckoned for real, in the process that does it."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.projections.read_models import a_runner, catch_up
from tests.scene import ADMIN, START

from supportix.bootstrap import Core
from supportix.domain.calendar import EventKind
from supportix.domain.forecast_day import ForecastIssued, ForecastScored
from supportix.domain.forecast_model import ForecastModelChosen
from supportix.domain.forecast_words import Confidence, Horizon
from supportix.forecasting.messages import Setting
from supportix.forecasting.process import LEASE, Forecasting
from supportix.importing.past_run import import_past
from supportix.projections.traffic_queries import TrafficStep
from supportix.store.committer import Command
from supportix.store.leases import Leases

HOUR = timedelta(hours=1)
WEEKS = 3
NAMES = {"Billing": 24.0, "Returns": 0.6}


def past(folder: Path, until: datetime) -> Path:
    """Hourly counts of three departments that follow the day and the week."""
    chance = random.Random(5)  # noqa: S311 - repeatable, and no secret.
    rows = ["department,begin,arrivals"]
    begin = until - WEEKS * 168 * HOUR
    while begin < until:
        day = 0.2 if begin.weekday() >= 5 else 1.0
        shape = max(0.05, math.sin(math.pi * (begin.hour - 6) / 14)) if 6 <= begin.hour < 20 else 0.05
        for name, level in NAMES.items():
            count = sum(chance.random() < level * day * shape / 400 for _ in range(400))
            rows.append(f"{name},{begin.isoformat()},{count}")
        begin += HOUR
    file = folder / "past.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


class Desk:
    def __init__(self, core: Core, forecasting: Forecasting) -> None:
        self.core, self.forecasting = core, forecasting
        self.now = START

    async def rolls(self, hour: datetime) -> None:
        self.now = hour
        await catch_up(await a_runner(self.core, epoch=1 + await self.core.desk.reading.head()))
        assert await self.forecasting.roll(hour)
        await catch_up(await a_runner(self.core, epoch=1 + await self.core.desk.reading.head()))

    async def closes(self, department_id: UUID, begin: datetime, end: datetime) -> None:
        await self.core.planning.note_event(
            department_id, "stocktaking", EventKind.CLOSURE, begin, end, ADMIN, Command(), at=self.now
        )

    async def facts(self, kind: type) -> list:
        entries = await self.core.desk.reading.after(0, 100_000)
        return [entry.fact for entry in entries if isinstance(entry.fact, kind)]


@pytest.fixture
def desk(run, core, tmp_path) -> Iterator[Desk]:
    fence = run(Leases(core.pool, "the forecaster").acquire(LEASE))
    desk = Desk(core, None)
    setting = Setting(database_url=str(core.pool.conninfo))
    desk.forecasting = Forecasting(core.desk, setting, fence, lambda: desk.now)
    file = past(tmp_path, START)
    run(import_past(core, file, step=TrafficStep.HOUR, time_zone="UTC", create_departments=True, at=START))
    yield desk
    run(desk.forecasting._reckoner.close())


@pytest.mark.timeout(400)
async def test_a_desk_is_forecast_scored_and_its_model_chosen(desk: Desk):
    await desk.rolls(START)
    issued = await desk.facts(ForecastIssued)
    assert len(issued) == 2 * (len(NAMES) + 1)
    days = {fact.department_id: fact for fact in issued if fact.horizon is Horizon.DAY}
    assert {len(fact.steps.means) for fact in days.values()} == {24}
    assert {fact.confidence for fact in days.values()} == {Confidence.NORMAL}
    whole = days.pop(None)
    for place in range(24):
        assert sum(fact.steps.means[place] for fact in days.values()) == pytest.approx(
            whole.steps.means[place], rel=1e-3
        )

    await desk.rolls(START + HOUR)
    scored = [score for fact in await desk.facts(ForecastScored) for score in fact.scores]
    assert {(score.hour, score.lead_hours, score.actual) for score in scored} == {(START, 1, 0)}
    assert len(scored) == len(NAMES) + 1

    billing = max(days, key=lambda department_id: days[department_id].steps.means[3])
    await desk.closes(billing, START + 3 * HOUR, START + 5 * HOUR)
    await desk.rolls(START + 2 * HOUR)
    latest = [fact for fact in await desk.facts(ForecastIssued) if fact.department_id == billing][-1]
    assert (latest.horizon, latest.steps.begin) == (Horizon.DAY, START + 2 * HOUR)
    assert [mean > 0 for mean in latest.steps.means[:4]] == [True, False, False, True], "known within the hour"

    assert await desk.forecasting.tend(START + 2 * HOUR, datetime.max.replace(tzinfo=START.tzinfo))
    chosen = await desk.facts(ForecastModelChosen)
    assert len(chosen) == len(NAMES) + 1
    for fact in chosen:
        assert fact.scores[0].crps <= fact.scores[1].crps
        assert fact.reason
