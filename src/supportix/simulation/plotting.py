"""A comparison as a picture: small multiples, one for each thing compared, with the runs in one order and colour."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from supportix.pictures import must_be_drawable, save
from supportix.simulation.measuring import Figures
from supportix.simulation.run import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PRIORITIES = ("urgent", "high", "normal", "low")
_COLUMNS = 3
_COLOURS = ("#4d4d4d", "#a0a0a0", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Grey for what happened and its simulation, then colours that are told apart by everyone (Okabe and Ito 2008)."""


class Panel:
    """One of the multiples: bars of a value for each run."""

    def __init__(self, title: str, value: Callable[[Figures], float | None], unit: str) -> None:
        self.title = title
        self.value = value
        self.unit = unit


def draw(comparison: Comparison, path: Path) -> None:
    """Draw it into the file, whole or not at all. Refused: PictureRefused."""
    must_be_drawable(path)
    from matplotlib.figure import Figure

    panels = panels_of(comparison)
    lines = -(-len(panels) // _COLUMNS)
    height = 0.32 * len(comparison.runs) + 0.9
    figure = Figure(figsize=(12, height * lines + 0.6), layout="constrained")
    figure.suptitle(title(comparison), x=0.01, ha="left", fontsize=12)
    axes = figure.subplots(lines, _COLUMNS, squeeze=False)
    for number, each in enumerate(axes.flat):
        if number < len(panels):
            _draw_panel(each, panels[number], comparison, named=number % _COLUMNS == 0)
        else:
            each.set_axis_off()
    save(figure, path)


def title(comparison: Comparison) -> str:
    of = f" of {comparison.question.department}" if comparison.question.department else ""
    return f"{comparison.runs[0].figures.tickets:,} tickets{of}, replayed"


def panels_of(comparison: Comparison) -> Sequence[Panel]:
    """What there is to show: nothing that no run has, such as a priority without tickets."""
    runs = [run.figures for run in comparison.runs]
    panels = [
        _time("Wait, median", runs, lambda run: run.waits.p50),
        _time("Wait, 90th percentile", runs, lambda run: run.waits.p90),
        _time("Wait, 99th percentile", runs, lambda run: run.waits.p99),
        Panel("Utilisation", lambda run: run.utilisation * 100, "%"),
        Panel("Gini of load", lambda run: run.gini, ""),
    ]
    counts = (
        Panel("Targets broken", lambda run: run.breaches, ""),
        Panel("Still waiting at the end", lambda run: run.waiting, ""),
        Panel("Reassignments", lambda run: run.reassignments, ""),
        Panel("Moved by merges", lambda run: run.moved, ""),
    )
    panels += [panel for panel in counts if any(panel.value(run) for run in runs)]
    for priority in _PRIORITIES:
        if any(run.queue_seconds.get(priority) for run in runs):
            panels.append(_time(f"Time in queues, {priority}", runs, partial(_in_queues, priority)))
    return panels


def _in_queues(priority: str, run: Figures) -> float:
    return run.queue_seconds.get(priority, 0.0)


def _time(title: str, runs: Sequence[Figures], seconds: Callable[[Figures], float]) -> Panel:
    """In the unit that fits its longest bar."""
    unit, length = _unit(max(map(seconds, runs)))
    return Panel(title, lambda run: seconds(run) / length, unit)


def _draw_panel(axes: "Axes", panel: Panel, comparison: Comparison, *, named: bool) -> None:
    values = [panel.value(run.figures) or 0.0 for run in comparison.runs]
    places = range(len(values))
    colours = [_COLOURS[place] if place < len(_COLOURS) else _COLOURS[-1] for place in places]
    bars = axes.barh(places, values, color=colours, height=0.7)
    axes.bar_label(bars, labels=[_label(value) for value in values], padding=3, fontsize=8)
    axes.set_title(f"{panel.title}{f' ({panel.unit})' if panel.unit else ''}", loc="left", fontsize=10)
    axes.set_yticks(places, [run.name if named else "" for run in comparison.runs], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, max(values) * 1.18 or 1.0)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004 - three digits.


def _unit(longest: float) -> tuple[str, int]:
    """In which unit times are told, and its seconds, where this is the longest of them in seconds."""
    for unit, seconds in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if longest >= 2 * seconds:
            return unit, seconds
    return "s", 1
