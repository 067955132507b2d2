"""How fast passwords may be tried: per account and address, and per address, counted in the database for all processes.

A failure from one address never delays the same account at another, so that no stranger can lock a person out.
Every try counts as failed until it has succeeded: a hundred parallel guesses are a hundred failures.
"""

import ipaddress
import math
from datetime import datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from supportix.identity.errors import TooManyAttempts
from supportix.identity.names import folded, is_possible_username

_WHOLE_ADDRESS = ""
_NO_SUCH_NAME = "?"  # Not a possible user name; all impossible ones share it.


class Pace(msgspec.Struct, frozen=True):
    """How many failures are free, how long the next try waits then, and how the count decays."""

    free_failures: int
    first_wait_seconds: float
    growth: float
    longest_wait_seconds: float
    seconds_per_forgotten_failure: float

    def decayed(self, failures: float, elapsed_seconds: float) -> float:
        return max(0.0, failures - max(0.0, elapsed_seconds) / self.seconds_per_forgotten_failure)

    def wait_seconds(self, failures: float, elapsed_seconds: float) -> float:
        """How long to wait still, `elapsed_seconds` after the last failure, when the count stood at `failures`.

        A clock that was set back makes the elapsed time negative; it counts as none.
        """
        # A failure counts until all of it is forgotten; the small number is for what binary fractions add.
        beyond = math.ceil(failures - 1e-6) - self.free_failures
        if beyond < 0:
            return 0.0
        wait = min(self.longest_wait_seconds, self.first_wait_seconds * self.growth ** min(beyond, 64))
        return max(0.0, wait - max(0.0, elapsed_seconds))


# 1 s after the fifth failure, then 2, 4, 8 ... up to 15 minutes: about a hundred guesses a day.
ACCOUNT_AT_ADDRESS = Pace(
    free_failures=5,
    first_wait_seconds=1,
    growth=2,
    longest_wait_seconds=900,
    seconds_per_forgotten_failure=900,
)
# A hundred at once, for an office behind one address, then one in nine seconds, in whatever names.
ADDRESS = Pace(
    free_failures=100,
    first_wait_seconds=9,
    growth=1,
    longest_wait_seconds=9,
    seconds_per_forgotten_failure=9,
)


def network_of(ip: str) -> str:
    """The unit that one stranger can hold many of: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Attempt(msgspec.Struct, frozen=True):
    address: str
    username_key: str


def attempt_of(username: str, ip: str) -> Attempt:
    key = folded(username) if is_possible_username(username) else _NO_SUCH_NAME
    return Attempt(address=network_of(ip), username_key=key)


async def admit(connection: AsyncConnection[Any], attempt: Attempt, now: datetime) -> None:
    """Counts the try as failed, or raises TooManyAttempts. A refused try is not counted: nobody saw its password."""
    rows = ((attempt.address, _WHOLE_ADDRESS, ADDRESS), (attempt.address, attempt.username_key, ACCOUNT_AT_ADDRESS))
    counts = [(*row, *await _count_for_update(connection, row[0], row[1], now)) for row in rows]
    wait = max(pace.wait_seconds(failures, elapsed) for _, _, pace, failures, elapsed in counts)
    if wait > 0:
        raise TooManyAttempts(math.ceil(wait))
    for address, key, pace, failures, elapsed in counts:
        await connection.execute(
            "update login_attempts set failures = %s, counted_at = %s where address = %s and username_key = %s",
            (pace.decayed(failures, elapsed) + 1, now, address, key),
        )


async def forgive(connection: AsyncConnection[Any], attempt: Attempt) -> None:
    """The try succeeded: the account starts afresh at this address, and the address gets this one try back.

    Not the other ones, or else a stranger's own account would let them guess at others without end.
    """
    await connection.execute(
        "update login_attempts set failures = greatest(0, failures - 1) where address = %s and username_key = %s",
        (attempt.address, _WHOLE_ADDRESS),
    )
    await connection.execute(
        "delete from login_attempts where address = %s and username_key = %s",
        (attempt.address, attempt.username_key),
    )


async def _count_for_update(
    connection: AsyncConnection[Any], address: str, key: str, now: datetime
) -> tuple[float, float]:
    """Failures and the seconds since they were counted, with the row locked (always the whole address first)."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            "insert into login_attempts (address, username_key, failures, counted_at) values (%s, %s, 0, %s)"
            " on conflict (address, username_key) do update set failures = login_attempts.failures"
            " returning failures, counted_at",
            (address, key, now),
        )
        [(failures, counted_at)] = await cursor.fetchall()
    return failures, (now - counted_at).total_seconds()
