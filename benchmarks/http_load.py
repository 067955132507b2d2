"""Sends tickets over a number of keep-alive connections for a number of seconds, and prints what came back as JSON.

Run by commands.py as a process of its own. Reads a JSON plan from standard input: host, port, seconds, warm_up_seconds,
connections, tokens (one per customer), departments, and rate: tickets a second, or 0 for as many as go.
With a rate, a request has its time, and its latency counts from then, also where the connection wasn't free yet.
"""

import asyncio
import json
import random
import sys
import time
from typing import Any, cast

SUBJECTS = ("Printer is on fire", "Cannot log in", "Invoice is wrong", "Parcel is late", "App is slow")
LATEST_SECONDS = 10.0
"""Requests that couldn't be sent for longer than this are given up, so that an overload ends."""

DESCRIPTION = "It happens since Monday, on two machines, with the newest version. Restarting did not help. " * 2


class Connection(asyncio.Protocol):
    """One keep-alive connection: the next request goes out when the answer to the last one is complete."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class isn't a subclass of it.
        self._load.schedule(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : (head + b"\r\n").find(b"\r\n", at)]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        self._load.answered(self._buffer[9:12], time.perf_counter() - self._sent_at)
        self._buffer = self._buffer[end + 4 + length :]
        self._load.schedule(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's name.
        self._load.closed(self)

    def send(self, due_at: float) -> None:
        assert self._transport is not None
        if self._load.over:
            self._transport.close()
            return
        self._sent_at = due_at
        self._transport.write(self._load.request())


class Load:
    """The requests to send and the answers that came."""

    def __init__(self, plan: dict[str, Any], tokens: list[str], departments: list[str]) -> None:
        self._random = random.Random(1)
        self._heads = [
            (
                f"POST /api/v1/tickets HTTP/1.1\r\nHost: {plan['host']}\r\nAuthorization: Bearer {token}\r\n"
                "Content-Type: application/json\r\nContent-Length: "
            ).encode()
            for token in tokens
        ]
        self._bodies = [
            json.dumps({"subject": subject, "description": DESCRIPTION, "department_id": department}).encode()
            for department in departments
            for subject in SUBJECTS
        ]
        self._interval = 1 / plan["rate"] if plan["rate"] else 0.0
        self._due_at = 0.0
        self.over = False
        self.counting = False
        self.latencies: list[float] = []
        self.statuses: dict[str, int] = {}
        self.all_statuses: dict[str, int] = {}
        self.connections: set[Connection] = set()
        self.dropped = 0

    def request(self) -> bytes:
        body = self._random.choice(self._bodies)
        return b"%b%d\r\n\r\n%b" % (self._random.choice(self._heads), len(body), body)

    def schedule(self, connection: Connection) -> None:
        """Let a free connection send its next request: at once, or when the rate allows it."""
        now = time.perf_counter()
        if not self._interval:
            connection.send(now)
            return
        last = self._due_at or now
        self._due_at = due_at = max(last + self._interval, now - LATEST_SECONDS)
        if due_at <= now:
            connection.send(due_at)
        else:
            asyncio.get_running_loop().call_later(due_at - now, connection.send, due_at)

    def answered(self, status: bytes, seconds: float) -> None:
        name = status.decode()
        self.all_statuses[name] = self.all_statuses.get(name, 0) + 1
        if self.counting:
            self.latencies.append(seconds)
            self.statuses[name] = self.statuses.get(name, 0) + 1

    def closed(self, connection: Connection) -> None:
        if not self.over:
            self.dropped += 1
        self.connections.discard(connection)


async def main() -> None:
    plan = json.load(sys.stdin)
    load = Load(plan, plan["tokens"], plan["departments"])
    loop = asyncio.get_running_loop()
    for _ in range(plan["connections"]):
        _, connection = await loop.create_connection(lambda: Connection(load), plan["host"], plan["port"])
        load.connections.add(connection)
    await asyncio.sleep(plan["warm_up_seconds"])
    load.counting, started, cpu = True, time.time(), time.process_time()
    print(json.dumps({"counting_from": started}), flush=True)
    await asyncio.sleep(plan["seconds"])
    load.counting, ended = False, time.time()
    client_cpu = time.process_time() - cpu
    load.over = True
    while load.connections:
        await asyncio.sleep(0.01)
    load.latencies.sort()
    print(
        json.dumps(
            {
                "started": started,
                "ended": ended,
                "client_cpu": client_cpu,
                "statuses": load.statuses,
                "all_statuses": load.all_statuses,
                "dropped": load.dropped,
                "latencies_ms": {
                    str(quantile): round(1000 * load.latencies[int(quantile * (len(load.latencies) - 1))], 2)
                    for quantile in (0.5, 0.9, 0.99, 0.999, 1.0)
                }
                if load.latencies
                else {},
            }
        )
    )


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
