"""One request as its handler sees it, and what handlers answer with."""

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import uuid5

import msgspec

from supportix.api.backend import Backend
from supportix.api.headers import Headers, correlation, expected_version, fingerprint, idempotency_key
from supportix.api.refusals import Unauthenticated
from supportix.commands.actors import Actor
from supportix.identity.tokens import Principal
from supportix.store.committer import Command

AnswerT = TypeVar("AnswerT")


class Call:
    """Who asks, when, and with which headers; and the parts of this process to answer with."""

    __slots__ = ("at", "backend", "body", "headers", "principal", "scope")

    def __init__(
        self, backend: Backend, scope: Any, headers: Headers, principal: Principal | None, at: datetime
    ) -> None:
        self.backend = backend
        self.scope = scope
        self.headers = headers
        self.principal = principal
        self.at = at
        self.body = b""

    @property
    def sender(self) -> Principal:
        """Whoever is signed in. Refused: Unauthenticated."""
        if self.principal is None:
            raise Unauthenticated
        return self.principal

    @property
    def actor(self) -> Actor:
        return Actor(self.sender.account_id, self.sender.role)

    @property
    def address(self) -> str:
        """The network address that the request came from, as the server saw it."""
        client = self.scope.get("client")
        return str(client[0]) if client else "unknown"

    @property
    def expected_version(self) -> int | None:
        """What If-Match says. Refused: InvalidRequest."""
        return expected_version(self.headers)

    @property
    def envelope(self) -> Command:
        """Who sends the command and why; the same for a repeat under one idempotency key. Refused: InvalidRequest."""
        account_id = self.sender.account_id
        correlation_id, trace_context = correlation(self.headers)
        key = idempotency_key(self.headers)
        if key is None:
            return Command(actor_id=account_id, correlation_id=correlation_id, trace_context=trace_context)
        return Command(
            id=uuid5(account_id, key.decode()),
            actor_id=account_id,
            correlation_id=correlation_id,
            trace_context=trace_context,
            fingerprint=fingerprint(self.backend.secret, self.scope["method"], self.scope["path"], self.body),
        )


class Read(msgspec.Struct, Generic[AnswerT], frozen=True):
    """A query's answer, and the position of the log that it is true for."""

    value: AnswerT
    position: int
    version: int | None = None
    """Becomes the ETag."""
    revalidates: bool = True
    """Whether an equal version means an equal answer."""


class Accepted(msgspec.Struct, Generic[AnswerT], frozen=True):
    """What was begun, and under which path of the API it is found."""

    value: AnswerT
    path: str


class Page(msgspec.Struct, Generic[AnswerT], frozen=True):
    """One page of a list. `next_cursor` leads to the next one; null at the end."""

    items: tuple[AnswerT, ...]
    next_cursor: str | None
