"""The mapping of a source system's columns and words to ours: a TOML file, shipped in `mappings/` or the user's own."""

import codecs
import csv
import tomllib
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from supportix.importing.report import ImportRefused

TicketState = Literal["queued", "assigned", "in_progress", "pending", "resolved", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]

ISO_FORMAT = "iso"


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column holds what. The first three must be there; the others make the histories richer. In JSON lines a
    column is a key; dots lead into objects and, by number from 0, into lists: `fields.assignee.name`, `tags.0`.

    `sequence` orders changes of the same instant. Where `reopen_count` is named, only its rise makes a reopening.
    `description` is a table of headings to columns.
    """

    ticket: str
    changed_at: str
    state: str
    opened_at: str | None = None
    sequence: str | None = None
    reopen_count: str | None = None
    department: str | None = None
    agent: str | None = None
    requester: str | None = None
    channel: str | None = None
    priority: str | None = None
    subject: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: dict[str, str] = {}

    def named(self) -> dict[str, str]:
        """Every column that must be in the file -> the key of the mapping that names it."""
        single = ("ticket", "changed_at", "state", "opened_at", "sequence", "reopen_count", "department", "agent")
        found = {getattr(self, key): key for key in (*single, "requester", "channel", "priority") if getattr(self, key)}
        lists = {"subject": self.subject, "tags": self.tags, "description": self.description.values()}
        for key, columns in lists.items():
            for column in columns:
                found.setdefault(column, key)
        return found


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the reader has to know about a source system.

    `date_formats` are formats of `datetime.strptime`, or "iso", tried in order. Times without an offset are in
    `timezone`. An empty cell is always missing, whatever `missing` says. A state that is neither
    in `states` nor in `ignored_states` refuses its row.
    """

    columns: Columns
    states: dict[str, TicketState]
    name: str = ""
    description: str = ""
    date_formats: tuple[str, ...] = (ISO_FORMAT,)
    timezone: str = "UTC"
    missing: tuple[str, ...] = ("",)
    encoding: str = "utf-8"
    delimiter: str = ","
    ignored_states: tuple[str, ...] = ()
    approximate_states: tuple[str, ...] = ()
    priorities: dict[str, Priority] = {}
    default_priority: Priority = "normal"
    channels: dict[str, str] = {}
    default_channel: str = "web"
    triage_department: str = "Triage"
    unknown_customer: str = "unknown customer"


def shipped_mappings() -> list[str]:
    folder = resources.files("supportix.importing.mappings")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_mapping(name_or_path: str | Path) -> Mapping:
    """The shipped mapping of that name, or the one in that file. Raises `ImportRefused`, naming file and key."""
    if str(name_or_path) in shipped_mappings():
        shipped = resources.files("supportix.importing.mappings").joinpath(f"{name_or_path}.toml")
        return mapping_from_toml(
            shipped.read_text(encoding="utf-8"), source=f"{name_or_path}.toml", name=str(name_or_path)
        )
    path = Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = ", ".join(shipped_mappings())
        raise ImportRefused(f"no mapping {str(name_or_path)!r}: expected a TOML file or one of: {known}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefused(f"the mapping {path} can't be read: {error}") from error
    return mapping_from_toml(text, source=str(path), name=path.stem)


def mapping_from_toml(text: str, *, source: str, name: str) -> Mapping:
    """Decode and check one mapping. Messages call the file `source`; `name` is used where the file gives none."""
    try:
        mapping = msgspec.convert({"name": name} | tomllib.loads(text), Mapping)
    except tomllib.TOMLDecodeError as error:
        raise ImportRefused(f"{source}: not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ImportRefused(f"{source}: {_readable(str(error))}") from error
    for problem in _problems(mapping):
        raise ImportRefused(f"{source}: {problem}")
    return mapping


def _readable(message: str) -> str:
    """The decoder points at the value as `$.columns.state`, and at a table's value as `$.states[...]`."""
    what, _, where = message.partition(" - at `")
    return f"{where.rstrip('`').removeprefix('$.')}: {what}" if where else what


def _problems(mapping: Mapping) -> list[str]:
    problems = []
    if not mapping.states:
        problems.append('states: expected at least one state, such as "New" = "queued"')
    problems += [
        f"approximate_states: {state!r} isn't in [states]"
        for state in mapping.approximate_states
        if state not in mapping.states
    ]
    problems += [
        f"ignored_states: {state!r} is also in [states]" for state in mapping.ignored_states if state in mapping.states
    ]
    problems += [problem for date_format in mapping.date_formats if (problem := _date_format_problem(date_format))]
    if not mapping.date_formats:
        problems.append('date_formats: expected at least one format, such as "%d/%m/%Y %H:%M" or "iso"')
    try:
        ZoneInfo(mapping.timezone)
    except (KeyError, ValueError, OSError):
        problems.append(f'timezone: {mapping.timezone!r} isn\'t known, expected a name such as "Europe/Lisbon"')
    try:
        codecs.lookup(mapping.encoding)
    except LookupError:
        problems.append(f'encoding: {mapping.encoding!r} isn\'t known, expected a name such as "utf-8"')
    try:
        csv.reader([], delimiter=mapping.delimiter)
    except (TypeError, ValueError):
        problems.append(f"delimiter: expected one character, got {mapping.delimiter!r}")
    return problems


def _date_format_problem(date_format: str) -> str | None:
    if date_format == ISO_FORMAT:
        return None
    example = datetime(2023, 2, 28, 13, 5)  # noqa: DTZ001  # Only the round trip through the format counts.
    try:
        again = datetime.strptime(example.strftime(date_format), date_format)  # noqa: DTZ007
    except ValueError as error:
        return f"date_formats: {date_format!r} can't be used: {error}"
    if again.date() != example.date():
        return f"date_formats: {date_format!r} must hold a day, a month and a year"
    return None
