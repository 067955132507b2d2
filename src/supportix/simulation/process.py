"""The process that works on simulations, one after the other, each in an operating system's process of its own.

So neither the API nor the worker's other processes wait for it. It ends with its worker; who takes the lease next
begins the simulation anew, over the same part of the log.
"""

import asyncio
import contextlib
import sys
import time

import msgspec
import structlog

from supportix.simulation.job import LONGEST_LINE, Ended, Outcome, Told, Work
from supportix.simulation.jobs import JobStatus, Order, SimulationJobs
from supportix.store.committer import Fence

LEASE = "simulations"
POLL_SECONDS = 2.0
TELL_SECONDS = 0.25
STOP_SECONDS = 5.0

_log = structlog.get_logger(__name__)
_decode = msgspec.json.Decoder(Told | Ended).decode


class Simulations:
    """Works under the lease as long as it holds."""

    def __init__(self, jobs: SimulationJobs, database_url: str, fence: Fence) -> None:
        self._jobs = jobs
        self._database_url = database_url
        self._fence = fence

    async def run(self) -> None:
        """Work until cancelled. Raises LeaseLost when another owner has taken over."""
        while True:
            order = await self._jobs.next(self._fence)
            if order is None:
                await asyncio.sleep(POLL_SECONDS)
            else:
                await self._work_on(order)

    async def _work_on(self, order: Order) -> None:
        _log.info("simulation begun", simulation=str(order.simulation_id))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supportix.simulation.job"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            process.stdin.write(msgspec.json.encode(Work(self._database_url, order.question, order.position)) + b"\n")
            ended = await self._follow(order, process.stdout)
            if ended is not None:
                await self._end(order, ended)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            # Reads what is left in the pipe, too, or it would stay open.
            await asyncio.wait({asyncio.ensure_future(process.communicate())}, timeout=STOP_SECONDS)

    async def _follow(self, order: Order, lines: asyncio.StreamReader) -> Ended | None:
        """Pass on what it tells until it has ended; None where the simulation was removed meanwhile."""
        last, told_at = Told("", 0, 0), 0.0
        ended: Ended | None = None
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    line = await lines.readline()
            except TimeoutError:
                line = None
            if line == b"":
                return Ended(Outcome.FAILED, why="its process ended before its work was done")
            if line is not None:
                message = _decode(line)
                if isinstance(message, Ended):
                    ended = message
                else:
                    last = message
            if line is None or ended is not None or time.monotonic() - told_at >= TELL_SECONDS:
                told_at = time.monotonic()
                if not await self._jobs.tell(self._fence, order.simulation_id, last.stage, last.done, last.total):
                    _log.info("simulation cancelled", simulation=str(order.simulation_id))
                    return None
            if ended is not None:
                return ended

    async def _end(self, order: Order, ended: Ended) -> None:
        status = JobStatus(ended.outcome.value)
        await self._jobs.end(self._fence, order.simulation_id, status, result=ended.result, why=ended.why)
        _log.info("simulation ended", simulation=str(order.simulation_id), status=status.value, why=ended.why)
