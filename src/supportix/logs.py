"""How this process writes its log: one line per event, times in UTC, no secrets and no texts by or about people.

JSON for machines or text for people, as settings say. What libraries log through `logging` comes out in the same form.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Protocol, TextIO

import structlog

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
FORMATS = ("auto", "json", "text")
_NEVER_LOGGED = frozenset(
    {
        "authorization",
        "body",
        "cookie",
        "description",
        "headers",
        "password",
        "resolution",
        "secret",
        "subject",
        "token",
    }
)
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]+(?=@)")

Event = MutableMapping[str, Any]


class LogSettings(Protocol):
    """What the log needs to know of the settings: `log_level` as in LEVELS, `log_format` as in FORMATS."""

    @property
    def log_level(self) -> str: ...

    @property
    def log_format(self) -> str: ...


class LogSettingRefused(Exception):  # noqa: N818 - says what was expected.
    """A setting of the log doesn't fit; the message names it."""


def configure_logging(settings: LogSettings, process: str, stream: TextIO | None = None) -> None:
    """From now on this process logs to `stream` (standard error), and names itself in each line.

    Raises LogSettingRefused.
    """
    level, stream = _level(settings), stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"process": process, **event},
        without_secrets,
    ]
    renderers = _renderers(settings, stream)
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    libraries = level if level != logging.INFO else logging.WARNING  # Theirs at this level is for those who build them.
    logging.basicConfig(handlers=[handler], level=libraries, force=True)
    logging.captureWarnings(capture=True)


def without_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Leave out fields that hold secrets or people's texts, and mask the credentials in URLs."""
    return {
        name: _CREDENTIALS.sub("***", value) if isinstance(value, str) else value
        for name, value in event.items()
        if name.lower() not in _NEVER_LOGGED
    }


def _level(settings: LogSettings) -> int:
    if settings.log_level.lower() not in LEVELS:
        raise LogSettingRefused(
            f"SUPPORTIX_LOG_LEVEL is {settings.log_level!r}; one of {', '.join(LEVELS)} was expected"
        )
    return LEVELS[settings.log_level.lower()]


def _renderers(settings: LogSettings, stream: TextIO) -> list[Any]:
    """Neither form shows local variables in tracebacks: they hold what may not be logged."""
    if settings.log_format not in FORMATS:
        raise LogSettingRefused(
            f"SUPPORTIX_LOG_FORMAT is {settings.log_format!r}; one of {', '.join(FORMATS)} was expected"
        )
    if settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty()):
        return [structlog.processors.format_exc_info, _mask_traceback, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]


def _mask_traceback(_logger: Any, _method: str, event: Event) -> Event:
    if isinstance(event.get("exception"), str):
        event["exception"] = _CREDENTIALS.sub("***", event["exception"])
    return event
