"""What the forecasting process and the process that reckons for it say to each other: a line of JSON each."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from supportix.domain.forecast_model import Drift
from supportix.domain.forecast_words import CandidateScore, Confidence, Horizon, HourScore, Steps

LONGEST_LINE = 64 * 1024 * 1024


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """How to reckon. `backend`: `local`, `dask` for a cluster of its own, or the address of a Dask scheduler."""

    database_url: str
    workers: int = 1
    backend: str = "local"


class Issue(msgspec.Struct, frozen=True, tag="issue"):
    """Reckon all forecasts from this hour on, and what became of earlier ones. Earlier hours have been counted."""

    hour: datetime


class Tend(msgspec.Struct, frozen=True, tag="tend"):
    """Fit again what is due, and choose models anew where that is due; until then, the rest another time."""

    hour: datetime
    until: datetime


Ask = Issue | Tend


class Told(msgspec.Struct, frozen=True, tag="told"):
    """How far it is."""

    stage: str
    done: int
    total: int


class ToIssue(msgspec.Struct, frozen=True, kw_only=True, tag="issue"):
    """A forecast to be issued; `department_id` None: the desk's."""

    department_id: UUID | None
    horizon: Horizon
    steps: Steps
    model: str
    confidence: Confidence
    reason: str
    carry: float
    quarter_shares: tuple[float, ...] = ()


class ToScore(msgspec.Struct, frozen=True, kw_only=True, tag="score"):
    """Hours that have ended, against the forecasts that were issued on that day."""

    department_id: UUID | None
    day: date
    scores: tuple[HourScore, ...]


class ToChoose(msgspec.Struct, frozen=True, kw_only=True, tag="choose"):
    """The model that a series is forecast by from now on."""

    department_id: UUID | None
    model: str
    members: tuple[str, ...]
    confidence: Confidence
    reason: str
    scores: tuple[CandidateScore, ...]
    evaluated: tuple[datetime, datetime] | None
    settings: str


class ToTellDrift(msgspec.Struct, frozen=True, kw_only=True, tag="drift"):
    """What a look at the latest scores has found of the model in use."""

    department_id: UUID | None
    drift: Drift


class Read(msgspec.Struct, frozen=True, tag="read"):
    """Comes first. `position`: that of the log which the counts are true for."""

    position: int


class Reckoned(msgspec.Struct, frozen=True, tag="reckoned"):
    """Comes last: all is told."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It came to nothing."""

    why: str


ToSave = ToIssue | ToScore | ToChoose | ToTellDrift
Message = Read | ToSave | Told | Reckoned | Failed
