"""Commands on merges of departments. Wherever a merge begins or ends, both departments' streams change with it."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from supportix.commands.actors import Actor
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.commands.known_departments import KnownDepartments
from supportix.domain.department import Department
from supportix.domain.errors import Conflict
from supportix.domain.ids import DepartmentId, MergeId
from supportix.domain.merge import DecidedBy, Merge, MergeState, suggest_merge
from supportix.domain.merge_evidence import Evidence
from supportix.domain.merge_settings import MergeSettings, MergeStrategy
from supportix.identity.roles import Permission
from supportix.policies.merging import has_fallen, reached_marks
from supportix.store.committer import Command
from supportix.store.errors import StaleVersion


class MergeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The merge right after a command. `version` is what If-Match wants next."""

    merge_id: UUID
    source_id: UUID
    target_id: UUID
    state: MergeState
    strategy: MergeStrategy
    version: int

    @classmethod
    def of(cls, merge: Merge) -> "MergeAnswer":
        return cls(
            merge_id=merge.id,
            source_id=merge.source_id,
            target_id=merge.target_id,
            state=merge.state,
            strategy=merge.strategy,
            version=merge.version,
        )


class MergingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A department's merging settings right after they were changed."""

    department_id: UUID
    settings: MergeSettings
    version: int


class Merges:
    """Carries out commands on merges."""

    def __init__(self, desk: SupportDesk, departments: KnownDepartments) -> None:
        self._desk = desk
        self._departments = departments

    async def must_be_departments(self, *department_ids: UUID) -> None:
        """Refused: UnknownDepartment."""
        for department_id in department_ids:
            await self._departments.must_exist(department_id)

    async def change_settings(
        self,
        department_id: UUID,
        settings: MergeSettings,
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, UnknownDepartment, and as `MergeSettings.must_hold` says."""
        actor.must_have(Permission.MERGES_MANAGE)
        await self.must_be_departments(*settings.compatible_ids)

        async def decide(work: Work) -> MergingAnswer:
            department = await work.load(Department, department_id)
            _must_be_at(version, department.version)
            department.change_merging(settings, at=at)
            return MergingAnswer(department_id=department_id, settings=settings, version=department.version)

        return await self._desk.carry_out(envelope, decide)

    async def suggest(
        self,
        evidence: Evidence,
        strategy: MergeStrategy | None,
        actor: Actor,
        envelope: Command,
        *,
        approved: bool,
        at: datetime,
    ) -> Outcome:
        """Suggest a merge by hand, or begin it at once where it is `approved`; by the source's strategy unless given.

        Refused: Forbidden, NotFound, MergeWithItself, MergingNotSet, DepartmentsIncompatible, DepartmentInMerge,
        PoolNotNeeded.
        """
        actor.must_have(Permission.MERGES_MANAGE)
        merge_id = MergeId(uuid7())

        async def decide(work: Work) -> MergeAnswer:
            settings = (await work.load(Department, evidence.source.department_id)).merging
            if settings is None:
                raise MergingNotSet("merging settings that name the target as compatible were expected")
            chosen = strategy or settings.strategy
            merge = suggest_merge(
                merge_id,
                evidence,
                settings,
                strategy=chosen,
                triggers=reached_marks(evidence.source, settings),
                by=DecidedBy.PERSON,
                at=at,
            )
            if chosen is MergeStrategy.POOL and has_fallen(evidence.source, settings):
                raise PoolNotNeeded(
                    "a load that isn't below both low marks was expected; a pool would dissolve at once"
                )
            await join(work, merge, at=at)
            if approved:
                merge.approve(by=DecidedBy.PERSON, at=at)
            return MergeAnswer.of(merge)

        return await self._desk.carry_out(envelope, decide)

    async def approve(
        self, merge_id: UUID, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, MergeNotSuggested."""
        return await self._decide(
            merge_id, actor, envelope, version, lambda merge: merge.approve(by=DecidedBy.PERSON, at=at), at=at
        )

    async def dismiss(
        self, merge_id: UUID, reason: str, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, MergeNotSuggested."""
        return await self._decide(
            merge_id, actor, envelope, version, lambda merge: merge.dismiss(reason=reason, at=at), at=at
        )

    async def dissolve(
        self, merge_id: UUID, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, MergeNotPooled."""
        return await self._decide(
            merge_id, actor, envelope, version, lambda merge: merge.dissolve(by=DecidedBy.PERSON, at=at), at=at
        )

    async def _decide(
        self,
        merge_id: UUID,
        actor: Actor,
        envelope: Command,
        version: int | None,
        change: Callable[[Merge], Merge],
        *,
        at: datetime,
    ) -> Outcome:
        actor.must_have(Permission.MERGES_MANAGE)

        async def decide(work: Work) -> MergeAnswer:
            merge = await work.load(Merge, merge_id)
            _must_be_at(version, merge.version)
            change(merge)
            await leave_where_ended(work, merge, at=at)
            return MergeAnswer.of(merge)

        return await self._desk.carry_out(envelope, decide)


async def join(work: Work, merge: Merge, *, at: datetime) -> None:
    """Save a new merge with this command, and claim both departments for it. Refused: NotFound, DepartmentInMerge."""
    work.add(merge)
    for department_id, partner_id in _both(merge):
        department = await work.load(Department, department_id)
        department.join_merge(MergeId(merge.id), partner_id, at=at)


async def leave_where_ended(work: Work, merge: Merge, *, at: datetime) -> None:
    """Let both departments go with the command that ends their merge."""
    if not merge.is_live:
        for department_id, _ in _both(merge):
            (await work.load(Department, department_id)).leave_merge(MergeId(merge.id), at=at)


def _both(merge: Merge) -> tuple[tuple[DepartmentId, DepartmentId], ...]:
    """Each department with its partner."""
    return (merge.source_id, merge.target_id), (merge.target_id, merge.source_id)


def _must_be_at(expected: int | None, present: int) -> None:
    if expected not in (None, present):
        raise StaleVersion(f"version {expected} was expected, it is {present} now")


class MergingNotSet(Conflict):
    """The department has no merging settings yet."""


class PoolNotNeeded(Conflict):
    """The department's load is too low for a pool."""
