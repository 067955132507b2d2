"""Forecasts as pictures: an hour-by-hour fan, with what came where that is known; and candidates side by side."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from supportix.domain.forecast_words import HOUR_SECONDS, LEVELS, Steps
from supportix.pictures import must_be_drawable, save

if TYPE_CHECKING:
    pass

_BLUE, _ORANGE, _GREY = "#0072b2", "#e69f00", "#4d4d4d"
"""Told apart by everyone (Okabe and Ito 2008)."""
_FANS = ((0, 6, 0.14), (1, 5, 0.22), (2, 4, 0.34))
"""Places of LEVELS between which the 95, 80 and 50 % of counts are expected, and how dark these are."""


class Bar(msgspec.Struct, frozen=True):
    """A candidate and its error."""

    name: str
    value: float
    is_chosen: bool


def draw_forecast(
    path: Path, title: str, steps: Steps, time_zone: str, came: Sequence[tuple[datetime, int]] = ()
) -> None:
    """The forecast as a fan, after what came before it. Refused: PictureRefused."""
    must_be_drawable(path)
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    zone = ZoneInfo(time_zone)
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    axes = figure.subplots()
    moments: Any = [steps.begin_of(place).astimezone(zone) for place in range(len(steps.means))]
    for low, high, shade in _FANS:
        share = round(100 * (LEVELS[high] - LEVELS[low]))
        bounds = (steps.quantiles[low], steps.quantiles[high])
        axes.fill_between(moments, *bounds, step="post", color=_BLUE, alpha=shade, linewidth=0, label=f"{share} %")
    axes.step(moments, steps.means, where="post", color=_BLUE, linewidth=1.5, label="expected")
    if came:
        times, counts = zip(*((at.astimezone(zone), count) for at, count in came), strict=True)
        axes.step(times, counts, where="post", color=_GREY, linewidth=1.2, label="came")
    axes.set_title(title, loc="left", fontsize=12)
    axes.set_ylabel("tickets an hour" if steps.step_seconds == HOUR_SECONDS else "tickets")
    axes.set_ylim(bottom=0)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=5, loc="upper left", fontsize=9)
    save(figure, path)


def draw_candidates(path: Path, title: str, bars: Sequence[Bar], unit: str) -> None:
    """Errors of candidates, the best first. Refused: PictureRefused."""
    must_be_drawable(path)
    from matplotlib.figure import Figure

    ordered = sorted(bars, key=lambda bar: bar.value)
    figure = Figure(figsize=(10, 0.34 * len(ordered) + 1.2), layout="constrained")
    axes = figure.subplots()
    places = range(len(ordered))
    colours = [_ORANGE if bar.is_chosen else _BLUE for bar in ordered]
    drawn = axes.barh(places, [bar.value for bar in ordered], color=colours, height=0.7)
    axes.bar_label(drawn, labels=[f"{bar.value:.3g}" for bar in ordered], padding=3, fontsize=9)
    names = [f"{bar.name} (chosen)" if bar.is_chosen else bar.name for bar in ordered]
    axes.set_yticks(places, names, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)
