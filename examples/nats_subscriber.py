"""Prints the events of a Supportix desk as they come: position, name and subject.

    uv run python examples/nats_subscriber.py [--url nats://...]

Without --url it takes SUPPORTIX_NATS_URL, or nats://localhost:4222. It begins after the last event that the stream
holds, and tells when the stream's epoch changes: then positions were left out, and whoever keeps a copy reads afresh.
"""

import argparse
import asyncio
import os
import sys

import nats
from nats.errors import Error as NatsError
from nats.js.api import DeliverPolicy
from nats.js.errors import NotFoundError

STREAM = "SUPPORTIX_EVENTS"
SUBJECTS = "supportix.v1.events.>"


async def follow(url: str) -> None:
    """Print until interrupted. The consumer is an ordered one: no event twice, none out of order, none left out."""
    async with await nats.connect(url, max_reconnect_attempts=-1, error_cb=report) as client:
        events = await client.jetstream().subscribe(
            SUBJECTS, stream=STREAM, ordered_consumer=True, deliver_policy=DeliverPolicy.NEW
        )
        epoch = None
        async for message in events.messages:
            headers = message.headers or {}
            if epoch not in (None, headers["Supportix-Epoch"]):
                sys.stdout.write("a new epoch: events were left out here\n")
            epoch = headers["Supportix-Epoch"]
            sys.stdout.write(f"{headers['Supportix-Position']:>10}  {headers['ce-type']:<32} {message.subject}\n")
            sys.stdout.flush()


async def report(error: Exception) -> None:
    """One line for each failure; the client goes on trying."""
    sys.stderr.write(f"NATS doesn't answer as expected: {error}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the events of a Supportix desk as they come.")
    parser.add_argument("--url", default=os.environ.get("SUPPORTIX_NATS_URL", "nats://localhost:4222"))
    url = parser.parse_args().url
    try:
        asyncio.run(follow(url))
    except KeyboardInterrupt:
        return
    except NotFoundError:
        sys.exit(f"there is no stream {STREAM} yet: start a Supportix worker first")
    except (NatsError, OSError) as error:
        sys.exit(f"NATS doesn't answer as expected: {error}")


if __name__ == "__main__":
    main()
