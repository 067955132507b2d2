"""`python -m supportix.importing FILE --mapping NAME`: what an import of the file would decide and refuse."""

import argparse
import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from supportix.importing.histories import read_histories
from supportix.importing.mapping import load_mapping
from supportix.importing.report import ImportRefused, ImportReport


def report_tables(report: ImportReport) -> Iterator[Table]:
    yield _table(
        f"Decisions on {report.source}", ("decision", "count", "meaning", "first lines"), report.decision_rows()
    )
    if report.refused:
        yield _table("Refused rows", ("line", "reason"), report.refusal_rows())


def _table(title: str, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, no_wrap=heading == "decision")
    for row in rows:
        table.add_row(*row)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m supportix.importing", description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--mapping", required=True, help="the name of a shipped mapping, or a TOML file")
    arguments = parser.parse_args()
    try:
        _, report = read_histories(arguments.file, load_mapping(arguments.mapping))
    except ImportRefused as refused:
        Console(stderr=True).print(str(refused), markup=False)
        return 2
    console = Console()
    console.print(
        f"{report.rows_read} rows: {report.rows_used} used, {report.rows_refused} refused; "
        f"{report.tickets} tickets with {report.steps} steps"
    )
    for table in report_tables(report):
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
