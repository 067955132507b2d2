"""The accuracy of forecasts as a table of HTML, with the figures marked that are off target."""

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from supportix.forecasting.drift import LEAST_HOURS
from supportix.projections.forecast_queries import Accuracy
from supportix.projections.forecast_report_queries import ReportedSeries

TARGET80 = (0.7, 0.9)
LEAST95 = 0.9
TOO_HIGH, TOO_LOW = "▲", "▼"
_HEADINGS = (
    "hours scored",
    "WAPE",
    "WAPE of a week before",
    "MASE",
    "bias",
    "pinball loss",
    "in 50 %",
    "in 80 %",
    "in 95 %",
)
_HORIZONS = {1: "next hour", 24: "1 day", 24 * 7: "7 days", 24 * 14: "14 days"}
_UNKNOWN = "-"
_LEGEND = f"""<p class="quiet">WAPE: the sum of the errors over the sum of the counts. MASE: the mean error over what
the count a week before usually misses by. Bias above zero: too much was forecast. Pinball loss: in tickets, lower is
better. In 50, 80 and 95 %: how often the interval held the count.</p>
<p class="quiet">{TOO_HIGH} and {TOO_LOW}: higher or lower than it should be. WAPE is to be no higher than that of a
week before, over the hours for which there is one. The 80 % interval is to hold {TARGET80[0]:.0%} to {TARGET80[1]:.0%}
of the counts, the 95 % interval {LEAST95:.0%} at least. Nothing of fewer than {LEAST_HOURS} hours is judged.</p>"""


class Cell(NamedTuple):
    """A figure as it is shown; where it is off target, the sign of that and why."""

    text: str
    sign: str = ""
    why: str = ""


def accuracy_table(series: Iterable[ReportedSeries]) -> str:
    """Of each series and lead that was scored; says so where none was. `series-N` is where a series has its section."""
    bodies = "\n".join(_body(number, each) for number, each in enumerate(series) if each.accuracy)
    if not bodies:
        return '<p class="quiet">No hour of this span was scored.</p>'
    headings = "".join(f'<th scope="col">{escape(each)}</th>' for each in _HEADINGS)
    return (
        '<div class="wide" role="region" aria-label="Accuracy" tabindex="0">\n<table>\n'
        f'<thead><tr><th scope="col">ahead</th>{headings}</tr>'
        f"</thead>\n{bodies}\n</table>\n</div>\n{_LEGEND}"
    )


def percent(share: float | None, *, signed: bool = False) -> str:
    """Rounded to a tenth; a dash where nothing is known."""
    if share is None:
        return _UNKNOWN
    return f"{share:+.1%}" if signed else f"{share:.1%}"


def number(value: float | None) -> str:
    """To three digits; a dash where nothing is known."""
    return _UNKNOWN if value is None else f"{value:.3g}"


def cells(found: Accuracy) -> tuple[Cell, ...]:
    """As _HEADINGS has them."""
    figures = (
        Cell(f"{found.hours:,}"),
        Cell(percent(found.wape), *_wape_off(found)),
        Cell(percent(found.naive_wape)),
        Cell(number(found.mase)),
        Cell(percent(found.bias, signed=True)),
        Cell(number(found.pinball)),
        Cell(percent(found.coverage50)),
        Cell(percent(found.coverage80), *_off_target(found.coverage80, *TARGET80)),
        Cell(percent(found.coverage95), *_off_target(found.coverage95, LEAST95, 1.0)),
    )
    return figures if found.hours >= LEAST_HOURS else tuple(Cell(each.text) for each in figures)


def _body(place: int, series: ReportedSeries) -> str:
    whose = f'<a href="#series-{place}">{escape(series.name)}</a>'
    rows = [f'<tr><th scope="rowgroup" class="whose" colspan="{1 + len(_HEADINGS)}">{whose}</th></tr>']
    for found in series.accuracy:
        ahead = _HORIZONS.get(found.lead_hours, f"{found.lead_hours} h")
        rows.append(f'<tr><th scope="row">{ahead}</th>{"".join(map(_cell, cells(found)))}</tr>')
    return "\n".join(["<tbody>", *rows, "</tbody>"])


def _cell(cell: Cell) -> str:
    if not cell.sign:
        return f"<td>{cell.text}</td>"
    return (
        f'<td class="off" title="{cell.why}"><span aria-hidden="true">{cell.sign} </span>{cell.text}'
        f'<span class="unseen"> ({cell.why})</span></td>'
    )


def _wape_off(found: Accuracy) -> tuple[str, str]:
    """Held against the naive forecast over the same hours alone."""
    if found.naive_wape is None or found.wape_beside_naive is None or found.wape_beside_naive <= found.naive_wape:
        return "", ""
    return TOO_HIGH, "worse than the count a week before"


def _off_target(share: float, least: float, most: float) -> tuple[str, str]:
    if share < least:
        return TOO_LOW, "off target: the interval is too narrow"
    if share > most:
        return TOO_HIGH, "off target: the interval is too wide"
    return "", ""
