"""The page on the accuracy of forecasts: what it says first, which figures it marks, and that it needs nothing else."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from tests.issued import hours

from supportix.api.forecast_figures import ForecastFigures
from supportix.domain.forecast_words import DESK_ID, DESK_NAME, CandidateScore, Confidence, Horizon
from supportix.forecasting.accuracy_table import cells
from supportix.forecasting.report import PageRefused, must_be_a_page, page, write_page
from supportix.projections.forecast_queries import Accuracy, HourAgainstForecast, LatestForecast, ModelView
from supportix.projections.forecast_report_queries import ForecastReport, ReportedSeries

AT = datetime(2026, 3, 29, 9, 30, tzinfo=UTC)
NINE = datetime(2026, 3, 29, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BILLING = UUID(int=0xB)
NEVER_CLOSED = {"br", "meta"}


def accuracy(lead_hours: int = 1, **changes: Any) -> Accuracy:
    """On target in every way."""
    about: dict[str, Any] = {
        "hours": 672,
        "arrivals": 1_234,
        "wape": 0.25,
        "wape_beside_naive": 0.25,
        "naive_wape": 0.375,
    }
    about |= {"mase": 0.75, "bias": -0.031, "pinball": 0.5, "coverage50": 0.51, "coverage80": 0.8, "coverage95": 0.95}
    return Accuracy(department_id=BILLING, lead_hours=lead_hours, **about | changes)


def latest(begin: datetime = NINE) -> LatestForecast:
    return LatestForecast(
        department_id=BILLING,
        horizon=Horizon.DAY,
        begin=begin,
        issued_at=begin,
        steps=hours(begin, 5, 6),
        model="poisson",
        confidence=Confidence.NORMAL,
        reason="it was best",
        carry=0.5,
        quarter_shares=(),
        based_on=7,
        arrived=2,
        drifted=False,
        hours_scored=0,
        wape=None,
    )


def model(**changes: Any) -> ModelView:
    about: dict[str, Any] = {
        "model": "poisson",
        "members": ("poisson",),
        "confidence": Confidence.NORMAL,
        "reason": "it was best",
        "scores": (
            CandidateScore("arima", why_not="too short"),
            CandidateScore("boosting", wape=0.5, mase=1.5, crps=2.5),
            CandidateScore("poisson", wape=0.25, mase=0.75, crps=1.5),
        ),
        "evaluated_from": NINE - timedelta(days=28),
        "evaluated_until": NINE,
        "chosen_at": NINE,
        "times_chosen": 3,
        "choice_asked": False,
        "drifted": False,
        "drift_reason": "",
        "drift_at": None,
    }
    return ModelView(department_id=BILLING, **about | changes)


def came(*, forecast: bool = True) -> tuple[HourAgainstForecast, ...]:
    """A week to nine o'clock, over a change of the clocks, with a gap of an hour in the forecasts."""
    found = []
    for place in range(168):
        known = forecast and place != 100
        bounds = {name: float(value) if known else None for name, value in zip(NAMES, (1, 4, 0, 9), strict=True)}
        hour = NINE - (168 - place) * HOUR
        found.append(HourAgainstForecast(hour=hour, actual=place % 8, mean=2.5 if known else None, **bounds))
    return tuple(found)


NAMES = ("low80", "high80", "low95", "high95")


def series(name: str = "Billing", **changes: Any) -> ReportedSeries:
    about: dict[str, Any] = {"series_id": BILLING, "time_zone": "Europe/Berlin", "latest": latest(), "model": model()}
    about |= {"accuracy": (accuracy(),), "ranks": tuple(range(10, 20)), "hours": came()}
    return ReportedSeries(name=name, **about | changes)


def report(*found: ReportedSeries) -> ForecastReport:
    return ForecastReport(at=AT, since=AT - timedelta(days=28), until=AT, position=1_234, series=found)


class Reader(HTMLParser):
    """Reads a page as a browser does: its words, attributes and ids, and that all of its tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in NEVER_CLOSED:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style" and data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def of(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]


def test_a_desk_without_forecasts_is_told_so():
    read = Reader(page(report()))
    assert "Nothing has been forecast yet." in read.text
    assert "drift" not in read.text


def test_the_page_begins_with_when_it_is_true_and_how_much_is_forecast():
    desk = series(DESK_NAME, series_id=DESK_ID)
    text = Reader(page(report(desk, series()))).text
    assert "As of 2026-03-29 09:30 UTC , position 1,234 of the log: 2 series are forecast." in text
    assert "Scores are of the hours from 2026-03-01 09:30 UTC to 2026-03-29 09:30 UTC ." in text
    assert "1 series is forecast" in Reader(page(report(desk))).text


def test_where_nothing_drifts_and_nothing_is_stale_two_quiet_lines_say_so():
    text = page(report(series()))
    assert 'class="told good"><span aria-hidden="true">✓ </span>No model drifts.' in text
    assert 'class="told good"><span aria-hidden="true">✓ </span>Every series has a forecast for this hour.' in text
    assert '<section class="told' not in text


def test_a_model_that_drifts_is_an_alarm_that_says_whose_since_when_and_why():
    drifting = model(drifted=True, drift_reason="missed by 1.8 times as much as before", drift_at=NINE - 3 * HOUR)
    text = page(report(series(DESK_NAME), series(model=drifting)))
    (box,) = re.findall(r'<section class="told bad">.*?</section>', text, re.DOTALL)
    told = Reader(box).text
    assert "A model drifts" in told
    assert "Billing , since 2026-03-29 06:00 UTC : missed by 1.8 times as much as before. Its model is poisson." in told
    assert DESK_NAME not in told
    assert "No model drifts" not in text
    assert "2 models drift" in page(report(series(model=drifting), series(model=drifting)))


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (latest(NINE - HOUR), "Billing : the last is of 2026-03-29 08:00 UTC"),
        (None, "Billing : none in the last two days"),
    ],
)
def test_a_series_that_has_no_forecast_of_this_hour_is_told_as_stale(last: LatestForecast | None, told: str):
    text = page(report(series(latest=last), series("Sales")))
    (box,) = re.findall(r'<section class="told late">.*?</section>', text, re.DOTALL)
    assert told in Reader(box).text
    assert "Sales" not in box
    assert "Every series has a forecast" not in text


def test_the_table_has_a_row_for_each_horizon_and_a_figure_for_each_score():
    leads = tuple(accuracy(lead) for lead in (1, 24, 168, 336, 48))
    text = page(report(series(accuracy=leads, model=None)))
    rows = re.findall(r'<tr>.*?<th scope="row">([^<]+)</th>(.*?)</tr>', text)
    assert [ahead for ahead, _ in rows] == ["next hour", "1 day", "7 days", "14 days", "48 h"]
    figures = re.findall(r"<td>([^<]*)</td>", rows[0][1])
    assert figures == ["672", "25.0%", "37.5%", "0.75", "-3.1%", "0.5", "51.0%", "80.0%", "95.0%"]
    assert '<a href="#series-0">Billing</a>' in text
    assert "No hour of this span was scored." in page(report(series(accuracy=())))


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ({}, []),
        ({"coverage80": 0.7, "coverage95": 0.9, "wape_beside_naive": 0.375}, []),
        ({"coverage80": 0.69}, [("▼", "69.0%")]),
        ({"coverage80": 0.91}, [("▲", "91.0%")]),
        ({"coverage95": 0.89}, [("▼", "89.0%")]),
        ({"coverage95": 1.0, "coverage50": 0.1}, []),
        ({"wape_beside_naive": 0.376}, [("▲", "25.0%")]),
        ({"wape": None, "wape_beside_naive": None, "naive_wape": None, "mase": None, "bias": None}, []),
        ({"naive_wape": 0.1, "coverage80": 0.2, "coverage95": 0.2}, [("▲", "25.0%"), ("▼", "20.0%"), ("▼", "20.0%")]),
        ({"naive_wape": 0.1, "coverage80": 0.2, "hours": 47}, []),
        ({"coverage80": 0.2, "hours": 48}, [("▼", "20.0%")]),
    ],
)
def test_figures_off_target_are_marked_by_a_sign_too(changes: dict[str, Any], marked: list[tuple[str, str]]):
    scored = accuracy(**changes)
    assert [(cell.sign, cell.text) for cell in cells(scored) if cell.sign] == marked
    text = page(report(series(accuracy=(scored,))))
    assert re.findall(r'<td class="off" title="[^"]+"><span [^>]+>(.) </span>([^<]+)<span', text) == marked


def test_what_is_not_known_is_a_dash():
    unknown = accuracy(wape=None, naive_wape=None, wape_beside_naive=None, mase=None, bias=None)
    assert [cell.text for cell in cells(unknown)][1:5] == ["-"] * 4


def test_each_series_is_drawn_with_words_for_those_who_do_not_see_it():
    read = Reader(page(report(series())))
    assert "Billing: forecast and what came" in read.words
    assert (
        "168 hours, Europe/Berlin. 588 tickets came. 167 hours had a forecast; in 83 of them the count lay in the 80 % "
        "interval, bounds included."
    ) in read.words
    assert read.of("role").count("img") == 2
    assert any(each.startswith("Shares of 145 hours whose count fell") and "7%, 8%, 8%" in each for each in read.words)


def test_a_series_of_which_nothing_is_known_yet_has_no_pictures():
    quiet = tuple(
        HourAgainstForecast(**{**dict.fromkeys(NAMES), "hour": NINE, "actual": 0, "mean": None}) for _ in "ab"
    )
    text = page(report(series(hours=quiet, ranks=(0,) * 10, model=None, accuracy=())))
    assert "Nothing was forecast in the last seven days, and nothing came." in text
    assert "<svg" not in text
    assert "<svg" in page(report(series(hours=came(forecast=False), ranks=(0,) * 10)))


def test_the_model_and_its_candidates_are_there_to_be_unfolded():
    (details,) = re.findall(r"<details>.*?</details>", page(report(series())), re.DOTALL)
    text = Reader(details).text
    assert text.startswith("Forecast by poisson : it was best Chosen 2026-03-29 09:00 UTC ; confidence normal;")
    assert text.index("poisson 25.0% 0.75 1.5 chosen") < text.index(
        "boosting 50.0% 1.5 2.5 arima - - - left out: too short"
    )
    mixed = model(members=("poisson", "boosting"), choice_asked=True)
    assert "A mixture of poisson, boosting." in page(report(series(model=mixed)))
    assert "It will be chosen anew" in page(report(series(model=mixed)))


def test_nothing_that_people_wrote_becomes_a_part_of_the_page():
    evil = '<script>alert("x")</script>&"\'><img src=x onerror=alert(1)>'
    about = {"model": evil, "members": (evil, evil), "reason": evil, "drift_reason": evil, "drifted": True}
    spoken = model(**about, scores=(CandidateScore(evil, why_not=evil),))
    found = series(evil, model=spoken, time_zone="UTC", accuracy=(accuracy(),))
    text = page(report(found, series(evil, latest=None)))
    assert "<script" not in text
    assert "<img" not in text
    read = Reader(text)
    assert read.text.count('alert("x")') >= 9
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]


def test_the_page_needs_nothing_from_elsewhere_and_its_ids_are_its_own():
    text = page(report(series(DESK_NAME), series()))
    read = Reader(text)
    assert "://" not in text
    assert not {tag for tag, _, _ in read.attributes} & {"script", "link", "img", "iframe", "object"}
    assert "@import" not in text
    assert read.of("src") == []
    ids = read.of("id")
    assert len(ids) == len(set(ids))
    told = " ".join([*read.of("aria-labelledby"), *read.of("aria-describedby")]).split()
    links = [each.removeprefix("#") for each in read.of("href")]
    assert {*told, *links, *re.findall(r"url\(#([^)]+)\)", text)} <= set(ids)


def test_the_page_is_of_both_shades_fits_a_phone_and_prints():
    text = page(report(series()))
    assert "@media (prefers-color-scheme: dark)" in text
    assert "@media print" in text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert re.findall(r"#[0-9a-f]{6}\b", pictures) == [], "their colours are those of the page"


def test_the_same_report_makes_the_same_page(tmp_path: Path):
    write_page(tmp_path / "a.html", report(series()))
    write_page(tmp_path / "b.HTML", report(series()))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.HTML").read_bytes()
    assert {each.name for each in tmp_path.iterdir()} == {"a.html", "b.HTML"}


def test_a_page_that_can_not_be_written_is_refused(tmp_path: Path):
    with pytest.raises(PageRefused, match=r"page\.pdf: a name ending in \.html was expected"):
        must_be_a_page(tmp_path / "page.pdf")
    with pytest.raises(PageRefused, match="there is no directory"):
        write_page(tmp_path / "nowhere" / "page.html", report())
    assert list(tmp_path.iterdir()) == []


def test_the_alarms_of_the_guide_are_of_metrics_that_there_are():
    guide = (Path(__file__).parents[2] / "docs" / "forecasting.md").read_text(encoding="utf-8")
    (rules,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    (group,) = yaml.safe_load(rules)["groups"]
    named = {name for rule in group["rules"] for name in re.findall(r"supportix_\w+", rule["expr"])}
    assert named == {"supportix_forecast_drifted", "supportix_forecast_begin_seconds"}
    assert named <= {each.name for each in ForecastFigures([latest()]).collect()}
