"""A worker process of a rebuild: folds its share of the streams into the shadow set.

Started by the rebuild, which hands it its order on standard input and reads on standard output how far it is, one line
each. It ends when its standard input does, so that it doesn't outlive the rebuild, and holds a lock meanwhile, which
the next rebuild waits for before it makes a shadow set of its own.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO

import msgspec
import psycopg

from supportix.projections.folding import Folding, Share
from supportix.projections.shadow import SHADOW, SHARE_LOCK

FAILED = 1


class Order(msgspec.Struct, frozen=True):
    """Which read models to fold, which share of the streams, and up to which position."""

    database_url: str
    names: Sequence[str]
    share: Share
    goal: int


async def fold_share(order: Order, told: BinaryIO) -> None:
    def tell(position: int) -> None:
        told.write(b"%d\n" % position)
        told.flush()

    async with await psycopg.AsyncConnection.connect(order.database_url, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock_shared(%s)", (SHARE_LOCK,))
        await connection.execute("SET synchronous_commit = off")
        await Folding(order.names, SHADOW, order.share).up_to(connection, order.goal, tell)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the rebuild, which stops its workers.
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        asyncio.run(fold_share(order, sys.stdout.buffer))
    except Exception as error:  # noqa: BLE001 - the rebuild tells it, in its own words.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - read by the rebuild.
        return FAILED
    return 0


def _end_with_standard_input() -> None:
    """The rebuild is gone when it ends, and nobody waits for these rows."""
    while os.read(0, 4096):
        pass
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
