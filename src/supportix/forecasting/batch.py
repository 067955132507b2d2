"""Fits many departments at once: in processes of this machine, or on a Dask cluster.

On Dask the models of statsforecast are fitted by its own distributed backend (Fugue), one task a series, and everything
else as tasks beside them. From there those models come back as paths of two weeks, which aren't moved by the hours
observed until the next fit; the other members are.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Literal

import msgspec

from supportix.forecasting.calendar import Calendar
from supportix.forecasting.choosing import Choice
from supportix.forecasting.forecaster import Forecaster
from supportix.forecasting.record import Record
from supportix.forecasting.series import Series
from supportix.forecasting.usual import Array, Prior


class Job(msgspec.Struct, frozen=True, eq=False):
    """One department to fit; `key` is what its results are known by."""

    key: str
    series: Series
    calendar: Calendar
    choice: Choice
    record: Record | None = None
    prior: Prior | None = None
    seed: int = 0


def fit_many(
    jobs: Iterable[Job], *, workers: int, backend: Literal["local", "dask"] = "local", cluster: str | None = None
) -> Iterator[tuple[str, Forecaster]]:
    """As they are done; each on one core. `cluster`: the address of a Dask scheduler; None starts one here."""
    if backend == "dask":
        from supportix.forecasting.distributed import fit_on_dask

        yield from fit_on_dask(list(jobs), workers, cluster)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(fit_one, job) for job in jobs]):
            yield done.result()


def fit_one(job: Job, ready: dict[str, Array] | None = None) -> tuple[str, Forecaster]:
    """`ready`: paths of roots that were forecast elsewhere, by candidate."""
    fitted = Forecaster.fit(
        job.series, job.calendar, job.choice, seed=job.seed, prior=job.prior, record=job.record, ready=ready
    )
    return job.key, fitted
