"""Fits many departments at once: in processes of this machine, or on a Dask cluster."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import msgspec

from supportix.forecasting.calendar import Calendar
from supportix.forecasting.choosing import Choice
from supportix.forecasting.forecaster import Forecaster
from supportix.forecasting.record import Record
from supportix.forecasting.series import Series
from supportix.forecasting.usual import Prior


class Job(msgspec.Struct, frozen=True, eq=False):
    """One department to fit; `key` is whatever its results are to be known by."""

    key: str
    series: Series
    calendar: Calendar
    choice: Choice
    record: Record | None = None
    prior: Prior | None = None
    seed: int = 0


def fit_many(jobs: Iterable[Job], *, workers: int = 1) -> Iterator[tuple[str, Forecaster]]:
    """As they are done. Each worker fits one department at a time, on one core."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(fit_one, job) for job in jobs]):
            yield done.result()


def fit_one(job: Job) -> tuple[str, Forecaster]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        fitted = Forecaster.fit(job.series, job.calendar, job.choice, seed=job.seed, prior=job.prior, record=job.record)
    return job.key, fitted
