"""On the arrivals of a real service desk: as good as is claimed. Skipped where the log isn't at hand."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from supportix.forecasting.calendar import ALWAYS_OPEN, HOUR
from supportix.forecasting.candidates import DEFAULT
from supportix.forecasting.evaluation import roll
from supportix.forecasting.scoring import wape
from supportix.forecasting.series import Series, series_of

LOG = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "incident_event_log.csv.gz"


@pytest.fixture(scope="module")
def arrivals() -> Series:
    if not LOG.is_file():
        pytest.skip("the log of the service desk isn't beside the project")
    opened: dict[str, datetime] = {}
    with gzip.open(LOG, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            opened.setdefault(row["number"], datetime.strptime(row["opened_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC))
    rows = [(at, 1.0) for at in sorted(opened.values())]
    series, _ = series_of(rows, step=HOUR, until=datetime(2016, 5, 30, tzinfo=UTC), calendar=ALWAYS_OPEN)
    return series


def test_the_next_hour_of_the_desk(arrivals: Series) -> None:
    begin = arrivals.position(datetime(2016, 5, 2, tzinfo=UTC))
    names = (*DEFAULT.members, "seasonal_naive")
    rolled = roll(arrivals, ALWAYS_OPEN, begin, len(arrivals), names=names)
    assert len(rolled.actual) == 672
    ours, floor = wape(rolled.actual, rolled.mean_of(DEFAULT)), wape(rolled.actual, rolled.means["seasonal_naive"])
    assert ours is not None
    assert floor is not None
    assert ours <= 0.306
    assert ours < 0.7 * floor
