"""How many contacts will wait: the queue over a horizon, from arrivals, what waits now, and the agents at work."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from supportix.staffing.flow import Start, fluid, paths
from supportix.staffing.work import Arrivals, Work

LEVELS = (0.1, 0.5, 0.9)
PATHS = 200


class QueueForecast(msgspec.Struct, frozen=True, kw_only=True):
    """The queue at the end of each interval."""

    fluid: tuple[float, ...]
    """If all came and was handled exactly as expected: what is certain to be left over."""
    mean: tuple[float, ...]
    """With chance: never much below the fluid, and above it where little is spare."""
    quantiles: Mapping[str, tuple[float, ...]]

    @property
    def length(self) -> int:
        """After the horizon, as whole contacts."""
        return round(self.mean[-1]) if self.mean else 0


def queue_forecast(
    arrivals: Arrivals,
    at_work: Sequence[float],
    work: Work,
    *,
    waiting: float = 0.0,
    in_work: float | None = None,
    seed: int = 0,
) -> QueueForecast:
    """The same for the same seed. `in_work`: contacts that agents hold now; None: as usual with such arrivals.

    Nobody leaves the queue, so where people do, it is too long. Refused: ArrivalsInvalid, WorkInvalid, StaffInvalid.
    """
    start = Start(waiting=waiting, in_work=in_work)
    certain = fluid(arrivals, at_work, work, start).waiting[0, 1:]
    drawn = paths(arrivals, at_work, work, start, count=PATHS, seed=seed).waiting[:, 1:]
    bands = np.quantile(drawn, LEVELS, axis=0)
    return QueueForecast(
        fluid=_told(certain),
        mean=_told(drawn.mean(axis=0)),
        quantiles={f"{level:g}": _told(band) for level, band in zip(LEVELS, bands, strict=True)},
    )


def _told(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> tuple[float, ...]:
    return tuple(round(float(each), 3) for each in values)
