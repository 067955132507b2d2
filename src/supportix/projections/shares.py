"""Folds the log into the shadow set with several processes, each with its share of the streams."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Sequence

import msgspec

from supportix.projections.folding import Share, Told
from supportix.projections.rebuild_share import Order

STOP_SECONDS = 5.0

ShareTold = Callable[[int, int], None]
"""Told which share has reached which position."""


class ShareFailed(Exception):  # noqa: N818 - says what happened.
    """A worker process of a rebuild ended before its work was done."""


async def fold_in_shares(database_url: str, names: Sequence[str], goal: int, count: int, told: Told) -> None:
    """Fold up to `goal` with `count` processes. `told` gets the mean of their positions. Raises ShareFailed."""
    positions = [0] * count

    def share_told(number: int, position: int) -> None:
        positions[number] = position
        told(sum(positions) // count)

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                order = Order(database_url, names, Share(number, count), goal)
                group.create_task(_fold_share(order, share_told))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def _fold_share(order: Order, told: ShareTold) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "supportix.projections.rebuild_share",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AssertionError("all three are pipes")
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        async for line in process.stdout:
            told(order.share.number, int(line))
        why = (await process.stderr.read()).decode(errors="replace").strip()
        if await process.wait():
            raise ShareFailed(why.splitlines()[-1] if why else f"exit code {process.returncode}")
    finally:
        process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=STOP_SECONDS)
