"""What commands show: tables and progress bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import rich_click as click

if TYPE_CHECKING:
    from rich.progress import Progress


class Advance(Protocol):
    """Told how much is done, of how much in all where that is known, and what goes on now."""

    def __call__(self, done: int, total: int | None = None, stage: str | None = None, /) -> None: ...


PLAIN_SECONDS = 5.0
"""How often progress is told where there is no terminal."""


def say(line: str) -> None:
    """Tell how the work goes, apart from its result."""
    click.echo(line, err=True)


def show_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A result, on standard output: a table for a person, tab-separated lines for a pipe."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (["#", title], [heading.replace(" ", "_") for heading in headings], *cells):
            click.echo("\t".join(line))
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading)
    for line in cells:
        table.add_row(*map(escape, line))
    Console().print(table)


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """Show on standard error how far the work has got, how fast it goes and how long it will take."""
    if not sys.stderr.isatty():
        yield _plain(label)
        return
    with _bar() as bar:
        task = bar.add_task(label, total=None)

        def advance(done: int, total: int | None = None, stage: str | None = None, /) -> None:
            bar.update(task, completed=done, total=total, description=stage or label)

        yield advance


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


def _plain(label: str) -> Advance:
    started = told = time.monotonic()

    def advance(done: int, total: int | None = None, stage: str | None = None, /) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= PLAIN_SECONDS or (done == total and done > 0):
            told = now
            rate = done / max(now - started, 0.001)
            say(f"{stage or label}: {done:,}{f' of {total:,}' if total else ''} ({rate:,.0f}/s)")

    return advance
