"""How commands end when they can't do their work: one line for the person, and an exit code for the script."""

from __future__ import annotations

import sys

DIFFERENCE_FOUND = 1
STAYS_PARKED = 1
REFUSED = 2
FAULT = 70
INTERRUPTED = 130

_REFUSALS = (
    ("supportix.settings", "SettingRefused"),
    ("supportix.domain.errors", "Refusal"),
    ("supportix.embedded.errors", "EmbeddedServerError"),
    ("supportix.importing.report", "ImportRefused"),
    ("supportix.logs", "LogSettingRefused"),
)


class CommandRefused(Exception):  # noqa: N818 - says what stands in the way.
    """The command can't be carried out as it was given."""


def one_line(error: BaseException) -> str | None:
    """What to tell the person whose command was refused; None where the error is a fault of ours."""
    if isinstance(error, CommandRefused):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    return _line_of_parts(error)


def _line_of_parts(error: BaseException) -> str | None:
    """Parts that weren't imported can't have raised anything, and some are slow to import."""
    if any(isinstance(error, _loaded(module, name)) for module, name in _REFUSALS):
        return _joined(error)
    if isinstance(error, _loaded("psycopg.errors", "UndefinedTable")):
        return "the database hasn't been migrated to this release; run `supportix migrate`"
    if isinstance(error, _loaded("psycopg", "OperationalError")):
        return f"PostgreSQL: {_joined(error)}"
    return None


def _loaded(module: str, name: str) -> type[BaseException] | tuple[()]:
    found = sys.modules.get(module)
    return getattr(found, name) if found is not None else ()


def _joined(error: BaseException) -> str:
    """On one line, and where the message is but the detail of a refusal, after what was refused."""
    title = getattr(error, "title", None)
    said = title() if callable(title) else str(error)
    return " ".join((said if said == str(error) else f"{said.rstrip('.')}: {error}").split())
