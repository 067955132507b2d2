"""Waiting for a condition, never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LONGEST_SECONDS = 30.0


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = LONGEST_SECONDS) -> None:
    """Return as soon as the condition holds; fails after `seconds`, saying what was waited for."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"{what} was waited for in vain"
        await asyncio.sleep(0.01)
