"""The page on the accuracy of forecasts: one file of HTML that needs nothing else, the same for the same report."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from supportix.domain.errors import InvalidInput
from supportix.domain.forecast_words import CandidateScore
from supportix.forecasting.accuracy_table import accuracy_table, number, percent
from supportix.projections.forecast_queries import ModelView
from supportix.projections.forecast_report_queries import ForecastReport, ReportedSeries

_SUFFIX = ".html"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
form-action 'none'">
<title>Accuracy of forecasts</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>Accuracy of forecasts</h1>
{head}
</header>
<main>
{body}
</main>
</body>
</html>
"""
_NOTHING = (
    '<p class="told late">Nothing has been forecast yet. A worker forecasts each hour once there is traffic; '
    "each hour that has ended is scored.</p>"
)


class PageRefused(InvalidInput):
    """The page can't be written into that file."""


def must_be_a_page(path: Path) -> None:
    """Refused: PageRefused."""
    if path.suffix.lower() != _SUFFIX:
        raise PageRefused(f"{path.name}: a name ending in {_SUFFIX} was expected")
    if not path.absolute().parent.is_dir():
        raise PageRefused(f"{path}: there is no directory {path.absolute().parent}")


def write_page(path: Path, report: ForecastReport) -> None:
    """Whole or not at all. Refused: PageRefused."""
    must_be_a_page(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}{_SUFFIX}")
    try:
        beside.write_text(page(report), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def page(report: ForecastReport) -> str:
    """What drifts and what is stale comes first, then the accuracy of all, then each series."""
    parts = [_NOTHING]
    if report.series:
        parts = [_drift(report.series), _staleness(report.series, report.at)]
        parts += ["<h2>By department and horizon</h2>", accuracy_table(report.series)]
        parts += [_section(place, each) for place, each in enumerate(report.series)]
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return _PAGE.format(style=style, head=_head(report), body="\n".join(parts))


def _head(report: ForecastReport) -> str:
    count = len(report.series)
    return (
        f"<p>As of {_time(report.at)}, position {report.position:,} of the log: {count:,} series "
        f'{"is" if count == 1 else "are"} forecast.<br>\n<span class="quiet">Scores are of the hours from '
        f"{_time(report.since)} to {_time(report.until)}.</span></p>"
    )


def _drift(series: Iterable[ReportedSeries]) -> str:
    rows = [
        f"<li><strong>{escape(each.name)}</strong>, since {_time(each.model.drift_at)}: "
        f"{escape(each.model.drift_reason)}. Its model is {escape(each.model.model)}.</li>"
        for each in series
        if each.model is not None and each.model.drifted
    ]
    if not rows:
        return '<p class="told good"><span aria-hidden="true">✓ </span>No model drifts.</p>'
    return _box("bad", f"{'A model drifts' if len(rows) == 1 else f'{len(rows)} models drift'}", rows)


def _staleness(series: Iterable[ReportedSeries], at: datetime) -> str:
    """A series that was forecast once, and has no forecast of the last days, is stale too."""
    rows = []
    for each in series:
        if each.latest is None:
            rows.append(f"<li><strong>{escape(each.name)}</strong>: none in the last two days</li>")
        elif each.latest.is_stale(at):
            rows.append(f"<li><strong>{escape(each.name)}</strong>: the last is of {_time(each.latest.begin)}</li>")
    if not rows:
        return '<p class="told good"><span aria-hidden="true">✓ </span>Every series has a forecast for this hour.</p>'
    return _box("late", "No forecast for this hour: is a worker running?", rows)


def _box(kind: str, title: str, rows: Sequence[str]) -> str:
    heading = f'<h2><span aria-hidden="true">⚠ </span>{title}</h2>'
    return "\n".join([f'<section class="told {kind}">', heading, "<ul>", *rows, "</ul>", "</section>"])


def _section(place: int, series: ReportedSeries) -> str:
    parts = [f'<section id="series-{place}">', f"<h2>{escape(series.name)}</h2>", _hours(place, series)]
    parts.append(_ranks(place, series))
    if series.model is not None:
        parts.append(_model(series.model))
    return "\n".join([*parts, "</section>"])


def _hours(place: int, series: ReportedSeries) -> str:
    from supportix.forecasting.page_pictures import drawn_hours

    if all(each.mean is None and not each.actual for each in series.hours):
        return '<p class="quiet">Nothing was forecast in the last seven days, and nothing came.</p>'
    picture = drawn_hours(f"hours-{place}", series.name, series.time_zone, series.hours)
    return (
        f"<h3>The last seven days, as forecast when each hour began ({escape(series.time_zone)})</h3>\n"
        f'<div class="wide hours picture" role="region" aria-label="The last seven days" tabindex="0">{picture}</div>'
    )


def _ranks(place: int, series: ReportedSeries) -> str:
    from supportix.forecasting.page_pictures import drawn_ranks

    if not any(series.ranks):
        return ""
    picture = drawn_ranks(f"ranks-{place}", series.name, series.ranks)
    return (
        "<h3>Calibration of the next hour</h3>\n"
        '<p class="quiet">In which tenth of its forecast each count fell: flat where the forecast is right, high at '
        f'both ends where it is too sure of itself.</p>\n<div class="ranks picture">{picture}</div>'
    )


def _model(model: ModelView) -> str:
    told = [f"Chosen {_time(model.chosen_at)}; confidence {model.confidence}; choices so far: {model.times_chosen}."]
    if len(model.members) > 1:
        told.append(f"A mixture of {escape(', '.join(model.members))}.")
    if model.evaluated_from is not None:
        told.append(f"Judged on the hours from {_time(model.evaluated_from)} to {_time(model.evaluated_until)}.")
    if model.choice_asked:
        told.append("It will be chosen anew, as was asked for.")
    return (
        f"<details>\n<summary>Forecast by <strong>{escape(model.model)}</strong>: {escape(model.reason)}</summary>\n"
        f"<p>{' '.join(told)}</p>\n{_candidates(model)}</details>"
    )


def _candidates(model: ModelView) -> str:
    """The best first, then those that couldn't be fitted."""
    if not model.scores:
        return ""
    ordered = sorted(model.scores, key=lambda each: (each.crps is None, each.crps or 0.0, each.name))
    rows = "\n".join(_candidate(each, model.model) for each in ordered)
    headings = "".join(f'<th scope="col">{each}</th>' for each in ("WAPE", "MASE", "CRPS"))
    return (
        '<div class="wide" role="region" aria-label="Candidates" tabindex="0"><table>\n<thead><tr>'
        f'<th scope="col">candidate</th>{headings}<td></td></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>\n"
    )


def _candidate(score: CandidateScore, chosen: str) -> str:
    told = f"left out: {score.why_not}" if score.why_not else "chosen" if score.name == chosen else ""
    return (
        f'<tr><th scope="row">{escape(score.name)}</th><td>{percent(score.wape)}</td>'
        f'<td>{number(score.mase)}</td><td>{number(score.crps)}</td><td class="name">{escape(told)}</td></tr>'
    )


def _time(at: datetime | None) -> str:
    if at is None:
        return "a time that isn't known"
    return f'<time datetime="{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}">{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC</time>'
