"""The API's port: held for one `supportix up`, so that a second one that starts at the same time takes another."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from supportix.cli.errors import CommandRefused

PORTS_TRIED = 100


@contextmanager
def held_port(host: str, port: int, *, must_be_this: bool) -> Iterator[int]:
    """Hold the port, or, unless it must be this one, the next that is free. Raises CommandRefused.

    API processes share a port by SO_REUSEPORT, so without the hold two systems could share one by mistake.
    """
    holder, held = _first_free(host, port, 1 if must_be_this else PORTS_TRIED)
    try:
        yield held
    finally:
        holder.close()


def _first_free(host: str, first: int, count: int) -> tuple[socket.socket, int]:
    for port in range(first, min(first + count, 65_536)):
        with suppress(OSError):
            return _hold(host, port), port
    if count == 1:
        raise CommandRefused(f"port {first} on {host} can't be used, another program has it; name another with --port")
    raise CommandRefused(f"no port from {first} on is free on {host}; name one with --port")


def _hold(host: str, port: int) -> socket.socket:
    """Bind without listening: others are refused, but those of our user that share ports may join in.

    Bound with SO_REUSEADDR to pass over connections that an earlier server closed; kept without, to refuse others.
    """
    family, kind, protocol, _, address = _address(host, port)
    holder = socket.socket(family, kind, protocol)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(address)
        if sys.platform == "linux":
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        else:  # Elsewhere the API processes inherit one socket, for which the address has to be free.
            holder.close()
    except BaseException:
        holder.close()
        raise
    return holder


def _address(host: str, port: int) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CommandRefused(f"--host {host!r} can't be used: {error.strerror}") from error
