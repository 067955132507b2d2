"""Fits and forecasts in a process of its own: questions on standard input, answers on standard output, until that ends.

Fitting needs packages that take seconds and hundreds of megabytes to import, so they are imported here alone.
"""

import asyncio
import os
import signal
import sys
from typing import BinaryIO

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.forecasting.messages import Ask, Failed, Message, Reckoned, Setting
from supportix.forecasting.reckoning import Reckoning

NICENESS = 10


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the worker, which ends this process.
    os.nice(NICENESS)  # Customers and agents don't wait for it.
    setting = msgspec.json.decode(sys.stdin.buffer.readline(), type=Setting)
    asyncio.run(answer_all(setting, sys.stdin.buffer, sys.stdout.buffer))
    return 0


async def answer_all(setting: Setting, questions: BinaryIO, answers: BinaryIO) -> None:
    """One question after the other. Whatever goes wrong with one is told, and the next one is taken."""
    decode = msgspec.json.Decoder(Ask).decode
    async with AsyncConnectionPool(
        setting.database_url, min_size=1, max_size=1, open=False, kwargs={"autocommit": True}
    ) as pool:
        reckoning = Reckoning(setting, lambda message: tell(answers, message))
        while line := await asyncio.to_thread(questions.readline):
            try:
                await reckoning.reckon(pool, decode(line))
            except Exception as error:  # noqa: BLE001 - whatever it was, the one who asked is told.
                tell(answers, Failed(f"{type(error).__name__}: {error}"))
            else:
                tell(answers, Reckoned())


def tell(answers: BinaryIO, message: Message) -> None:
    answers.write(msgspec.json.encode(message) + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
