"""Figures of forecasts for Prometheus: what is expected, how well the last weeks were met, and which models drift."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily

from supportix.domain.forecast_words import DESK, DESK_ID
from supportix.projections.forecast_queries import LatestForecast


class ForecastFigures:
    """Of each series that has a forecast, as they were when asked for; `department` is an id, or `desk` for all."""

    def __init__(self, latest: Sequence[LatestForecast]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[GaugeMetricFamily]:
        expected = _family("forecast_arrivals", "Tickets expected in the hour that was forecast last, on average.")
        arrived = _family("forecast_arrived", "Tickets that have arrived in that hour.")
        begin = _family("forecast_begin_seconds", "When that hour begins, in seconds since 1970: an old one is stale.")
        wape = _family("forecast_wape", "Errors of the next hour's forecasts over what came, in 28 days.")
        drifted = _family("forecast_drifted", "1 where forecasts have become worse than when the model was chosen.")
        for each in self._latest:
            labels = [DESK if each.department_id == DESK_ID else str(each.department_id)]
            expected.add_metric(labels, each.steps.means[0])
            arrived.add_metric(labels, each.arrived)
            begin.add_metric(labels, each.begin.timestamp())
            drifted.add_metric(labels, float(each.drifted))
            if each.wape is not None:
                wape.add_metric(labels, each.wape)
        yield from (expected, arrived, begin, wape, drifted)


def _family(name: str, explained: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"supportix_{name}", explained, labels=["department"])
