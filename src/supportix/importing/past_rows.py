"""Reads a file of past traffic: one row per department and step of time, with counts; a bad row is refused alone."""

import re
from array import array
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from supportix.domain.errors import Refusal
from supportix.domain.routing_rules import name_key
from supportix.domain.traffic_past import QUARTER_SECONDS, PastInterval
from supportix.importing.report import DecisionCode, ImportRefused, ImportReport
from supportix.importing.rows import BadRow, Layout, Progress, Row, rows_of
from supportix.projections.traffic_queries import TrafficStep, midnight_of

LAYOUT = Layout(
    expecting="a past of traffic",
    wanted=("department", "begin", "arrivals", "resolutions", "handle_seconds"),
    named={
        "department": "whose traffic it is",
        "begin": "from when on it was counted",
        "arrivals": "what came",
        "resolutions": "what was resolved",
        "handle_seconds": "agents' time for these resolutions together",
    },
    optional=frozenset({"resolutions", "handle_seconds"}),
)
LONGEST_NAME = 100

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_QUARTERS: Mapping[TrafficStep, int] = {TrafficStep.QUARTER: 1, TrafficStep.HOUR: 4}
_UNKNOWN = -1
_FIELDS = 6


class PastRow(NamedTuple):
    """A row by its time and its line; `handle_seconds` is negative where it isn't known."""

    begin: int
    line: int
    quarters: int
    arrivals: int
    resolutions: int
    handle_seconds: int

    @property
    def interval(self) -> PastInterval:
        return PastInterval(
            begin=datetime.fromtimestamp(self.begin, UTC),
            arrivals=self.arrivals,
            resolutions=self.resolutions,
            handle_seconds=None if self.handle_seconds < 0 else self.handle_seconds,
            quarters=self.quarters,
        )


class DepartmentRows:
    """All rows of one department, in little memory: 48 bytes each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._numbers = array("q")

    def add(self, line: int, interval: PastInterval) -> None:
        handle_seconds = _UNKNOWN if interval.handle_seconds is None else interval.handle_seconds
        begin = int(interval.begin.timestamp())
        self._numbers.extend((begin, line, interval.quarters, interval.arrivals, interval.resolutions, handle_seconds))

    def __len__(self) -> int:
        return len(self._numbers) // _FIELDS

    def in_order(self) -> Iterator[PastRow]:
        """By time; rows of the same time as they stood in the file."""
        numbers = iter(self._numbers)
        return iter(sorted(map(PastRow._make, zip(*[numbers] * _FIELDS, strict=True))))


def read_past(
    path: Path,
    step: TrafficStep,
    time_zone: ZoneInfo,
    report: ImportReport,
    *,
    by: datetime,
    known: frozenset[str] | None,
    progress: Progress | None = None,
) -> dict[str, DepartmentRows]:
    """The file's rows by the key of their department's name (`name_key`), each checked by itself.

    `by`: rows that end later are refused. `known`: the keys of departments that there are; None where any name will do.
    Raises ImportRefused where the file lacks a column or is damaged, or where no row can be used.
    """
    report.source, report.mapping = path.name, f"past traffic, {step}"
    parser = _Parser(step, time_zone, report, by, known)
    found: dict[str, DepartmentRows] = {}
    for row in rows_of(path, LAYOUT, progress):
        report.rows_read += 1
        try:
            name, interval = parser.parsed(row)
        except BadRow as bad:
            report.refuse(row.line, str(bad))
            continue
        found.setdefault(name_key(name), DepartmentRows(name)).add(row.line, interval)
    if not found:
        why = f"the first, line {report.refused[0].line}: {report.refused[0].reason}" if report.refused else "no rows"
        raise ImportRefused(f"{path.name}: no row can be used; {why}")
    return found


class _Parser:
    def __init__(
        self,
        step: TrafficStep,
        time_zone: ZoneInfo,
        report: ImportReport,
        by: datetime,
        known: frozenset[str] | None,
    ) -> None:
        self._step = step
        self._zone = time_zone
        self._report = report
        self._by = by
        self._known = known
        self._shown_twice: set[tuple[str, datetime]] = set()

    def parsed(self, row: Row) -> tuple[str, PastInterval]:
        if row.problem:
            raise BadRow(row.problem)
        name, begin, arrivals, resolutions, handle_seconds = row.cells
        self._must_be_department(name)
        start, quarters = self._span(name, begin, row.line)
        interval = PastInterval(
            begin=start,
            arrivals=_count("arrivals", arrivals),
            resolutions=_count("resolutions", resolutions or "0"),
            handle_seconds=_count("handle_seconds", handle_seconds, rounded=True) if handle_seconds else None,
            quarters=quarters,
        )
        try:
            interval.must_be_sound(by=self._by)
        except Refusal as refusal:
            raise BadRow(str(refusal)) from None
        except OverflowError:
            raise BadRow(f"begin {begin}: a time in the past was expected") from None
        return name, interval

    def _must_be_department(self, name: str) -> None:
        if not name or len(name) > LONGEST_NAME or "\0" in name:
            raise BadRow(f"department {name[:LONGEST_NAME]!r}: a name of 1 to {LONGEST_NAME} characters was expected")
        if self._known is not None and name_key(name) not in self._known:
            raise BadRow(f"no department is called {name!r}; create it first, or let --create-departments do so")

    def _span(self, name: str, text: str, line: int) -> tuple[datetime, int]:
        """When the row begins, in UTC, and how many quarter hours it lasts."""
        try:
            begin = datetime.fromisoformat(text)
        except ValueError:
            raise BadRow(
                f"begin {text!r}: a time such as 2026-03-02T09:30 or 2026-03-02T09:30+01:00 was expected"
            ) from None
        try:
            if self._step is TrafficStep.DAY:
                return self._day(begin)
            if self._step is TrafficStep.HOUR and begin.minute:
                raise BadRow(f"begin {text}: the start of an hour was expected, or a --step of 15m")
            return self._moment(name, begin, line), _QUARTERS[self._step]
        except OverflowError:
            raise BadRow(f"begin {text}: a time in the past was expected") from None

    def _day(self, begin: datetime) -> tuple[datetime, int]:
        local = begin if begin.tzinfo is None else begin.astimezone(self._zone)
        start, end = (midnight_of(local.date() + timedelta(days=ahead), self._zone) for ahead in (0, 1))
        if begin.astimezone(UTC) != start if begin.tzinfo else local.time() != local.time().min:
            raise BadRow(f"begin {begin.isoformat()}: midnight in {self._zone.key} was expected for steps of days")
        return start, int((end - start).total_seconds()) // QUARTER_SECONDS

    def _moment(self, name: str, begin: datetime, line: int) -> datetime:
        if begin.tzinfo is not None:
            return begin.astimezone(UTC)
        first, second = (begin.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first.astimezone(UTC)
        if first.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None, fold=0) != begin:
            raise BadRow(f"begin {begin.isoformat()}: clocks in {self._zone.key} skipped that time")
        self._report.decide(DecisionCode.repeated_local_time, line)
        again = (name_key(name), begin) in self._shown_twice
        self._shown_twice.add((name_key(name), begin))
        return (second if again else first).astimezone(UTC)


def _count(name: str, text: str, *, rounded: bool = False) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadRow(f"{name} {text!r}: a number was expected")
    number = float(text) if "." in text else int(text)
    if number < 0:
        raise BadRow(f"{name} {text}: 0 or more was expected")
    if number != int(number) and not rounded:
        raise BadRow(f"{name} {text}: a whole number was expected")
    return round(number)
