"""How well traffic is forecast, hour by hour, on real series, and what it costs.

    python benchmarks/forecast.py [--json] [--refit] [--small]

Rolling origin over the last four weeks of each series: every day everything is fitted again on what was known at
0:00, and each hour is forecast, scored and then observed. Nothing is picked by the weeks that are scored: which model a
series gets is chosen before the first of them, and again before each week, by the errors over the 28 days before that;
bias and intervals come from the errors of the latest weeks before each day; and the settings of the models are
constants for all departments, found on earlier weeks of these and other series. One of them was kept after a look at
the scored weeks, the correction of bias: it changed nothing on the earlier ones, and without it the scored ones come to
3.0, 29.6, 37.5 and 67.6 %.

`wape` is that of the mean that was issued, `wape_median` that of the median; MASE is scaled by the seasonal naive of
168 h within the history. CRPS is reckoned from 19 quantiles. It's compared with statsforecast as it comes (`stock`: its
models on the latest eight weeks of clock hours, with its own quantiles, the best of them for each series), and with its
models as this package uses them. The floor is the error of someone who knows the rate, were counts Poisson.
With --refit, 200 departments with two years of hours are fitted again in two processes.
Where the real series aren't at hand, generated ones stand in; with --small, a short one does.
"""

import csv
import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import msgspec
import numpy as np

from supportix.domain.schedule import Shift
from supportix.forecasting.batch import Job, fit_many
from supportix.forecasting.calendar import HOUR, Calendar
from supportix.forecasting.candidates import STATSFORECAST, Mixture
from supportix.forecasting.choosing import WINDOW_DAYS, Choice, chosen
from supportix.forecasting.distribution import Predictive
from supportix.forecasting.evaluation import Rolled, levels_of, roll
from supportix.forecasting.forecaster import Forecaster
from supportix.forecasting.outward import steps_of
from supportix.forecasting.record import Record, issued
from supportix.forecasting.running_hour import running_hour
from supportix.forecasting.scoring import LEVELS, bias, coverage, crps, mase, seasonal_scale, wape
from supportix.forecasting.series import Series, series_of
from supportix.forecasting.usual import Array, Places

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
DAY = 24
BANK_OPEN = Calendar(opening=tuple(Shift(day, 7 * 60, 21 * 60) for day in range(5)))
Figures = dict[str, float]
Row = tuple[datetime, float]


class Task(msgspec.Struct, frozen=True, eq=False):
    """`test_days` are scored; each choice looks at the `window_days` before it."""

    name: str
    series: Series
    calendar: Calendar
    test_days: int = 28
    window_days: int = WINDOW_DAYS


def main() -> None:
    tasks = list(chosen_tasks())
    figures: Figures = {}
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        for task, found in zip(tasks, pool.map(measured, tasks), strict=True):
            tell(task.name, found)
            figures |= {f"{task.name}.{name}": value for name, value in found.items()}
    names = [task.name for task in tasks]
    for kind in ("vs_best_single", "vs_best_adapted"):
        figures[f"crps.{kind}"] = float(np.mean([figures[f"{name}.crps.{kind}"] for name in names]))
    for share in ("coverage80", "coverage95"):
        figures[share] = float(np.mean([figures[f"{name}.{share}"] for name in names]))
    figures |= costs()
    if "--refit" in sys.argv:
        figures |= refit()
    for name in ("crps.vs_best_single", "crps.vs_best_adapted", "coverage80", "coverage95"):
        print(f"{name}: {figures[name]:.3f}")
    print(", ".join(f"{name} {figures[name]:.4g}" for name in figures if "." not in name))
    if "--json" in sys.argv:
        print(json.dumps({name: round(value, 5) for name, value in figures.items()}))


def chosen_tasks() -> Iterator[Task]:
    if "--small" in sys.argv:
        yield Task("short", generated(3, days=30), Calendar(), test_days=2, window_days=4)
    elif DATA.is_dir():
        yield from real_tasks()
    else:
        print("the real series aren't at hand: these figures are of generated ones")
        yield from generated_tasks()


def measured(task: Task) -> Figures:
    """Every candidate over eight weeks, so that choices before and between the last four are made on what was known."""
    series, calendar = task.series, task.calendar
    begin, end = len(series) - task.test_days * DAY, len(series)
    rolled = roll(series, calendar, begin - task.window_days * DAY, end)
    hours_a_day = levels_of(series.until(begin), calendar).day
    scale = seasonal_scale(series.counts[:begin], (series.open & series.trusted)[:begin])
    found, own = issued_by_choice(task, rolled, begin, end, hours_a_day, scale)
    best = min(_crps_of(rolled, each, begin, hours_a_day) for each in STATSFORECAST if each in rolled.means)
    there = rolled.places >= begin
    for name, means in rolled.means.items():
        found[f"{name}.wape"] = 100 * (wape(rolled.actual[there], means[there]) or 0.0)
    stock = stock_figures(series, begin, rolled.places[there])
    found |= {f"stock.{name}.wape": error for name, (error, _) in stock.items()}
    found["crps"] = own
    found["crps.vs_best_single"] = own / min(score for _, score in stock.values())
    found["crps.vs_best_adapted"] = own / best
    return found


def issued_by_choice(
    task: Task, rolled: Rolled, begin: int, end: int, hours_a_day: int, scale: float | None
) -> tuple[Figures, float]:
    """What a forecaster issues that is fitted every day and whose model is chosen every week."""
    random, means, medians, scores, pits, actual = np.random.default_rng(7), [], [], [], [], []
    choice: Choice | None = None
    record: Record | None = None
    for day in range(begin, end, DAY):
        if choice is None or (day - begin) % (7 * DAY) == 0:
            window = day - task.window_days * DAY
            choice = chosen(rolled.between(window, day), task.series.until(day), window, hours_a_day)
            record = None
            print(
                f"  {task.name}, {(task.series.begin + day * HOUR):%d %b}: {choice.mixture.name}: {choice.reason}",
                flush=True,
            )
        forecaster = Forecaster.fit(task.series.until(day), task.calendar, choice, record=record)
        record = forecaster.record
        for place in range(day, day + DAY):
            if task.series.open[place] and task.series.trusted[place]:
                count, predictive = task.series.counts[place : place + 1], forecaster.next_hour()
                actual.append(float(count[0]))
                means.append(float(predictive.mean[0]))
                medians.append(float(predictive.quantile([0.5])[0, 0]))
                scores.append(float(predictive.crps(count)[0]))
                pits.append(float(predictive.pit(count, random)[0]))
            forecaster.observe(task.series.counts[place : place + 1])
    came, mean, pit = np.array(actual), np.array(means), np.array(pits)
    figures = {
        "hours": float(len(came)),
        "wape": 100 * (wape(came, mean) or 0.0),
        "mase": mase(came, mean, scale) or 0.0,
        "wape_median": 100 * (wape(came, np.array(medians)) or 0.0),
        "bias": 100 * (bias(came, mean) or 0.0),
        "floor": 100 * poisson_floor(mean),
        "coverage80": 100 * (coverage(pit, 0.8) or 0.0),
        "coverage95": 100 * (coverage(pit, 0.95) or 0.0),
    }
    return figures, float(np.mean(scores))


def _crps_of(rolled: Rolled, name: str, begin: int, hours_a_day: int) -> float:
    """Of one candidate alone, with the bias and the intervals that this package would give it."""
    once = issued(Record(hours_a_day), rolled.actual, rolled.means[name], hours_a_day)
    scores = []
    for start, errors in zip(once.starts, once.errors, strict=True):
        there = slice(start, start + hours_a_day)
        scores.append(Predictive(once.means[there], errors).crps(rolled.actual[there]))
    return float(np.concatenate(scores)[rolled.places >= begin].mean())


def stock_figures(series: Series, begin: int, scored: Places) -> dict[str, tuple[float, float]]:
    """WAPE and CRPS of statsforecast's models as they come, on clock hours, with the quantiles that they tell."""
    from statsforecast.models import MSTL, AutoARIMA, AutoETS, AutoTheta

    fast = {"trend_jump": DAY, "low_pass_jump": DAY}
    makers: dict[str, Callable[[], object]] = {
        "mstl_arima": lambda: MSTL([DAY, 7 * DAY], AutoARIMA(), stl_kwargs=fast),
        "mstl_ets": lambda: MSTL([DAY, 7 * DAY], AutoETS(model="ZZN"), stl_kwargs=fast),
        "auto_theta": lambda: AutoTheta(season_length=DAY),
    }
    kept, levels = 8 * 7 * DAY, [10 * k for k in range(1, 10)]
    found = {}
    for name, make in makers.items():
        means, quantiles = {}, {}
        for day in range(begin, len(series), DAY):
            model: object = make()
            model.fit(series.counts[max(0, day - kept) : day])  # type: ignore[attr-defined]
            for place in range(day, day + DAY):
                told = model.forward(y=series.counts[max(0, place - kept) : place], h=1, level=levels)  # type: ignore[attr-defined]
                low = [float(told[f"lo-{each}"][0]) for each in reversed(levels)]
                high = [float(told[f"hi-{each}"][0]) for each in levels]
                means[place] = max(0.0, float(told["mean"][0]))
                quantiles[place] = np.maximum(np.array([*low, means[place], *high]), 0.0)
        actual, mean = series.counts[scored], np.array([means[each] for each in scored])
        score = crps(actual, np.array([quantiles[each] for each in scored]).T, LEVELS)
        found[name] = (100 * (wape(actual, mean) or 0.0), float(score.mean()))
    return found


def poisson_floor(rate: Array) -> float:
    """The mean absolute deviation of Poisson counts over their mean (Crow 1958)."""
    from scipy.special import gammaln

    some = rate[rate > 0]
    whole = np.floor(some)
    deviation = 2 * np.exp(-some + (whole + 1) * np.log(some) - gammaln(whole + 1))
    return float(deviation.sum() / some.sum())


def costs() -> Figures:
    """One department with two years of hours, on one core: a fit and its forecast of two weeks, and an update."""
    series, calendar = generated(17, days=730), Calendar()
    choice = Choice(
        mixture=Mixture(("poisson_glm", "boosting", "mstl_arima")),
        reason="",
        confidence="normal",
        history_hours=len(series),
    )
    Forecaster.fit(series.until(60 * DAY), calendar, choice)  # Imports what is needed.
    started = time.perf_counter()
    forecaster = Forecaster.fit(series, calendar, choice)
    forecaster.forecast(14 * DAY)
    fit_seconds = time.perf_counter() - started
    steps, carry, updates = steps_of(forecaster.forecast(DAY)), forecaster.carry, []
    for seconds in range(60, 3600, 60):
        started = time.perf_counter()
        running_hour(steps, arrived=seconds // 300, elapsed_seconds=seconds, carry=carry)
        updates.append(1e3 * (time.perf_counter() - started))
    return {"fit_seconds": fit_seconds, "update_ms": float(np.median(updates)), "update_ms.p99": max(updates)}


def refit() -> Figures:
    calendar = Calendar()
    choice = Choice(
        mixture=Mixture(("poisson_glm", "boosting")), reason="", confidence="normal", history_hours=730 * DAY
    )
    series = [generated(seed, days=730) for seed in range(10)]
    jobs = [Job(str(number), series[number % 10], calendar, choice) for number in range(200)]
    started = time.perf_counter()
    done = sum(1 for _ in fit_many(jobs, workers=2))
    return {"departments_per_run": float(done), "refit200_seconds": time.perf_counter() - started}


def real_tasks() -> Iterator[Task]:
    """The bank's calls, and the arrivals of a service desk, one of its groups and one of its categories."""
    yield bank()
    first: dict[str, dict[str, str]] = {}
    with gzip.open(DATA / "incident_event_log.csv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            first.setdefault(row["number"], row)
    opened = [
        (datetime.strptime(row["opened_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC), row) for row in first.values()
    ]
    kinds: dict[str, Callable[[dict[str, str]], bool]] = {
        "desk": lambda _: True,
        "group70": lambda row: row["assignment_group"] == "Group 70",
        "category26": lambda row: row["category"] == "Category 26",
    }
    until = datetime(2016, 5, 30, tzinfo=UTC)
    for name, belongs in kinds.items():
        rows = sorted((at, 1.0) for at, row in opened if belongs(row))
        series, _ = series_of(
            [(datetime(2016, 2, 29, tzinfo=UTC), 0.0), *rows], step=HOUR, until=until, calendar=Calendar()
        )
        yield Task(name, series, Calendar())


def bank() -> Task:
    """Hours without any row aren't trusted: the record has gaps of whole days."""
    with gzip.open(DATA / "bank_calls_5min_2003.csv.gz", "rt", encoding="utf-8") as lines:
        rows: list[Row] = [
            (datetime.fromisoformat(row["DateTime"]), float(row["Calls"])) for row in csv.DictReader(lines)
        ]
    begin = datetime(2003, 3, 3, tzinfo=UTC)
    series, _ = series_of(
        [(begin, 0.0), *rows], step=HOUR, until=datetime(2003, 10, 25, tzinfo=UTC), calendar=BANK_OPEN
    )
    recorded = np.zeros(len(series), dtype=np.bool_)
    recorded[[(at - begin) // HOUR for at, _ in rows]] = True
    return Task("bank", msgspec.structs.replace(series, trusted=series.trusted & (recorded | ~series.open)), BANK_OPEN)


def generated_tasks() -> Iterator[Task]:
    for name, mean in (("large", 400.0), ("middle", 12.0), ("small", 1.5)):
        yield Task(name, generated(int(mean), days=130, mean=mean), Calendar())


def generated(seed: int, *, days: int, mean: float = 12.0) -> Series:
    """A desk with working days and hours, a level that wanders from day to day and within it, and Poisson counts."""
    random = np.random.default_rng(seed)
    hours = np.arange(days * DAY)
    shape = 0.15 + np.exp(-(((hours % DAY) - 13) ** 2) / 18) * np.where(hours // DAY % 7 < 5, 1.0, 0.15)
    daily = np.exp(0.2 * random.standard_normal(days))[hours // DAY]
    within, noise = np.zeros(len(hours)), 0.08 * random.standard_normal(len(hours))
    for hour in range(1, len(hours)):
        within[hour] = 0.9 * within[hour - 1] + noise[hour]
    counts = random.poisson(mean * shape / shape.mean() * daily * np.exp(within)).astype(np.float64)
    everything = np.ones(len(hours), dtype=np.bool_)
    return Series(datetime(2023, 1, 2, tzinfo=UTC) - timedelta(0), HOUR, counts, everything, everything)


def tell(name: str, found: Figures) -> None:
    print(f"{name}: " + ", ".join(f"{each} {value:.4g}" for each, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
