"""The merging process: suggests merges of departments by their load, and carries each merge from step to step.

Consumes the read models for loads and the streams of merges for what was done. Each step is one command, fenced by the
lease and with an id that follows from the merge and its version: done again after a crash, it is done once. A step that
moves tickets emits TicketTransferred on their streams in the same command.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid5

import structlog

from supportix.commands.desk import SupportDesk, Work
from supportix.commands.merges import MergeAnswer, join, leave_where_ended
from supportix.domain.department import Department
from supportix.domain.errors import Conflict, NotFound
from supportix.domain.ids import MergeId, TicketId
from supportix.domain.merge import (
    AbandonReason,
    DecidedBy,
    Merge,
    NextStep,
    suggest_merge,
)
from supportix.domain.merge_evidence import Evidence
from supportix.domain.merge_settings import MergeMode, MergeStrategy
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Status
from supportix.policies.merging import ArrivalForecast, Suggestion, has_fallen, moves, suggestions, to_move
from supportix.projections.merge_load import MergeScene, merge_scene, oldest_fitting
from supportix.store.committer import Command, Fence
from supportix.store.errors import CorruptEvent, VersionConflict

LEASE = "merging"
MOVED_PER_COMMAND = 50
PACE_SECONDS = 2.0
"""Loads are looked at no more often than this; a merge that is under way goes on at once."""
SETTLE_SECONDS = 0.1
"""About as long as the read models need to show what was just done."""

Decide = Callable[[Work, Merge], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Merging:
    """The one who suggests merges and carries them out, as long as it holds the lease."""

    def __init__(
        self,
        desk: SupportDesk,
        fence: Fence,
        clock: Callable[[], datetime],
        forecast: ArrivalForecast | None = None,
    ) -> None:
        self._desk = desk
        self._fence = fence
        self._clock = clock
        self._forecast = forecast
        self._acted_until: int | None = None

    async def run(self) -> None:
        """Merge until cancelled. Raises LeaseLost when another owner has taken over."""
        while True:
            if not await self.advance():
                await asyncio.sleep(PACE_SECONDS)

    async def advance(self) -> bool:
        """One step of each live merge, or else what the load suggests. False where there is nothing to do now.

        Nothing is decided on a load that is older than this process's last step, or than its first look at the log.
        """
        if self._acted_until is None:
            self._acted_until = await self._desk.reading.head()
        scene = await merge_scene(self._desk.pool, self._clock(), forecast=self._forecast)
        live = [merge for merge_id in scene.live if (merge := await self._load(merge_id))]
        if any([await self._go_on(merge) for merge in live]):
            return True
        if scene.position < self._acted_until:
            await asyncio.sleep(SETTLE_SECONDS)
            return True
        if any([await self._decide(merge, scene) for merge in live]):
            return True
        suggested = suggestions(scene.standings.values(), self._clock())
        return any([await self._suggest(each, scene) for each in suggested])

    async def _load(self, merge_id: MergeId) -> Merge | None:
        """None where its stream can't be read: that merge stands still, and the others go on."""
        try:
            return await self._desk.load(Merge, merge_id)
        except CorruptEvent as error:
            _log.error("merge left alone", merge=str(merge_id), why=str(error))
            return None

    async def _go_on(self, merge: Merge) -> bool:
        """The steps that need no look at the load."""
        match merge.next_step:
            case NextStep.MOVE:
                return await self._carry_out(merge, self._move)
            case NextStep.FINISH:
                return await self._carry_out(merge, self._finish)
            case _:
                return False

    async def _decide(self, merge: Merge, scene: MergeScene) -> bool:
        """The steps that depend on the load."""
        evidence = scene.evidence(merge.source_id, merge.target_id)
        match merge.next_step:
            case NextStep.BEGIN if evidence is not None:
                return await self._carry_out(merge, await self._beginning(merge, evidence))
            case NextStep.RECONSIDER if evidence is not None and (why := self._why_withdrawn(merge, evidence)):
                return await self._carry_out(merge, self._abandoning(why, evidence))
            case NextStep.WATCH if evidence is not None and _is_over(merge, evidence):
                return await self._carry_out(merge, self._dissolving(evidence))
            case _:
                return False

    def _why_withdrawn(self, merge: Merge, evidence: Evidence) -> AbandonReason | None:
        """Why the suggestion is no longer one; what a person suggested stands whatever the load is."""
        if merge.suggested_by is DecidedBy.LOAD and _is_over(merge, evidence):
            return AbandonReason.LOAD_FELL
        return AbandonReason.NOT_DECIDED if merge.has_lapsed(self._clock()) else None

    async def _suggest(self, suggestion: Suggestion, scene: MergeScene) -> bool:
        source_id, target_id = suggestion.source.department_id, suggestion.target.department_id
        try:
            seen = await self._desk.load(Department, source_id)
        except CorruptEvent:
            return False
        merge_id = MergeId(uuid5(source_id, f"merge at version {seen.version}"))
        evidence = Evidence(position=scene.position, source=suggestion.source, target=suggestion.target)
        at = self._clock()

        async def decide(work: Work) -> MergeAnswer:
            source = await work.load(Department, source_id)
            if source.version != seen.version or source.merging != suggestion.settings:
                raise Conflict("the department has changed since its load was read")
            settings = suggestion.settings
            merge = suggest_merge(
                merge_id,
                evidence,
                settings,
                strategy=settings.strategy,
                triggers=suggestion.triggers,
                by=DecidedBy.LOAD,
                at=at,
            )
            await join(work, merge, at=at)
            if settings.mode is MergeMode.AUTOMATIC:
                merge.approve(by=DecidedBy.LOAD, at=at)
            return MergeAnswer.of(merge)

        try:
            await self._save(Command(id=uuid5(merge_id, "suggest"), fence=self._fence), decide)
        except (Conflict, CorruptEvent) as conflict:  # Another merge came first; the next look at the loads tells more.
            _log.info("merge not suggested", source=str(source_id), target=str(target_id), why=str(conflict))
            return False
        _log.info("merge suggested", merge=str(merge_id), source=str(source_id), target=str(target_id))
        return True

    async def _carry_out(self, seen: Merge, decide: Decide) -> bool:
        """Carry the merge one step on from where it was seen. False where somebody else has moved it on."""
        moved_on = False

        async def on_present(work: Work) -> MergeAnswer:
            nonlocal moved_on
            merge = await work.load(Merge, seen.id)
            moved_on = merge.version != seen.version
            if not moved_on:
                await decide(work, merge)
                await leave_where_ended(work, merge, at=self._clock())
            return MergeAnswer.of(merge)

        step = seen.next_step
        command = Command(id=uuid5(seen.id, f"{step} at version {seen.version}"), fence=self._fence)
        try:
            await self._save(command, on_present)
        except VersionConflict:  # Too busy to get a word in; the next round tries again.
            return False
        _log.info("merge carried on", merge=str(seen.id), step=step, moved_on_meanwhile=moved_on)
        return not moved_on

    async def _save(self, command: Command, decide: Callable[[Work], Awaitable[Any]]) -> None:
        outcome = await self._desk.carry_out(command, decide)
        self._acted_until = max(self._acted_until or 0, outcome.position)

    async def _beginning(self, merge: Merge, evidence: Evidence) -> Decide:
        """How to begin an approved merge with the load as it is by now."""
        if merge.strategy is MergeStrategy.POOL:
            if _is_over(merge, evidence):
                return self._abandoning(AbandonReason.LOAD_FELL, evidence)
            return self._pooling(evidence)
        source, target = evidence.source, evidence.target
        waiting = await oldest_fitting(self._desk.pool, merge.source_id, merge.target_id, moves(source, target))
        ticket_ids = to_move(waiting, source, target)
        if not ticket_ids:
            return self._abandoning(AbandonReason.NOTHING_TO_MOVE, evidence)
        return self._starting(ticket_ids, evidence)

    async def _move(self, work: Work, merge: Merge) -> None:
        moved: list[TicketId] = []
        passed_over: list[TicketId] = []
        for ticket_id in merge.remaining[:MOVED_PER_COMMAND]:
            done = await self._move_ticket(work, ticket_id, merge)
            (moved if done else passed_over).append(ticket_id)
        merge.record_moves(moved, passed_over, at=self._clock())

    async def _move_ticket(self, work: Work, ticket_id: TicketId, merge: Merge) -> bool:
        """Whether it still waited in the source."""
        try:
            ticket = await work.load(Ticket, ticket_id)
        except (NotFound, CorruptEvent):
            return False
        if ticket.status is not Status.QUEUED or ticket.department_id != merge.source_id:
            return False
        ticket.transfer(merge.target_id, reason="", at=self._clock(), demand=ticket.demand, merge_id=MergeId(merge.id))
        return True

    async def _finish(self, _: Work, merge: Merge) -> None:
        merge.finish(at=self._clock())

    def _starting(self, ticket_ids: list[TicketId], evidence: Evidence) -> Decide:
        async def start(_: Work, merge: Merge) -> None:
            merge.start(ticket_ids, evidence, at=self._clock())

        return start

    def _pooling(self, evidence: Evidence) -> Decide:
        async def pool(_: Work, merge: Merge) -> None:
            merge.form_pool(evidence, at=self._clock())

        return pool

    def _dissolving(self, evidence: Evidence) -> Decide:
        async def dissolve(_: Work, merge: Merge) -> None:
            merge.dissolve(by=DecidedBy.LOAD, evidence=evidence, at=self._clock())

        return dissolve

    def _abandoning(self, reason: AbandonReason, evidence: Evidence) -> Decide:
        async def abandon(_: Work, merge: Merge) -> None:
            merge.abandon(reason, evidence, at=self._clock())

        return abandon


def _is_over(merge: Merge, evidence: Evidence) -> bool:
    """Whether the need for the merge is over."""
    return merge.settings is not None and has_fallen(evidence.source, merge.settings)
