"""What the children of `supportix up` log: all of it to files, and their warnings and errors to the terminal too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

SHOWN_LEVELS = frozenset({"warning", "error", "critical"})
_TEXT_LEVEL = re.compile(r"\[(\w+)\s*\]")
_OF_EVERY_LINE = frozenset({"event", "exception", "level", "process", "timestamp"})


class ChildLog:
    """One child's log file, read as it grows."""

    def __init__(self, name: str, path: Path) -> None:
        """From its present end on."""
        self._name = name
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self.last_words = ""

    def new_lines(self) -> Iterator[str]:
        """What a person at the terminal should see of what has come since."""
        for line in self._read().splitlines():
            text = readable(line)
            self.last_words = text or line.strip() or self.last_words
            if text is not None:
                yield f"{self._name}: {text}"

    def _read(self) -> str:
        if not self._path.exists():
            return ""
        if self._path.stat().st_size < self._offset:  # It was set aside, and begun anew.
            self._offset = 0
        with self._path.open("rb") as log:
            log.seek(self._offset)
            found = log.read()
        whole = found[: found.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode(errors="replace")


def readable(line: str) -> str | None:
    """A logged warning or error as one line for a person; None for all else."""
    try:
        event = json.loads(line)
    except ValueError:
        level = _TEXT_LEVEL.search(line)
        is_shown = line.startswith("error: ") or (level is not None and level[1].lower() in SHOWN_LEVELS)
        return line.strip() if is_shown else None
    if not isinstance(event, dict) or event.get("level") not in SHOWN_LEVELS:
        return None
    details = [f"{name}={value}" for name, value in event.items() if name not in _OF_EVERY_LINE]
    reason = str(event.get("exception", "")).strip().splitlines()[-1:]
    return " ".join(" ".join([f"{event['level']}: {event.get('event')}", *details, *reason]).split())
