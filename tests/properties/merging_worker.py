"""A merging process that is killed at its first step: run as a script, against one database.

Arguments: database URL, epoch of its lease, and `before` or `after`: whether it dies right before that step is
written, or after it was written and before the process gets to know it. It ends by itself, with 0, when a round found
nothing to do.
"""

import asyncio
import os
import signal
import sys
from typing import NoReturn

from supportix.bootstrap import open_core, utc_now
from supportix.processes import merging
from supportix.settings import Settings
from supportix.store.committer import Fence, GroupCommitter


async def main(url: str, epoch: int, moment: str) -> None:
    merging.MOVED_PER_COMMAND = 2
    append = GroupCommitter.append

    async def fatal_append(*arguments):
        if moment == "after":
            await append(*arguments)
        die()

    GroupCommitter.append = fatal_append  # type: ignore[method-assign]
    async with open_core(Settings(database_url=url, pool_size=2)) as core:
        process = merging.Merging(core.desk, Fence(merging.LEASE, epoch), utc_now)
        while await process.advance():
            pass


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives that")


if __name__ == "__main__":
    _, url, epoch, moment = sys.argv
    asyncio.run(main(url, int(epoch), moment))
