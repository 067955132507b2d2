"""Many departments on a Dask cluster. Needs the extra `dask`."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np

from supportix.forecasting.batch import Job, fit_one
from supportix.forecasting.evaluation import levels_of
from supportix.forecasting.forecaster import Forecaster
from supportix.forecasting.levels import AHEAD
from supportix.forecasting.statistical import DISTRIBUTED, roots_of
from supportix.forecasting.usual import Array

Ready = dict[str, dict[str, Array]]
"""By job and candidate: the roots forecast for the regular hours ahead."""


def fit_on_dask(jobs: Sequence[Job], workers: int, address: str | None) -> Iterator[tuple[str, Forecaster]]:
    """As they are done. Without an address, on a cluster of this machine that ends with the call."""
    from dask.distributed import Client, LocalCluster
    from dask.distributed import as_completed as as_done

    with ExitStack() as stack:
        cluster: object = address
        if address is None:
            cluster = stack.enter_context(LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None))
        client = stack.enter_context(Client(cluster))
        ready = _statistical_paths(jobs, workers)
        tasks = [client.submit(fit_one, job, ready.get(job.key), pure=False) for job in jobs]
        for done in as_done(tasks):
            yield done.result()


def _statistical_paths(jobs: Sequence[Job], partitions: int) -> Ready:
    """All series of the same seasons and the same model go through statsforecast together."""
    together: dict[tuple[str, int, int], list[tuple[str, Array]]] = defaultdict(list)
    for job in jobs:
        wanted = [each for each in job.choice.mixture.members if each in DISTRIBUTED]
        if wanted:
            roots, day, week = roots_of(levels_of(job.series.hourly(), job.calendar, job.prior))
            for name in wanted:
                together[name, day, week].append((job.key, roots))
    ready: Ready = defaultdict(dict)
    for (name, day, week), series in together.items():
        for key, path in _forecast(name, day, week, series, partitions):
            ready[key][name] = path
    return dict(ready)


def _forecast(
    name: str, day: int, week: int, series: Sequence[tuple[str, Array]], partitions: int
) -> Iterator[tuple[str, Array]]:
    import dask.dataframe as dd
    import pandas as pd
    from statsforecast import StatsForecast

    rows = pd.concat(
        [pd.DataFrame({"unique_id": key, "ds": np.arange(len(roots)), "y": roots}) for key, roots in series]
    )
    frame = dd.from_pandas(rows, npartitions=min(partitions, len(series)), sort=False)
    found = StatsForecast(models=[DISTRIBUTED[name](day, week)], freq=1).forecast(df=frame, h=AHEAD).compute()
    model = next(each for each in found.columns if each not in {"unique_id", "ds"})
    for key, path in found.sort_values("ds").groupby("unique_id"):
        yield str(key), path[model].to_numpy(dtype=np.float64)
