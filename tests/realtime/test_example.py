"""The example for subscribers prints what happens while it runs."""

import asyncio
import sys
from pathlib import Path

from tests.realtime.scene import desk_on, relaying
from tests.waiting import until

from supportix.embedded import EmbeddedNats
from supportix.realtime.connection import connect
from supportix.realtime.event_stream import STREAM

EXAMPLE = Path(__file__).parents[2] / "examples" / "nats_subscriber.py"


def test_the_example_prints_events_as_they_come(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk, connect(nats.url) as client, relaying(desk, client):
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(EXAMPLE), "--url", nats.url, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None

            async def listens() -> bool:
                return bool(await client.jetstream().consumers_info(STREAM))

            await until(listens, "the example's consumer")
            ticket = await desk.open(await desk.department())
            lines = [await asyncio.wait_for(process.stdout.readline(), 10) for _ in range(3)]
            process.terminate()
            await process.communicate()
            assert [line.split() for line in lines[1:]] == [
                [b"2", b"ticket.opened.v1", f"supportix.v1.events.ticket.{ticket.id}".encode()],
                [b"3", b"ticket.routed.v1", f"supportix.v1.events.ticket.{ticket.id}".encode()],
            ]

    asyncio.run(scenario())
