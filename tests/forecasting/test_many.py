"""Many departments are fitted in processes of this machine, or on Dask, to the same forecasts."""

import subprocess
import sys

import numpy as np
import pytest
from tests.forecasting.traffic import DAY, counts, series

from supportix.forecasting.batch import Job, fit_many
from supportix.forecasting.calendar import ALWAYS_OPEN
from supportix.forecasting.candidates import Mixture
from supportix.forecasting.choosing import Choice
from supportix.forecasting.forecaster import Forecaster


def jobs(members: tuple[str, ...]) -> list[Job]:
    choice = Choice(mixture=Mixture(members), reason="for the test", confidence="normal", history_hours=0)
    return [Job(str(seed), series(counts(28, seed=seed)), ALWAYS_OPEN, choice) for seed in range(3)]


def test_in_processes() -> None:
    wanted = jobs(("poisson_glm", "boosting"))
    found = dict(fit_many(wanted, workers=2))
    assert found.keys() == {"0", "1", "2"}
    for job in wanted:
        here = Forecaster.fit(job.series, job.calendar, job.choice).forecast(48)
        assert found[job.key].forecast(48).mean == pytest.approx(here.mean, rel=1e-9)


def test_on_dask_by_the_distributed_backend_of_statsforecast() -> None:
    wanted = jobs(("mstl_ets", "poisson_glm"))
    found = dict(fit_many(wanted, workers=2, backend="dask"))
    assert found.keys() == {"0", "1", "2"}
    for job in wanted:
        here, there = Forecaster.fit(job.series, job.calendar, job.choice), found[job.key]
        assert set(there.forecast(1).model.split(" of ")[1].split(", ")) == {"mstl_ets", "poisson_glm"}
        assert there.forecast(48).mean == pytest.approx(here.forecast(48).mean, rel=0.05, abs=0.3)
        there.observe(np.full(30, 4.0))
        assert len(there.forecast(13 * DAY).mean) == 13 * DAY


def test_importing_the_package_does_not_import_statsforecast() -> None:
    code = (
        "import sys, supportix.forecasting.forecaster, supportix.forecasting.batch;"
        "print([each for each in ('statsforecast', 'sklearn', 'pandas', 'dask', 'holidays') if each in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
