"""Streams the rows of a log file as changes; a bad row is refused with its line and reason, and the rest goes on."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from supportix.importing.dates import Dates
from supportix.importing.mapping import Mapping, Priority, TicketState
from supportix.importing.report import DecisionCode, ImportRefused, ImportReport
from supportix.importing.rows import BadRow, Progress, Row, layout_of, rows_of

HOPELESS_AFTER = 100
MAX_CACHED_TEXTS = 100_000


class Change(msgspec.Struct, frozen=True, gc=False):
    """One row in our words. `state` is None where the mapping ignores the row's state; times are in UTC."""

    line: int
    ticket: str
    at: datetime
    opened_at: datetime | None
    state: TicketState | None
    sequence: int
    reopen_count: int | None
    department: str
    agent: str | None
    requester: str | None
    channel: str
    priority: Priority | None
    texts: "Texts"


class Texts(msgspec.Struct, frozen=True):
    """What the ticket is about, as far as one row tells; `subject` is empty where the row says nothing."""

    subject: str
    tags: tuple[str, ...]
    description: str


def read_changes(
    path: str | Path, mapping: Mapping, report: ImportReport, progress: Progress | None = None
) -> Iterator[Change]:
    """The changes of the file in the order of the file.

    `progress` is called with (bytes read, bytes in all) of the file as it is on disk. Raises `ImportRefused` where the
    file lacks a column of the mapping, is damaged, or where no row (of the first 100, or at all) can be used.
    """
    path = Path(path)
    report.source, report.mapping = path.name, mapping.name
    rows = rows_of(path, layout_of(mapping), progress)
    parse: Callable[[Row], Change] = _Parser(mapping, report).change
    for row in rows:
        report.rows_read += 1
        try:
            change = parse(row)
        except BadRow as bad:
            report.refuse(row.line, str(bad))
            if report.rows_used == 0 and report.rows_read == HOPELESS_AFTER:
                raise _hopeless(path, mapping, report) from None
            continue
        report.rows_used += 1
        yield change
    if report.rows_used == 0:
        raise _hopeless(path, mapping, report)


def _hopeless(path: Path, mapping: Mapping, report: ImportReport) -> ImportRefused:
    if not report.refused:
        return ImportRefused(f"{path.name}: holds no rows")
    first = report.refused[0]
    return ImportRefused(
        f"{path.name}: none of the first {report.rows_read} rows fits the mapping {mapping.name!r}; "
        f"the first, line {first.line}: {first.reason}"
    )


class _Parser:
    """Turns the cells of a row into a change. Equal texts become one object, so that a long log fits in memory."""

    def __init__(self, mapping: Mapping, report: ImportReport) -> None:
        columns = mapping.columns
        self._mapping = mapping
        self._report = report
        self._missing = frozenset((*mapping.missing, ""))
        self._approximate = frozenset(mapping.approximate_states)
        self._ignored = frozenset(mapping.ignored_states)
        self._dates = Dates(mapping.date_formats, mapping.timezone)
        self._same: dict[str, str] = {}
        self._texts: dict[tuple[str | None, ...], Texts] = {}
        self._text_columns = list(dict.fromkeys((*columns.subject, *columns.tags, *columns.description.values())))

    def change(self, row: Row) -> Change:
        if row.problem:
            raise BadRow(row.problem)
        if "\0" in "".join(row.cells):
            raise BadRow("holds a NUL character (\\u0000), which no text may hold")
        line, columns, missing, same = row.line, self._mapping.columns, self._missing, self._same.setdefault
        cells = [None if cell in missing else cell for cell in row.cells]
        ticket, at, state, opened, sequence, reopens, department, agent, requester, channel, priority, *texts = cells
        if ticket is None:
            raise BadRow(f"no ticket number in column {columns.ticket!r}")
        if at is None:
            raise BadRow(f"no time of the change in column {columns.changed_at!r}")
        return Change(
            line=line,
            ticket=same(ticket, ticket),
            at=self._time(at, columns.changed_at, line),
            opened_at=None if opened is None else self._time(opened, columns.opened_at, line),
            state=self._state(state, line),
            sequence=self._count(sequence, line) or 0,
            reopen_count=self._count(reopens, line),
            department=self._department(department, line),
            agent=agent and same(agent, agent),
            requester=requester and same(requester, requester),
            channel=self._channel(channel, line),
            priority=self._priority(priority, line),
            texts=self._about(tuple(texts)),
        )

    def _time(self, text: str, column: str | None, line: int) -> datetime:
        try:
            at = self._dates.utc(text)
        except ValueError as error:
            raise BadRow(f"{column}: {error}") from None
        if text in self._dates.ambiguous:
            self._report.decide(DecisionCode.ambiguous_time, line)
        return at

    def _state(self, text: str | None, line: int) -> TicketState | None:
        if text is None:
            raise BadRow(f"no state in column {self._mapping.columns.state!r}")
        if text in self._ignored:
            self._report.decide(DecisionCode.ignored_state, line)
            return None
        state = self._mapping.states.get(text)
        if state is None:
            raise BadRow(f"unknown state {text!r}; the mapping knows {', '.join(map(repr, self._mapping.states))}")
        if text in self._approximate:
            self._report.decide(DecisionCode.approximate_state, line)
        return state

    def _count(self, text: str | None, line: int) -> int | None:
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            self._report.decide(DecisionCode.unreadable_count, line)
            return None

    def _department(self, text: str | None, line: int) -> str:
        if text is not None:
            return self._same.setdefault(text, text)
        if self._mapping.columns.department is not None:
            self._report.decide(DecisionCode.missing_department, line)
        return self._mapping.triage_department

    def _channel(self, text: str | None, line: int) -> str:
        channel = self._mapping.channels.get(text) if text is not None else None
        if channel is None and self._mapping.columns.channel is not None:
            self._report.decide(DecisionCode.unknown_channel, line)
        return channel or self._mapping.default_channel

    def _priority(self, text: str | None, line: int) -> Priority | None:
        priority = self._mapping.priorities.get(text) if text is not None else None
        if priority is None and self._mapping.columns.priority is not None:
            self._report.decide(DecisionCode.unknown_priority, line)
        return priority

    def _about(self, cells: tuple[str | None, ...]) -> Texts:
        known = self._texts.get(cells)
        if known is None:
            if len(self._texts) >= MAX_CACHED_TEXTS:
                self._texts.clear()
            known = self._texts[cells] = self._compose(dict(zip(self._text_columns, cells, strict=True)))
        return known

    def _compose(self, cells: dict[str, str | None]) -> Texts:
        columns = self._mapping.columns
        tags = dict.fromkeys(tag for column in columns.tags if (tag := cells[column]))
        lines = [f"{heading}: {cell}" for heading, column in columns.description.items() if (cell := cells[column])]
        subject = " / ".join(cell for column in columns.subject if (cell := cells[column]))
        return Texts(subject, tuple(tags), "\n".join(lines))
