"""Logs in and prints what changes, as it changes, over the WebSocket.

uv run python examples/watch_tickets.py USERNAME PASSWORD [--url http://127.0.0.1:8000]
"""

import argparse
import asyncio
import json
import urllib.request

import websockets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("username")
    parser.add_argument("password")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    token = log_in(arguments.url, arguments.username, arguments.password)
    try:
        asyncio.run(watch(arguments.url, token))
    except KeyboardInterrupt:
        print("stopped")
    except websockets.ConnectionClosed as closed:
        print(f"the desk is gone, or has closed the connection: {closed}")


def log_in(url: str, username: str, password: str) -> str:
    request = urllib.request.Request(
        f"{url}/api/v1/auth/log-in",
        json.dumps({"username": username, "password": password}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["access_token"])


async def watch(url: str, token: str) -> None:
    address = url.replace("http", "ws", 1) + "/ws"
    async with websockets.connect(address, subprotocols=[websockets.Subprotocol("supportix.v1")]) as socket:
        await socket.send(json.dumps({"type": "authenticate", "token": token}))
        await socket.send(json.dumps({"type": "subscribe", "topics": ["tickets", "queues", "loads"]}))
        async for frame in socket:
            print(describe(json.loads(frame)), flush=True)


def describe(frame: dict[str, object]) -> str:
    rest = {name: value for name, value in frame.items() if name not in {"type", "epoch", "position"}}
    return f"{frame.get('position'):>8} {frame['type']:16} {json.dumps(rest)}"


if __name__ == "__main__":
    main()
