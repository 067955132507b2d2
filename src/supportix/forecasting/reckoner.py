"""The operating system's process that fits and forecasts, as its owner sees it: asked once an hour, and kept between.

So the worker's other processes don't wait for a fit, and what was fitted stays in memory. It ends with its owner.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence

import msgspec

from supportix.forecasting.messages import LONGEST_LINE, Ask, Failed, Message, Reckoned, Setting

STOP_SECONDS = 5.0
JOB = (sys.executable, "-m", "supportix.forecasting.job")

_decode: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class Reckoner:
    """Its process is started by the first question, and anew by the next one where it has ended."""

    def __init__(self, setting: Setting, program: Sequence[str] = JOB) -> None:
        self._setting = setting
        self._program = program
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, question: Ask) -> AsyncIterator[Message]:
        """All that it says to a question; the last message is Reckoned or Failed."""
        process = await self._started()
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            process.stdin.write(msgspec.json.encode(question) + b"\n")
            await process.stdin.drain()
        except ConnectionError as error:
            yield Failed(f"its process had ended ({error!r})")
            return
        while True:
            try:
                line = await process.stdout.readline()
                message = _decode.decode(line) if line else Failed("its process ended before it had answered")
            except (msgspec.MsgspecError, ValueError) as error:
                await self.close()  # What else it says would be taken for the answer to the next question.
                message = Failed(f"its process said what can't be read: {error}")
            yield message
            if isinstance(message, Reckoned | Failed):
                return

    async def close(self) -> None:
        """End its process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        # Reads what is left in the pipe, too, or it would stay open.
        ending = asyncio.ensure_future(process.communicate())
        _, late = await asyncio.wait({ending}, timeout=STOP_SECONDS)
        if late:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await ending

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            await self.close()
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE,
            )
            if self._process.stdin is None:
                raise AssertionError("it is a pipe")
            self._process.stdin.write(msgspec.json.encode(self._setting) + b"\n")
        return self._process
