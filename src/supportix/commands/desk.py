"""The desk: the library's Application over our log, and how one command is carried out on it.

A command loads aggregates, lets them decide, and saves their events as one append. When somebody else was faster it
decides again on the new state. A repeat of a command that was carried out gets the first answer.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import msgspec
import psycopg
from eventsourcing.application import Application
from psycopg_pool import AsyncConnectionPool

from supportix.domain.agent import Agent
from supportix.domain.aggregate import Aggregate, DomainEvent, fold
from supportix.domain.errors import NotFound, Refusal
from supportix.store.committer import Appended, Command, GroupCommitter, NewEvent, append_on
from supportix.store.errors import CommandReused, VersionConflict
from supportix.store.log import EventLog
from supportix.store.mapper import encode_fact

AggregateT = TypeVar("AggregateT", bound=Aggregate)
AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)

CACHED_AGENTS = 2_000
SNAPSHOT_EVERY = 100
TRIES = 8
FIRST_PAUSE_SECONDS = 0.001


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command: its answer as JSON, and the position from which reads show it."""

    answer: bytes
    position: int
    repeated: bool = False


class SupportDesk(Application[UUID]):
    """All tickets, agents and departments, as streams of one log.

    `save` and `repository` are the library's and synchronous; `carry_out`, `load` and `append` are for event loops.
    All of a process's writes go through one group committer per event loop.
    """

    name = "supportix"
    env: ClassVar[dict[str, str]] = {
        "PERSISTENCE_MODULE": "supportix.store.recorder:SupportixFactory",
        "MAPPER_TOPIC": "supportix.store.mapper:FactMapper",
    }

    def __init__(self, database_url: str, pool: AsyncConnectionPool[Any], committer: GroupCommitter) -> None:
        super().__init__(env={"DATABASE_URL": database_url})
        self.pool = pool
        self.reading = EventLog(pool)
        self._committer = committer
        self._agents: OrderedDict[UUID, Agent] = OrderedDict()
        self._snapshotting: set[asyncio.Task[None]] = set()

    async def load(self, kind: type[AggregateT], aggregate_id: UUID) -> AggregateT:
        """The aggregate's present state, yours to decide on. Refused: NotFound."""
        known = await self._known(kind, aggregate_id)
        entries = await self.reading.stream(aggregate_id, known.version if known else 0)
        aggregate: Aggregate | None = known
        for entry in entries:
            aggregate = entry.event.mutate(aggregate)
        if not isinstance(aggregate, kind):
            raise NotFound(f"no {kind.__name__.lower()} has the id {aggregate_id}")
        if isinstance(aggregate, Agent):
            self._remember(aggregate.copy())
        return aggregate

    async def load_as_of(
        self, kind: type[AggregateT], aggregate_id: UUID, *, version: int | None = None, at: datetime | None = None
    ) -> AggregateT:
        """The aggregate's state as it was at a version or a time, folded from its events alone.

        Refused: NotFound, also where it wasn't there yet or never had that version.
        """
        entries = await self.reading.stream(aggregate_id, up_to_version=version, at=at)
        aggregate = fold([entry.event for entry in entries])
        if not isinstance(aggregate, kind):
            raise NotFound(f"no {kind.__name__.lower()} had the id {aggregate_id} then")
        if version is not None and aggregate.version < version:
            raise NotFound(f"{kind.__name__.lower()} {aggregate_id} had no version {version} then")
        return aggregate

    async def append(self, aggregates: Sequence[Aggregate], command: Command) -> Appended | None:
        """Save the pending events of these aggregates as one command. None where nothing is pending.

        Refused: VersionConflict, CommandReused, StoreUnavailable, StoreFull.
        """
        events = [stored(event) for aggregate in aggregates for event in aggregate.collect_events()]
        if not events:
            return None
        appended = await self._committer.append(events, command)
        if not appended.repeated:
            for aggregate in aggregates:
                self._saved(aggregate)
        return appended

    async def carry_out(
        self, command: Command, decide: Callable[["Work"], Awaitable[AnswerT]], *, retry: bool = True
    ) -> Outcome:
        """Decide and save; again where another change came first, unless `retry` is off.

        Refused: whatever the decision refuses, and what `append` refuses. A repeat is answered before that.
        """
        for attempt in range(TRIES):
            work = Work(self)
            try:
                answer = msgspec.json.encode(await decide(work))
                numbered = msgspec.structs.replace(command, answer=answer)
                appended = await self.append(work.aggregates, numbered)
            except VersionConflict:
                for aggregate in work.aggregates:
                    self._agents.pop(aggregate.id, None)
                if not retry or attempt == TRIES - 1:
                    raise
                await asyncio.sleep(_pause_before_try(attempt + 1))
                continue
            except Refusal:
                if repeated := await self._outcome_before(command):
                    return repeated
                raise
            if appended is None:
                return await self._outcome_before(command) or Outcome(answer, await self.reading.head())
            return Outcome(appended.answer or answer, appended.last_position, appended.repeated)
        raise AssertionError("the loop above returns or raises")

    async def carry_out_beside(
        self,
        command: Command,
        decide: Callable[["Work"], Awaitable[AnswerT]],
        beside: Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]],
    ) -> Outcome:
        """Like `carry_out`, with other rows (an account, a claimed name) written in the same transaction.

        Decides once. For rare commands: it doesn't share a flush with others.
        """
        if repeated := await self._outcome_before(command):
            return repeated
        work = Work(self)
        answer = msgspec.json.encode(await decide(work))
        events = [stored(event) for aggregate in work.aggregates for event in aggregate.collect_events()]
        if not events:
            return Outcome(answer, await self.reading.head())
        try:
            async with self.pool.connection() as connection, connection.transaction():
                await beside(connection)
                appended = await append_on(connection, events, msgspec.structs.replace(command, answer=answer))
        except Refusal:
            if repeated := await self._outcome_before(command):  # The first one came in while this one decided.
                return repeated
            raise
        self._committer.wake(appended.last_position)
        return Outcome(appended.answer or answer, appended.last_position, appended.repeated)

    async def _outcome_before(self, command: Command) -> Outcome | None:
        """The outcome of an earlier command of this id, where its sender gave the id. Refused: CommandReused."""
        if command.fingerprint is None:
            return None
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT answer, last_position, fingerprint FROM commands WHERE command_id = %s", (command.id,)
            )
            row = await cursor.fetchone()
        if row is None:
            return None
        if row[2] != command.fingerprint:
            raise CommandReused("the same idempotency key came with another request; use a new key for a new request")
        return Outcome(row[0], row[1], repeated=True)

    async def _known(self, kind: type[AggregateT], aggregate_id: UUID) -> AggregateT | None:
        """What this process or a snapshot knows of an agent already; of others nothing is kept."""
        if not issubclass(kind, Agent):
            return None
        cached = self._agents.get(aggregate_id)
        if cached is not None:
            return cached.copy()  # type: ignore[return-value]
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT state FROM snapshots WHERE stream_id = %s AND kind = %s", (aggregate_id, _kind(kind))
            )
            row = await cursor.fetchone()
        return msgspec.json.decode(row[0], type=kind) if row else None

    def _saved(self, aggregate: Aggregate) -> None:
        if not isinstance(aggregate, Agent):
            return
        known = self._agents.get(aggregate.id)
        self._remember(aggregate.copy())
        before = known.version if known else 0
        if aggregate.version // SNAPSHOT_EVERY > before // SNAPSHOT_EVERY:
            task = asyncio.create_task(self._take(aggregate.copy()))
            self._snapshotting.add(task)
            task.add_done_callback(self._snapshotting.discard)

    def _remember(self, agent: Agent) -> None:
        self._agents[agent.id] = agent
        self._agents.move_to_end(agent.id)
        if len(self._agents) > CACHED_AGENTS:
            self._agents.popitem(last=False)

    async def _take(self, aggregate: Aggregate) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO snapshots AS s (stream_id, version, kind, state) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, kind = excluded.kind, "
                "state = excluded.state WHERE s.version < excluded.version OR s.kind <> excluded.kind",
                (aggregate.id, aggregate.version, _kind(type(aggregate)), msgspec.json.encode(aggregate)),
            )


class Work:
    """The aggregates that one command works on. Whatever they record is saved together."""

    def __init__(self, desk: SupportDesk) -> None:
        self._desk = desk
        self._loaded: dict[UUID, Aggregate] = {}

    @property
    def aggregates(self) -> Sequence[Aggregate]:
        return list(self._loaded.values())

    async def load(self, kind: type[AggregateT], aggregate_id: UUID) -> AggregateT:
        """The aggregate, loaded once. Refused: NotFound."""
        known = self._loaded.get(aggregate_id)
        if known is None:
            known = self._loaded[aggregate_id] = await self._desk.load(kind, aggregate_id)
        if not isinstance(known, kind):
            raise NotFound(f"no {kind.__name__.lower()} has the id {aggregate_id}")
        return known

    async def look_at(self, kind: type[AggregateT], aggregate_id: UUID) -> AggregateT:
        """An aggregate to go by that isn't changed: it is not among those that are saved. Refused: NotFound."""
        return await self._desk.load(kind, aggregate_id)

    def add(self, aggregate: Aggregate) -> None:
        """Save a new aggregate with this command."""
        self._loaded[aggregate.id] = aggregate


def _pause_before_try(number: int) -> float:
    """In seconds: longer each time, and by chance, so that those who got in each other's way don't again."""
    return random.uniform(0, FIRST_PAUSE_SECONDS * 2**number)  # noqa: S311 - no secret.


def stored(event: DomainEvent) -> NewEvent:
    """The event as the store takes it."""
    return NewEvent(event.originator_id, event.originator_version, event.fact.TOPIC, encode_fact(event.fact))


def _kind(kind: type[Aggregate]) -> str:
    """Names the shape of the state too: a snapshot of another shape isn't used."""
    return f"{kind.__name__}({','.join(kind.__struct_fields__)})"
