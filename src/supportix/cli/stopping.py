"""Signals to `supportix up`: the first one stops everything in order, the second one kills."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from supportix.cli.errors import INTERRUPTED

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked the process to stop; raised wherever the main thread is."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.by_keyboard = number == signal.SIGINT


@contextmanager
def stop_signals(kill: Callable[[], None]) -> Iterator[None]:
    """Raise StopRequested at the first signal; at the second call `kill` and end the process."""
    stopping = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            kill()
            os._exit(INTERRUPTED)
        stopping = True
        raise StopRequested(number)

    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
