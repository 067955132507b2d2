"""Routing as a process does it: the rules and the model in effect, followed in the background, asked without waiting.

Both are looked at each second, in one statement, so that what another process changed is in effect here within about
that time; what this process changed is in effect at once. While the database is away, what is known stays in force.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from supportix.domain.aggregate import fold
from supportix.domain.department import Department
from supportix.domain.routing import ClassifierVerdict, SuggestedTag
from supportix.domain.routing_rules import name_key
from supportix.domain.ticket_facts import TicketTagsSuggested
from supportix.routing import models
from supportix.routing.book import EMPTY, Request, RoutingBook
from supportix.routing.decide import Decision, UnknownRequestType, decide
from supportix.routing.errors import ModelUnreadable
from supportix.routing.reading import text_of
from supportix.store.errors import CorruptEvent
from supportix.store.log import EventLog, LogEntry

if TYPE_CHECKING:
    from supportix.routing.model import Reading, TextModel

LOOK_SECONDS = 1.0

_STATE = """
SELECT coalesce((SELECT position FROM events ORDER BY position DESC LIMIT 1), 0),
       (SELECT version FROM routing_models WHERE active),
       coalesce((SELECT json_object_agg(s.stream_id, s.version) FROM unique_names AS n
                 JOIN streams AS s ON s.stream_id = n.holder_id WHERE n.scope = 'department'), '{}')
"""
"""Every department has claimed a name in the transaction that made it."""

_log = structlog.get_logger(__name__)


class ActiveModel(msgspec.Struct, frozen=True):
    """The model in effect; None in its place where it can't be read."""

    version: int
    model: TextModel | None

    def read(self, request: Request) -> Reading | None:
        return self.model.read(text_of(request.subject, request.description)) if self.model is not None else None

    def verdict(self, reading: Reading | None) -> ClassifierVerdict:
        return ClassifierVerdict(model_version=self.version) if reading is None else reading.verdict(self.version)


class Routed(msgspec.Struct, frozen=True):
    """The decision on a ticket, and the tags that the model adds to it."""

    decision: Decision
    model_version: int | None = None
    tags: tuple[SuggestedTag, ...] = ()

    def suggestion(self, *, at: datetime) -> TicketTagsSuggested | None:
        """The fact that tells of the tags; None where there are none."""
        if not self.tags or self.model_version is None:
            return None
        return TicketTagsSuggested(occurred_at=at, tags=self.tags, model_version=self.model_version)


class Router:
    """Routes tickets. It begins to follow when it is first asked, and until `close`."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._log = EventLog(pool)
        self._versions: Mapping[UUID, int] = {}
        self._departments: dict[UUID, Department] = {}
        self._looking = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self.book: RoutingBook = EMPTY
        self.active: ActiveModel | None = None

    async def route(self, request: Request, *, tags: tuple[str, ...] = ()) -> Routed:
        """Where the ticket goes, and which tags beside those given suit it.

        Refused: UnknownRequestType, RequestTypeElsewhere.
        """
        await self._ready()
        try:
            return self._routed(request, tags)
        except UnknownRequestType:
            await self.refresh()  # Another process may have defined it just now.
            return self._routed(request, tags)

    async def refresh(self) -> None:
        """Take in what has changed. Whoever has seen this return is never answered by what was in force before."""
        async with self._looking:
            async with self._pool.connection() as connection:
                row = await (await connection.execute(_STATE)).fetchone()
            if row is None:
                raise AssertionError("a SELECT without FROM returns a row")
            position, model_version, versions = row
            await self._take_departments(position, {UUID(key): version for key, version in versions.items()})
            await self._take_model(model_version)

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following

    def _routed(self, request: Request, given: tuple[str, ...]) -> Routed:
        active = self.active
        if active is None:
            return Routed(decide(request, self.book))
        reading = active.read(request)
        decision = decide(request, self.book, lambda _: active.verdict(reading))
        known = {name_key(tag) for tag in given}
        suggested = [] if reading is None else [tag for tag in reading.tags() if name_key(tag.name) not in known]
        return Routed(decision, active.version, tuple(suggested))

    async def _ready(self) -> None:
        if self._following is None:
            await self.refresh()
            self._following = self._following or asyncio.create_task(self._follow(), name="routing")

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.refresh()
            except (psycopg.Error, PoolTimeout) as error:
                _log.warning("routing rules can't be looked at; those that are known stay in force", why=str(error))
            except Exception:  # noqa: BLE001 - whatever it was is logged, and the next look may go well.
                _log.exception("routing rules can't be looked at; those that are known stay in force")

    async def _take_departments(self, position: int, versions: Mapping[UUID, int]) -> None:
        if versions != self._versions:
            changed = [each for each, version in versions.items() if self._versions.get(each) != version]
            self._departments |= {each.id: each for each in await self._load(changed, position)}
            self._versions = versions
            self.book = RoutingBook(self._departments.values(), based_on=position)
        else:
            self.book = self.book.as_of(position)

    async def _load(self, department_ids: list[UUID], position: int) -> list[Department]:
        """As of the position; one with an event that can't be read keeps what was known of it."""
        try:
            streams = await self._log.streams(department_ids)
        except CorruptEvent as error:
            if len(department_ids) == 1:
                _log.error("a department's rules can't be read", department=str(department_ids[0]), why=str(error))
                return []
            return [found for each in department_ids for found in await self._load([each], position)]
        folded = [_folded(entries, position) for entries in streams.values()]
        return [department for department in folded if department is not None]

    async def _take_model(self, version: int | None) -> None:
        if version == (self.active.version if self.active else None):
            return
        if version is None:
            self.active = None
            return
        try:
            self.active = ActiveModel(version, await models.read(self._pool, version))
        except ModelUnreadable as error:
            _log.error("the active model can't be read; it routes nothing", version=version, why=str(error))
            self.active = ActiveModel(version, None)


def _folded(entries: list[LogEntry], position: int) -> Department | None:
    department = fold([entry.event for entry in entries if entry.position <= position])
    return department if isinstance(department, Department) else None
