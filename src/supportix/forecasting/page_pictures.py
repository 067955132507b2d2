"""Pictures that stand inside a page, as SVG text: the last days against what came, and the ranks of the counts.

They take their colours from the page (`--forecast`, `--came`, and that of its text), load nothing, and are the same for
the same figures.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from supportix.projections.forecast_queries import HourAgainstForecast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORECAST, _CAME = "#0072b2", "#e69f00"
"""Told apart by everyone (Okabe and Ito 2008)."""
_OF_THE_PAGE = {_FORECAST: "var(--forecast)", _CAME: "var(--came)", "#000000": "currentColor"}
_HOUR = timedelta(hours=1)
_BAND = "80 % interval"


def drawn_hours(key: str, name: str, time_zone: str, hours: Sequence[HourAgainstForecast]) -> str:
    """What had been forecast for each hour as it began, and what came. `key` tells the pictures of a page apart."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    zone = ZoneInfo(time_zone)
    edges: Any = [each.hour.astimezone(zone) for each in hours]
    edges.append((hours[-1].hour + _HOUR).astimezone(zone))
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    axes = figure.subplots()
    low, high = _known([each.low80 for each in hours]), _known([each.high80 for each in hours])
    axes.stairs(high, edges, baseline=low, fill=True, color=_FORECAST, alpha=0.28, linewidth=0, label=_BAND)
    axes.stairs(_known([each.mean for each in hours]), edges, baseline=None, color=_FORECAST, label="forecast")
    axes.stairs(_known([each.actual for each in hours]), edges, baseline=None, color=_CAME, label="came")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("tickets an hour", fontsize=9)
    axes.tick_params(labelsize=9)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, ncols=3, loc="outside upper left", fontsize=9)
    return _inside_a_page(figure, key, f"{name}: forecast and what came", _told_hours(hours, time_zone))


def drawn_ranks(key: str, name: str, counts: Sequence[int]) -> str:
    """Of how many hours the count fell into each equal part of its forecast distribution: a flat row where it is right.

    At least one count was expected to be above zero. The histogram of probability integral transforms: Gneiting,
    Balabdaoui & Raftery 2007, Journal of the Royal Statistical Society B 69:2.
    """
    from matplotlib.figure import Figure

    shares = [count / sum(counts) for count in counts]
    figure = Figure(figsize=(4, 1.5), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(shares)), shares, width=0.9, color=_FORECAST)
    axes.axhline(1 / len(shares), color="#000000", linewidth=1, linestyle="--")
    axes.set_xticks([0, len(shares) - 1], ["fewer came", "more came"], fontsize=9)
    axes.tick_params(axis="x", length=0)
    axes.set_yticks([0, 1 / len(shares)], ["0 %", f"{1 / len(shares):.0%}".replace("%", " %")], fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    told = ", ".join(f"{share:.0%}" for share in shares)
    return _inside_a_page(
        figure,
        key,
        f"{name}: calibration",
        f"Shares of {sum(counts):,} hours whose count fell into each tenth of its forecast, the lowest first: {told}.",
    )


def _known(values: Sequence[float | None]) -> list[float]:
    """With gaps where nothing is known."""
    return [float("nan") if value is None else float(value) for value in values]


def _told_hours(hours: Sequence[HourAgainstForecast], time_zone: str) -> str:
    inside = [each.low80 <= each.actual <= (each.high80 or 0.0) for each in hours if each.low80 is not None]
    return (
        f"{len(hours)} hours, {time_zone}. {sum(each.actual for each in hours):,} tickets came. "
        f"{len(inside)} hours had a forecast; in {sum(inside)} of them the count lay in the {_BAND}, bounds included."
    )


def _inside_a_page(figure: "Figure", key: str, title: str, description: str) -> str:
    """Without a date, links or names of its own that another picture of the page may have too."""
    from matplotlib import rc_context

    text = StringIO()
    undated = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": key, "font.sans-serif": ["DejaVu Sans"]}):
        figure.savefig(text, format="svg", metadata=undated, transparent=True)
    _, _, opened = text.getvalue().partition("<svg ")
    head, _, body = opened.partition(">")
    (box,) = re.findall(r'viewBox="[^"]*"', head)
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", body)
    body = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{key}-", body.replace("xlink:href", "href"))
    for drawn, of_the_page in _OF_THE_PAGE.items():
        body = body.replace(drawn, of_the_page)
    named = f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-told">{escape(description)}</desc>'
    return f'<svg {box} role="img" aria-labelledby="{key}-title" aria-describedby="{key}-told">{named}{body.strip()}'
