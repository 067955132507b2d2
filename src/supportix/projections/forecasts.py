"""Forecasts as they were issued, what became of them, and the models behind them. Consumes events of both."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from supportix.domain.forecast_day import ForecastDay, ForecastIssued, ForecastScored, ForecastUpdated
from supportix.domain.forecast_model import (
    ForecastChoiceAsked,
    ForecastDriftFound,
    ForecastDriftPassed,
    ForecastModel,
    ForecastModelChosen,
)
from supportix.domain.forecast_words import DESK_ID, Horizon, HourScore
from supportix.projections.rows import LIVE, Connection, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

forecasts = Table(
    "forecasts",
    metadata,
    Column("forecast_id", Uuid, primary_key=True),
    Column("department_id", Uuid, nullable=False),
    Column("horizon", Text, nullable=False),
    Column("begin", DateTime(timezone=True), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("steps", JSONB, nullable=False),
    Column("model", Text, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("based_on", BigInteger, nullable=False),
    Column("carry", Double, nullable=False),
    Column("quarter_shares", JSONB, nullable=False),
    Column("updated", JSONB),
    Column("position", BigInteger, nullable=False),
    Index("ix_forecasts_department_id_horizon_begin", "department_id", "horizon", "begin"),
    schema=LIVE,
)
"""`department_id` is DESK_ID where the whole desk is meant, here and below. `updated`: the last ForecastUpdated."""

forecast_scores = Table(
    "forecast_scores",
    metadata,
    Column("score_id", Uuid, primary_key=True),
    Column("department_id", Uuid, nullable=False),
    Column("hour", DateTime(timezone=True), nullable=False),
    Column("lead_hours", Integer, nullable=False),
    Column("mean", Double, nullable=False),
    Column("actual", Integer, nullable=False),
    Column("pinball", Double, nullable=False),
    Column("rank", Double, nullable=False),
    Column("naive_error", Double),
    Column("level", Double, nullable=False),
    Index("ix_forecast_scores_department_id_lead_hours_hour", "department_id", "lead_hours", "hour"),
    Index("ix_forecast_scores_hour", "hour"),
    schema=LIVE,
)

forecast_models = Table(
    "forecast_models",
    metadata,
    Column("model_id", Uuid, primary_key=True),
    Column("department_id", Uuid, nullable=False),
    Column("model", Text, nullable=False),
    Column("members", JSONB, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("scores", JSONB, nullable=False),
    Column("evaluated_from", DateTime(timezone=True)),
    Column("evaluated_until", DateTime(timezone=True)),
    Column("settings", Text, nullable=False),
    Column("chosen_at", DateTime(timezone=True), nullable=False),
    Column("times_chosen", Integer, nullable=False),
    Column("choice_asked", Boolean, nullable=False),
    Column("drifted", Boolean, nullable=False),
    Column("drift_reason", Text, nullable=False),
    Column("drift_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Index("ix_forecast_models_department_id", "department_id", unique=True),
    schema=LIVE,
)

Json = dict[str, Any]

KEPT_FORECASTS = 500
"""Only those of the running hour change, and one of a fortnight takes a hundred KiB."""


class ForecastRow(msgspec.Struct):
    forecast_id: UUID
    department_id: UUID
    horizon: str
    begin: datetime
    issued_at: datetime
    steps: Json
    model: str
    confidence: str
    reason: str
    based_on: int
    carry: float
    quarter_shares: list[float]
    updated: Json | None
    position: int


class ScoreRow(msgspec.Struct):
    score_id: UUID
    department_id: UUID
    hour: datetime
    lead_hours: int
    mean: float
    actual: int
    pinball: float
    rank: float
    naive_error: float | None
    level: float


class ModelRow(msgspec.Struct):
    model_id: UUID
    department_id: UUID
    model: str
    members: list[str]
    confidence: str
    reason: str
    scores: list[Json]
    evaluated_from: datetime | None
    evaluated_until: datetime | None
    settings: str
    chosen_at: datetime
    times_chosen: int
    choice_asked: bool
    drifted: bool
    drift_reason: str
    drift_at: datetime | None
    version: int


class Forecasts:
    """Keeps the tables `forecasts`, `forecast_scores` and `forecast_models`."""

    name = "forecasts"
    tables = (forecasts, forecast_scores, forecast_models)
    subjects = (ForecastDay, ForecastModel)

    def __init__(self, schema: str = LIVE) -> None:
        self._forecasts = Rows(forecasts, ForecastRow, schema, kept=KEPT_FORECASTS)
        self._scores = Rows(forecast_scores, ScoreRow, schema, kept=0)
        self._models = Rows(forecast_models, ModelRow, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        """Scores are never changed, so none is read."""
        await self._forecasts.fetch(connection, _updated(entries))
        await self._models.fetch(connection, stream_ids(entries, ForecastModel))

    def fold(self, entry: LogEntry) -> None:
        match entry.fact:
            case ForecastIssued() as issued:
                self._forecasts.put(_issued(entry, issued))
            case ForecastUpdated() as updated:
                self._update(entry, updated)
            case ForecastScored(department_id=department_id, scores=scores):
                for score in scores:
                    self._scores.put(_scored(entry.stream_id, department_id or DESK_ID, score))
            case ForecastModelChosen() as chosen:
                self._models.put(_chosen(entry, chosen, self._models.get(entry.stream_id)))
            case ForecastDriftFound() | ForecastDriftPassed() | ForecastChoiceAsked():
                self._change_model(entry)
            case other:
                raise NotImplementedError(f"the read model of forecasts has no rule for {type(other).TOPIC}")

    async def write(self, connection: Connection) -> None:
        await self._forecasts.write(connection)
        await self._scores.write(connection)
        await self._models.write(connection)

    def _update(self, entry: LogEntry, fact: ForecastUpdated) -> None:
        row = self._forecasts.get(forecast_id(entry.stream_id, Horizon.DAY, fact.steps.begin))
        if row is None:
            raise LookupError(f"no forecast of {fact.steps.begin} was issued that could be updated")
        row.updated = {
            "steps": msgspec.to_builtins(fact.steps),
            "arrived": fact.arrived,
            "elapsed_seconds": fact.elapsed_seconds,
            "at": fact.occurred_at.isoformat(),
        }
        row.position = entry.position
        self._forecasts.put(row)

    def _change_model(self, entry: LogEntry) -> None:
        row = self._models.get(entry.stream_id)
        if row is None:
            raise LookupError(f"no model was chosen in stream {entry.stream_id} before")
        match entry.fact:
            case ForecastChoiceAsked():
                row.choice_asked = True
            case ForecastDriftFound(reason=reason):
                row.drifted, row.drift_reason, row.drift_at = True, reason, entry.fact.occurred_at
            case ForecastDriftPassed():
                row.drifted, row.drift_reason, row.drift_at = False, "", entry.fact.occurred_at
        row.version = entry.version
        self._models.put(row)


def forecast_id(stream_id: UUID, horizon: Horizon, begin: datetime) -> UUID:
    """Names a forecast by its stream, and by what it is of."""
    return uuid5(stream_id, f"{horizon} from {begin.timestamp():.0f}")


def _updated(entries: list[LogEntry]) -> Iterator[UUID]:
    """The forecasts that these entries update."""
    for entry in entries:
        if isinstance(entry.fact, ForecastUpdated):
            yield forecast_id(entry.stream_id, Horizon.DAY, entry.fact.steps.begin)


def _issued(entry: LogEntry, fact: ForecastIssued) -> ForecastRow:
    return ForecastRow(
        forecast_id=forecast_id(entry.stream_id, fact.horizon, fact.steps.begin),
        department_id=fact.department_id or DESK_ID,
        horizon=fact.horizon,
        begin=fact.steps.begin,
        issued_at=fact.occurred_at,
        steps=msgspec.to_builtins(fact.steps),
        model=fact.model,
        confidence=fact.confidence,
        reason=fact.reason,
        based_on=fact.based_on,
        carry=fact.carry,
        quarter_shares=[*fact.quarter_shares],
        updated=None,
        position=entry.position,
    )


def _scored(stream_id: UUID, department_id: UUID, score: HourScore) -> ScoreRow:
    return ScoreRow(
        score_id=uuid5(stream_id, f"{score.hour.timestamp():.0f} ahead {score.lead_hours}"),
        department_id=department_id,
        hour=score.hour,
        lead_hours=score.lead_hours,
        mean=score.mean,
        actual=score.actual,
        pinball=score.pinball,
        rank=score.rank,
        naive_error=score.naive_error,
        level=score.level,
    )


def _chosen(entry: LogEntry, fact: ForecastModelChosen, before: ModelRow | None) -> ModelRow:
    """Whether another model mends a drift, the next hours will tell; so that stands as it did."""
    return ModelRow(
        model_id=entry.stream_id,
        department_id=fact.department_id or DESK_ID,
        model=fact.model,
        members=[*fact.members],
        confidence=fact.confidence,
        reason=fact.reason,
        scores=[msgspec.to_builtins(each) for each in fact.scores],
        evaluated_from=fact.evaluated_from,
        evaluated_until=fact.evaluated_until,
        settings=fact.settings,
        chosen_at=fact.occurred_at,
        times_chosen=before.times_chosen + 1 if before else 1,
        choice_asked=False,
        drifted=before.drifted if before else False,
        drift_reason=before.drift_reason if before else "",
        drift_at=before.drift_at if before else None,
        version=entry.version,
    )
