"""One simulation in a process of its own: takes its work on standard input, tells how it goes on standard output.

Ends when standard input does: then whoever wanted the answer is gone.
"""

import asyncio
import os
import signal
import sys
import threading
from enum import StrEnum
from typing import BinaryIO

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.errors import Refusal
from supportix.simulation.question import Question
from supportix.simulation.run import compare, read_log
from supportix.store.log import LogEntry

LONGEST_LINE = 16 * 1024 * 1024
NICENESS = 10
GONE = 1


class Work(msgspec.Struct, frozen=True):
    """The question, and up to which position of the log it is about."""

    database_url: str
    question: Question
    position: int


class Told(msgspec.Struct, frozen=True, tag="told"):
    """How far it is."""

    stage: str
    done: int
    total: int


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """What became of it; `result` is a Comparison as JSON."""

    outcome: Outcome
    result: str | None = None
    why: str | None = None


def answer(work: Work, told: BinaryIO) -> Ended:
    """Answer the question, telling how far it is."""

    def tell(stage: str, done: int, total: int) -> None:
        _write(told, Told(stage, done, total))

    async def read() -> list[LogEntry]:
        async with AsyncConnectionPool(
            work.database_url, min_size=1, max_size=1, open=False, kwargs={"autocommit": True}
        ) as pool:
            return await read_log(pool, tell, work.position)

    try:
        comparison = compare(asyncio.run(read()), work.question, tell)
    except Refusal as refusal:
        return Ended(Outcome.REFUSED, why=str(refusal))
    except Exception as error:  # noqa: BLE001 - whatever it was, the one who asked is told.
        return Ended(Outcome.FAILED, why=f"{type(error).__name__}: {error}")
    return Ended(Outcome.DONE, result=msgspec.json.encode(comparison).decode())


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the worker, which ends this process.
    os.nice(NICENESS)  # Customers and agents don't wait for it.
    work = msgspec.json.decode(sys.stdin.buffer.readline(), type=Work)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    _write(sys.stdout.buffer, answer(work, sys.stdout.buffer))
    return 0


def _write(told: BinaryIO, message: Told | Ended) -> None:
    told.write(msgspec.json.encode(message) + b"\n")
    told.flush()


def _end_with_standard_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(GONE)


if __name__ == "__main__":
    sys.exit(main())
