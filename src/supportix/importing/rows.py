"""The rows of a log file, CSV or JSON lines, gzipped or not: line numbers and the cells that a layout asks for."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from supportix.importing.mapping import Mapping
from supportix.importing.report import ImportRefused

Progress = Callable[[int, int], None]

PROGRESS_EVERY_ROWS = 2000
GZIP_MAGIC = b"\x1f\x8b"
JSON_LINES = (".jsonl", ".ndjson")
MAX_SHOWN_COLUMNS = 40
REQUIRED = ("ticket", "changed_at", "state")

_ABSENT = object()
_decode_object = msgspec.json.Decoder(dict[str, object]).decode


class BadRow(Exception):  # noqa: N818  # Never leaves the package: it becomes a refused row of the report.
    """Why one row can't be used."""


class Row(NamedTuple):
    """`cells` are stripped, in the order of the layout, "" where there is no such column, and none where there is
    a `problem`.
    """

    line: int
    cells: list[str]
    problem: str = ""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns a file is read for. `wanted`: in which order, None where there is none to read. `named`: every
    column that is looked for, and what for; in CSV the header must have it, unless it is among the `optional` ones.

    `expecting` is who expects them, as messages say it.
    """

    expecting: str
    wanted: tuple[str | None, ...]
    named: dict[str, str]
    optional: frozenset[str] = frozenset()
    encoding: str = "utf-8"
    delimiter: str = ","


def layout_of(mapping: Mapping) -> Layout:
    """The eleven columns with a meaning of their own, None where the mapping has none, then those of the texts."""
    columns = mapping.columns
    meaning = ("ticket", "changed_at", "state", "opened_at", "sequence", "reopen_count")
    people = ("department", "agent", "requester", "channel", "priority")
    single: list[str | None] = [getattr(columns, key) for key in meaning + people]
    return Layout(
        expecting=f"the mapping {mapping.name!r}",
        wanted=(*single, *dict.fromkeys((*columns.subject, *columns.tags, *columns.description.values()))),
        named=columns.named(),
        encoding=mapping.encoding,
        delimiter=mapping.delimiter,
    )


def rows_of(path: Path, layout: Layout, progress: Progress | None = None) -> Iterator[Row]:
    """Raises `ImportRefused` where the file can't be opened, lacks a column, or is damaged on the way."""
    try:
        with path.open("rb") as raw:
            total = path.stat().st_size
            rows = _rows(raw, path, layout)
            for number, row in enumerate(rows, start=1):
                yield row
                if progress and number % PROGRESS_EVERY_ROWS == 0:
                    progress(raw.tell(), total)
            if progress:
                progress(total, total)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportRefused(f"{path.name}: damaged or cut off gzip file: {error}") from error
    except UnicodeError as error:
        raise ImportRefused(f"{path.name}: isn't {layout.encoding} text: {error}") from error
    except OSError as error:
        raise ImportRefused(f"{path.name}: can't be read: {error.strerror or error}") from error


def _rows(raw: BinaryIO, path: Path, layout: Layout) -> Iterator[Row]:
    packed = raw.read(2) == GZIP_MAGIC
    raw.seek(0)
    stream: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
    encoding = "utf-8-sig" if layout.encoding.lower() in ("utf-8", "utf8") else layout.encoding
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    rows = _json_rows if suffix in JSON_LINES else _csv_rows
    with io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="") as text:
        yield from rows(_Lines(text, layout.encoding), path, layout)


class _Lines:
    """The lines of the file; `bad` holds the numbers of those that aren't text in the file's encoding."""

    def __init__(self, stream: io.TextIOWrapper, encoding: str) -> None:
        self._stream = stream
        self.encoding = encoding
        self.bad: set[int] = set()

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._stream, start=1):
            if not line.isascii() and not _is_text(line):
                self.bad.add(number)
            yield line

    def problem(self, first: int, last: int) -> str:
        if self.bad and any(first <= number <= last for number in self.bad):
            return f"isn't {self.encoding} text; the mapping's `encoding` may be wrong"
        return ""


def _is_text(line: str) -> bool:
    """Bytes that aren't text in the file's encoding are in the line as lone surrogates, which can't be encoded."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv_rows(lines: _Lines, path: Path, layout: Layout) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    header = _header(reader, lines, path, layout)
    width, before = len(header), reader.line_num
    # A column that isn't there is read from an empty cell that is put behind the row.
    positions = [header.index(column) if column in header else width for column in layout.wanted]
    while True:
        line = before + 1
        row: list[str] = []
        try:
            row = next(reader)
            problem = "" if len(row) in (0, width) else f"{width} columns expected, {len(row)} found"
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"not valid CSV: {error}"
        before = reader.line_num
        problem = lines.problem(line, before) or problem
        if problem:
            swallowed = f" (up to line {before}: an unclosed quote?)" if before > line else ""
            yield Row(line, [], problem + swallowed)
        elif row:
            row.append("")
            yield Row(line, [row[position].strip() for position in positions])


def _header(reader: Iterator[list[str]], lines: _Lines, path: Path, layout: Layout) -> list[str]:
    try:
        header = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise ImportRefused(f"{path.name}: the header isn't valid CSV: {error}") from error
    if lines.bad:
        raise ImportRefused(f"{path.name}: the header {lines.problem(1, max(lines.bad))}")
    if not any(header):
        raise ImportRefused(f"{path.name}: is empty; expected a header with {_listed(layout.named)}")
    sought = [column for column in layout.named if column not in layout.optional]
    missing = {column: layout.named[column] for column in sought if column not in header}
    if missing:
        raise ImportRefused(
            f"{path.name}: {layout.expecting} expects columns that aren't there: {_with_purpose(missing)}; "
            f"the file has {_listed(sorted(header)[:MAX_SHOWN_COLUMNS])} (delimiter {layout.delimiter!r})"
        )
    twice = [column for column in layout.named if header.count(column) > 1]
    if twice:
        raise ImportRefused(f"{path.name}: the header holds {_listed(twice)} more than once")
    return header


def _with_purpose(columns: dict[str, str]) -> str:
    return ", ".join(f"{column!r} (for {key})" for column, key in columns.items())


def _listed(columns: list[str] | dict[str, str]) -> str:
    return ", ".join(map(repr, columns))


def _json_rows(lines: _Lines, path: Path, layout: Layout) -> Iterator[Row]:
    """One JSON object on each line. A key may be absent or null in a row, except those of ticket, time and state; a key
    of the mapping that is in no row at all is taken as a mistake of the mapping, as a missing column of a CSV is.
    """
    wanted, named = layout.wanted, layout.named
    unseen, number, usable = dict(named), 0, False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        problem = lines.problem(number, number)
        fields, problem = ({}, problem) if problem else _json_object(line)
        if not problem:
            for column in [column for column in unseen if _value_at(fields, column) is not _ABSENT]:
                del unseen[column]
        row = Row(number, [], problem) if problem else _json_row(number, fields, wanted, named)
        usable = usable or not row.problem
        yield row
    if number == 0:
        raise ImportRefused(f"{path.name}: is empty; expected one JSON object on each line")
    if unseen and usable:
        raise ImportRefused(
            f"{path.name}: {layout.expecting} expects keys that no line has: {_with_purpose(unseen)}; "
            "take them out of the mapping if the file is right"
        )


def _json_object(line: str) -> tuple[dict[str, object], str]:
    """The object on the line, or what is wrong with it."""
    try:
        return _decode_object(line), ""
    except (msgspec.DecodeError, RecursionError) as error:
        return {}, f"expected one JSON object on the line: {error}"


def _json_row(number: int, fields: dict[str, object], wanted: Sequence[str | None], named: dict[str, str]) -> Row:
    cells: list[str] = []
    for column in wanted:
        value = _ABSENT if column is None else _value_at(fields, column)
        if isinstance(value, dict | list):
            kind = "an object" if isinstance(value, dict) else "a list"
            return Row(number, [], f"{column}: expected a text or a number, got {kind}; name what is in it with a dot")
        if column is not None and value is _ABSENT and named[column] in REQUIRED:
            found = _listed(list(fields)[:MAX_SHOWN_COLUMNS])
            return Row(number, [], f"no key {column!r} (for {named[column]}); the object has {found or 'no keys'}")
        cells.append(_as_text(value))
    return Row(number, cells)


def _value_at(fields: dict[str, object], key: str) -> object:
    """The value of a key; where there is no key of that whole name, its dots lead into objects and, by number from 0,
    into lists. Null holds nothing (None), and so does a list beyond its end.
    """
    value: object = fields.get(key, _ABSENT)
    if value is not _ABSENT or "." not in key:
        return value
    value = fields
    for part in key.split("."):
        if isinstance(value, dict):
            value = value.get(part, _ABSENT)
        elif isinstance(value, list) and part.isdecimal():
            value = value[int(part)] if int(part) < len(value) else None
        elif value is None:
            return None
        else:
            return _ABSENT
    return value


def _as_text(value: object) -> str:
    if value is None or value is _ABSENT:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()
