"""Seats: one per open live connection. Who sits there, what they may see and want to see, and what waits to be sent."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

import msgspec

from supportix.identity.roles import Permission, Role
from supportix.identity.tokens import Principal
from supportix.realtime.frames import CloseCode, Subscribe, Topic

MOST_WAITING_FRAMES = 4_000
"""A reader that lets more frames than this pile up is too slow, and is closed."""

MOST_SEATS_PER_ACCOUNT = 32

_NEEDED = {
    Topic.TICKETS: None,
    Topic.QUEUES: Permission.QUEUES_READ,
    Topic.LOADS: Permission.QUEUES_READ,
    Topic.MERGES: Permission.MERGES_READ,
    Topic.FORECASTS: Permission.FORECASTS_READ,
}
"""The permission that a topic needs; of tickets everybody may hear, as far as they may see them."""

Key = tuple[str, UUID | None]
EVERYONE: Key = ("everyone", None)


def requester(account_id: UUID) -> Key:
    return ("requester", account_id)


def department(department_id: UUID) -> Key:
    return ("department", department_id)


def holder(agent_id: UUID) -> Key:
    return ("holder", agent_id)


class Change(msgspec.Struct, frozen=True, gc=False):
    """Something to tell, encoded once for all. A seat with one of the `audience`'s keys may see it."""

    position: int
    topic: Topic
    audience: frozenset[Key]
    text: str
    own_text: str | None = None
    """What its requester gets; None for what doesn't concern customers."""
    ticket_id: UUID | None = None


class TooManySeats(Exception):  # noqa: N818 - says what was found.
    """The account has as many live connections to this process as it may."""


class Ending(NamedTuple):
    code: CloseCode
    reason: str


class Joined(NamedTuple):
    """What a seat gets before its outbox goes on: frames that waited there, changes it missed, or why not these."""

    position: int
    earlier: list[str | Subscribe]
    missed: list[str]
    trouble: str | None


class Seat:
    """One connection's place. Its outbox is filled by the hub and emptied by the connection."""

    def __init__(self, principal: Principal, department_ids: frozenset[UUID]) -> None:
        self.is_subscribed = False
        self.topics: frozenset[Topic] = frozenset()
        self.ticket_ids: frozenset[UUID] | None = None
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._outbox: deque[str | Subscribe] = deque()
        self._filled = asyncio.Event()
        self.sit(principal, department_ids)

    def sit(self, principal: Principal, department_ids: frozenset[UUID]) -> None:
        """Work out what the principal may see; an agent sees what belongs to its departments and what it holds."""
        self.principal, self.department_ids = principal, department_ids
        self.keys: frozenset[Key]
        if principal.may(Permission.TICKETS_READ_ALL):
            self.keys = frozenset({EVERYONE})
        elif principal.role is Role.AGENT and principal.may(Permission.TICKETS_READ_DEPARTMENT):
            self.keys = frozenset({holder(principal.account_id), *map(department, department_ids)})
        elif principal.may(Permission.TICKETS_READ_OWN):
            self.keys = frozenset({requester(principal.account_id)})
        else:
            self.keys = frozenset()
        self.topics &= self.allowed_topics

    @property
    def allowed_topics(self) -> frozenset[Topic]:
        return frozenset(topic for topic, needed in _NEEDED.items() if needed is None or self.principal.may(needed))

    def subscribe(self, wish: Subscribe) -> None:
        self.topics, self.ticket_ids, self.is_subscribed = wish.topics & self.allowed_topics, wish.ticket_ids, True

    def text_for(self, change: Change) -> str | None:
        """The change as this seat is told it; None where it is not to be told."""
        if change.topic not in self.topics or self.keys.isdisjoint(change.audience):
            return None
        if self.ticket_ids is not None and change.ticket_id is not None and change.ticket_id not in self.ticket_ids:
            return None
        return change.own_text if self.principal.role is Role.CUSTOMER else change.text

    def put(self, item: str | Subscribe) -> None:
        """Queue a frame, or a wish that the connection carries out in its turn. Ends the seat of a slow reader."""
        if len(self._outbox) >= MOST_WAITING_FRAMES:
            self.end(CloseCode.TOO_SLOW, "frames were not read fast enough; connect again and resume")
            return
        self._outbox.append(item)
        self._filled.set()

    async def take(self, patience_seconds: float) -> list[str | Subscribe]:
        """What waits, in order; empty when nothing came within that time."""
        if not self._outbox:
            self._filled.clear()
            try:
                async with asyncio.timeout(patience_seconds):
                    await self._filled.wait()
            except TimeoutError:
                return []
        return self.drain()

    def drain(self) -> list[str | Subscribe]:
        waiting = list(self._outbox)
        self._outbox.clear()
        return waiting

    def end(self, code: CloseCode, reason: str) -> None:
        """Have the connection closed; the first reason counts."""
        if not self.ending.done():
            self.ending.set_result(Ending(code, reason))


class Seating:
    """All seats of a process, found by what they may see."""

    def __init__(self) -> None:
        self._by_key: dict[Key, set[Seat]] = {}
        self._seats: set[Seat] = set()

    def __len__(self) -> int:
        return len(self._seats)

    def __iter__(self) -> Iterator[Seat]:
        return iter(tuple(self._seats))

    def add(self, seat: Seat) -> None:
        self._seats.add(seat)
        for key in seat.keys:
            self._by_key.setdefault(key, set()).add(seat)

    def remove(self, seat: Seat) -> None:
        self._seats.discard(seat)
        for key in seat.keys:
            seats = self._by_key.get(key, set())
            seats.discard(seat)
            if not seats:
                self._by_key.pop(key, None)

    def of(self, account_id: UUID) -> list[Seat]:
        return [seat for seat in self._seats if seat.principal.account_id == account_id]

    def move(self, seat: Seat, principal: Principal, department_ids: frozenset[UUID]) -> None:
        """Seat somebody anew whose role or departments may have changed."""
        self.remove(seat)
        seat.sit(principal, department_ids)
        self.add(seat)

    def tell(self, change: Change) -> None:
        """Put the change into the outbox of every seat that is to be told."""
        told: set[Seat] = set()
        for key in change.audience:
            told.update(self._by_key.get(key, ()))
        for seat in told:
            text = seat.text_for(change)
            if text is not None:
                seat.put(text)
