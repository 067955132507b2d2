"""The rows of a log file, CSV or JSON lines, gzipped or not: line numbers and the cells that the mapping asks for."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from supportix.importing.mapping import Columns, Mapping
from supportix.importing.report import ImportRefused

Progress = Callable[[int, int], None]

PROGRESS_EVERY_ROWS = 2000
GZIP_MAGIC = b"\x1f\x8b"
JSON_LINES = (".jsonl", ".ndjson")
MAX_SHOWN_COLUMNS = 40


class BadRow(Exception):  # noqa: N818  # Never leaves the package: it becomes a refused row of the report.
    """Why one row can't be used."""


class Row(NamedTuple):
    """`cells` are stripped, in the order of `wanted_columns`, "" where there is no such column, and none where there is
    a `problem`.
    """

    line: int
    cells: list[str]
    problem: str = ""


def wanted_columns(columns: Columns) -> list[str | None]:
    """The eleven columns with a meaning of their own, None where the mapping has none, then those of the texts."""
    meaning = ("ticket", "changed_at", "state", "opened_at", "sequence", "reopen_count")
    people = ("department", "agent", "requester", "channel", "priority")
    single: list[str | None] = [getattr(columns, key) for key in meaning + people]
    return [*single, *dict.fromkeys((*columns.subject, *columns.tags, *columns.description.values()))]


def rows_of(path: Path, mapping: Mapping, progress: Progress | None = None) -> Iterator[Row]:
    """Raises `ImportRefused` where the file can't be opened, lacks a column, or is damaged on the way."""
    try:
        with path.open("rb") as raw:
            total = path.stat().st_size
            rows = _rows(raw, path, mapping)
            for number, row in enumerate(rows, start=1):
                yield row
                if progress and number % PROGRESS_EVERY_ROWS == 0:
                    progress(raw.tell(), total)
            if progress:
                progress(total, total)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportRefused(f"{path.name}: damaged or cut off gzip file: {error}") from error
    except UnicodeError as error:
        raise ImportRefused(f"{path.name}: isn't {mapping.encoding} text: {error}") from error
    except OSError as error:
        raise ImportRefused(f"{path.name}: can't be read: {error.strerror or error}") from error


def _rows(raw: BinaryIO, path: Path, mapping: Mapping) -> Iterator[Row]:
    packed = raw.read(2) == GZIP_MAGIC
    raw.seek(0)
    stream: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
    encoding = "utf-8-sig" if mapping.encoding.lower() in ("utf-8", "utf8") else mapping.encoding
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    rows = _json_rows if suffix in JSON_LINES else _csv_rows
    with io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="") as text:
        yield from rows(_Lines(text, mapping.encoding), path, mapping)


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


def _csv_rows(lines: _Lines, path: Path, mapping: Mapping) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=mapping.delimiter, strict=True)
    header = _header(reader, lines, path, mapping)
    width, before = len(header), reader.line_num
    # A column that the mapping doesn't name is read from an empty cell that is put behind the row.
    positions = [width if column is None else header.index(column) for column in wanted_columns(mapping.columns)]
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


def _header(reader: Iterator[list[str]], lines: _Lines, path: Path, mapping: Mapping) -> list[str]:
    try:
        header = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise ImportRefused(f"{path.name}: the header isn't valid CSV: {error}") from error
    if lines.bad:
        raise ImportRefused(f"{path.name}: the header {lines.problem(1, max(lines.bad))}")
    if not any(header):
        raise ImportRefused(f"{path.name}: is empty; expected a header with {_listed(mapping.columns.named())}")
    _refuse_missing(set(header), mapping.columns.named(), path, mapping)
    twice = [column for column in mapping.columns.named() if header.count(column) > 1]
    if twice:
        raise ImportRefused(f"{path.name}: the header holds {_listed(twice)} more than once")
    return header


def _refuse_missing(found: set[str], needed: dict[str, str], path: Path, mapping: Mapping) -> None:
    missing = {column: key for column, key in needed.items() if column not in found}
    if missing:
        listed = ", ".join(f"{column!r} (for {key})" for column, key in missing.items())
        raise ImportRefused(
            f"{path.name}: the mapping {mapping.name!r} expects columns that aren't there: {listed}; "
            f"the file has {_listed(sorted(found)[:MAX_SHOWN_COLUMNS])} (delimiter {mapping.delimiter!r})"
        )


def _listed(columns: list[str] | dict[str, str]) -> str:
    return ", ".join(map(repr, columns))


def _json_rows(lines: _Lines, path: Path, mapping: Mapping) -> Iterator[Row]:
    """One JSON object per line. A key may be absent or null; the first object must have the three required ones."""
    wanted, decode, seen = wanted_columns(mapping.columns), msgspec.json.Decoder(dict[str, object]).decode, False
    required = {getattr(mapping.columns, key): key for key in ("ticket", "changed_at", "state")}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        problem = lines.problem(number, number)
        try:
            fields = {} if problem else decode(line)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            if not seen:
                raise ImportRefused(
                    f"{path.name}: expected one JSON object on each line; line {number}: {error}"
                ) from error
            fields, problem = {}, f"not a JSON object: {error}"
        if not seen and not problem:
            seen = True
            _refuse_missing(set(fields), required, path, mapping)
        yield Row(number, [], problem) if problem else _json_row(number, fields, wanted)
    if not seen:
        raise ImportRefused(f"{path.name}: is empty; expected one JSON object on each line")


def _json_row(number: int, fields: dict[str, object], wanted: list[str | None]) -> Row:
    values = [None if column is None else fields.get(column) for column in wanted]
    for column, value in zip(wanted, values, strict=True):
        if isinstance(value, (dict, list)):
            return Row(number, [], f"{column}: expected a text or a number, got {type(value).__name__}")
    return Row(number, ["" if value is None else str(value).strip() for value in values])
