"""Keeps the parts of `supportix up` running: starts them in order, again where one ends, and stops them in reverse."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import structlog

from supportix.cli.parts import Part
from supportix.embedded import EmbeddedServerError

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A part that ran this long starts again without delay."""

_log = structlog.get_logger(__name__)


class Watch:
    """One part, and when it starts again: soon at first, then ever later while it keeps ending."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.restarts = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._due_at: float | None = None
        self._started_at = time.monotonic()

    def tend(self, now: float) -> None:
        """Start the part again where it has ended and its pause is over."""
        why = self.part.why_restart() if self._due_at is None else None
        if why is not None:
            self._plan(why, now)
        elif self._due_at is not None and now >= self._due_at:
            self._restart(now)

    def _plan(self, why: str, now: float) -> None:
        if now - self._started_at > STEADY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        _log.warning(f"{self.part.name} has to start again", why=why, in_seconds=self._pause)
        self._due_at = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    def _restart(self, now: float) -> None:
        self.restarts += 1
        try:
            self.part.start()
        except (EmbeddedServerError, OSError) as error:
            self._plan(str(error), now)
            return
        self._due_at, self._started_at = None, time.monotonic()
        _log.warning(f"{self.part.name} runs again")


class Supervisor:
    """All parts, in the order of their start."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []

    def start(self, part: Part) -> Watch:
        """Start a part and keep it running. Raises what its start raises."""
        watch = Watch(part)
        self._watches.append(watch)
        part.start()
        return watch

    def tend(self) -> None:
        """Look after every part once."""
        for watch in self._watches:
            watch.tend(time.monotonic())

    def stop(self) -> None:
        """End all parts, the last started first."""
        while self._watches:
            self._watches[-1].part.stop()
            self._watches.pop()

    def kill(self) -> None:
        """End all parts at once; their files stay usable."""
        for watch in reversed(self._watches):
            watch.part.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
