"""A process that appends: run as a script, many at once, against one database.

Arguments: database URL, the append function's name, commands, the seed of its choices. With a seed it competes with
the others for a few streams; without one each command has a stream of its own.
"""

import asyncio
import random
import sys
from uuid import UUID, uuid4

from supportix.store import committer as committing
from supportix.store.committer import Command, GroupCommitter, NewEvent
from supportix.store.errors import VersionConflict

SHARED = [UUID(int=number) for number in range(1, 9)]
TASKS = 6


async def main(url: str, function: str, commands: int, seed: int | None) -> None:
    committing.APPEND = committing.APPEND.replace("append_events", function)
    committer = GroupCommitter(url)
    await committer.start()
    dice = random.Random(seed)  # noqa: S311 - repeatable, and no secret.
    versions = dict.fromkeys(SHARED, 0)

    async def write() -> None:
        for _ in range(commands // TASKS):
            shared = dice.choice(SHARED) if seed is not None and dice.random() < 0.3 else None
            own = uuid4()
            events = [_event(own, version) for version in range(1, dice.randrange(2, 5))]
            if shared is not None:
                events.append(_event(shared, versions[shared] + 1))
            try:
                await committer.append(events, Command())
            except VersionConflict:
                versions[shared] += 1  # Somebody else was first; guess the next one.
            else:
                if shared is not None:
                    versions[shared] += 1

    await asyncio.gather(*(write() for _ in range(TASKS)))
    await committer.close()


def _event(stream_id: UUID, version: int) -> NewEvent:
    return NewEvent(stream_id, version, "race", b"{}")


if __name__ == "__main__":
    _, url, function, commands, seed = sys.argv
    asyncio.run(main(url, function, int(commands), int(seed) if seed != "none" else None))
