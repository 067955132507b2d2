"""Merges of departments: the settings, suggesting and deciding on them, and reading them."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from supportix.api.access import any_of
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import command, query
from supportix.api.inputs import CursorText, Ids, Limit, Reason
from supportix.api.paging import page_of
from supportix.api.refusals import ReadModelsBehind
from supportix.commands.desk import Outcome
from supportix.commands.known_departments import UnknownDepartment
from supportix.commands.merges import MergeAnswer, MergingAnswer, MergingNotSet, PoolNotNeeded
from supportix.domain.department import DepartmentInMerge
from supportix.domain.errors import NotFound
from supportix.domain.ids import DepartmentId
from supportix.domain.merge import DepartmentsIncompatible, MergeNotPooled, MergeNotSuggested, MergeState
from supportix.domain.merge_settings import (
    LARGEST_MARK,
    LONGEST_COOL_DOWN_MINUTES,
    LONGEST_SUGGESTION_MINUTES,
    MOST_COMPATIBLE,
    USUAL_SUGGESTION_MINUTES,
    MarksOutOfOrder,
    MergeMode,
    MergeSettings,
    MergeStrategy,
    MergeWithItself,
)
from supportix.identity.roles import Permission
from supportix.projections.merge_load import merge_scene
from supportix.projections.merge_queries import (
    DepartmentMergingView,
    MergeFilter,
    MergeKey,
    MergeView,
    merge_detail,
    merge_page,
    merging_of_department,
)

TAG = "Merges"
READING = any_of(Permission.MERGES_READ)
MANAGING = any_of(Permission.MERGES_MANAGE)

Tickets = Annotated[int, Meta(ge=0, le=LARGEST_MARK, description="In waiting tickets.")]
Minutes = Annotated[int, Meta(ge=0, le=LARGEST_MARK, description="In minutes of projected wait.")]
Percent = Annotated[int, Meta(ge=1, le=100, description="Of the capacity of the agents who take new work.")]
CoolDown = Annotated[int, Meta(ge=0, le=LONGEST_COOL_DOWN_MINUTES, description="In minutes.")]
SuggestionLife = Annotated[
    int, Meta(ge=1, le=LONGEST_SUGGESTION_MINUTES, description="In minutes; a suggestion that stood so long lapses.")
]
CompatibleIds = Annotated[
    tuple[UUID, ...], Meta(max_length=MOST_COMPATIBLE, description="The departments that may help this one.")
]


class NewMerging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a merge is suggested to the department, with whom, and what it does. Each low mark is below its high one."""

    mode: MergeMode
    strategy: MergeStrategy = MergeStrategy.REDISTRIBUTE
    queue_low: Tickets = 5
    queue_high: Tickets = 20
    wait_low_minutes: Minutes = 15
    wait_high_minutes: Minutes = 60
    underused_percent: Percent = 30
    cool_down_minutes: CoolDown = 60
    suggestion_minutes: SuggestionLife = USUAL_SUGGESTION_MINUTES
    compatible_ids: CompatibleIds = ()

    @property
    def settings(self) -> MergeSettings:
        given = {name: getattr(self, name) for name in self.__struct_fields__ if name != "compatible_ids"}
        unique = tuple(dict.fromkeys(map(DepartmentId, self.compatible_ids)))
        return MergeSettings(compatible_ids=unique, **given)


class NewMerge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge by hand, whatever the load and the cool-down; without a strategy, by the source's."""

    source_id: UUID
    target_id: UUID
    strategy: MergeStrategy | None = None
    approved: bool = False
    """Whether to begin at once, without another person's approval."""


class Dismissal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why not."""

    reason: Reason = ""


class MergesQuery(MergeFilter, frozen=True, kw_only=True):
    """Which merges, and which page of them. Departments count as source and as target."""

    state: Annotated[tuple[MergeState, ...], Meta(max_length=8)] = ()
    department_id: Ids = ()
    limit: Limit = 50
    cursor: CursorText | None = None


@command(
    "PUT",
    "/departments/{department_id}/merging",
    needs=MANAGING,
    tag=TAG,
    answer=MergingAnswer,
    conditional=True,
    refusals=(NotFound, UnknownDepartment, MarksOutOfOrder, MergeWithItself),
)
async def change_merging(call: Call, department_id: UUID, body: NewMerging) -> Outcome:
    """Change how a department takes part in merges. A live merge goes on by the settings that it began with."""
    merges = call.backend.core.merges
    return await merges.change_settings(
        department_id, body.settings, call.actor, call.envelope, call.expected_version, at=call.at
    )


@query("/departments/{department_id}/merging", needs=READING, tag=TAG, refusals=(NotFound,))
async def get_merging(call: Call, department_id: UUID) -> Read[DepartmentMergingView]:
    """Read how a department takes part in merges."""
    found = await merging_of_department(call.backend.database, department_id)
    if found.value is None:
        raise NotFound(f"no department has the id {department_id}")
    return Read(found.value, found.position, version=found.value.version, revalidates=False)


@command(
    "POST",
    "/merges",
    needs=MANAGING,
    tag=TAG,
    answer=MergeAnswer,
    status=201,
    refusals=(
        UnknownDepartment,
        MergeWithItself,
        MergingNotSet,
        DepartmentsIncompatible,
        DepartmentInMerge,
        PoolNotNeeded,
        ReadModelsBehind,
    ),
)
async def suggest_merge(call: Call, body: NewMerge) -> Outcome:
    """Suggest a merge by hand, or begin it at once."""
    core = call.backend.core
    source_id, target_id = DepartmentId(body.source_id), DepartmentId(body.target_id)
    if source_id == target_id:
        raise MergeWithItself("another department than the source was expected as target_id")
    await core.merges.must_be_departments(source_id, target_id)
    await call.backend.positions.reach(await core.desk.reading.head(), call.backend.settings.consistency_wait_seconds)
    scene = await merge_scene(core.pool, call.at, department_ids=[source_id, target_id])
    evidence = scene.evidence(source_id, target_id)
    if evidence is None:
        raise ReadModelsBehind("the read models don't show both departments; are they parked?")
    return await core.merges.suggest(
        evidence, body.strategy, call.actor, call.envelope, approved=body.approved, at=call.at
    )


@command(
    "POST",
    "/merges/{merge_id}/approve",
    needs=MANAGING,
    tag=TAG,
    answer=MergeAnswer,
    conditional=True,
    refusals=(NotFound, MergeNotSuggested),
)
async def approve_merge(call: Call, merge_id: UUID) -> Outcome:
    """Approve a suggested merge: it begins with the load as it is by then."""
    merges = call.backend.core.merges
    return await merges.approve(merge_id, call.actor, call.envelope, call.expected_version, at=call.at)


@command(
    "POST",
    "/merges/{merge_id}/dismiss",
    needs=MANAGING,
    tag=TAG,
    answer=MergeAnswer,
    conditional=True,
    refusals=(NotFound, MergeNotSuggested),
)
async def dismiss_merge(call: Call, merge_id: UUID, body: Dismissal) -> Outcome:
    """Dismiss a suggested merge. The load suggests none to the department until its cool-down has passed."""
    merges = call.backend.core.merges
    return await merges.dismiss(merge_id, body.reason, call.actor, call.envelope, call.expected_version, at=call.at)


@command(
    "POST",
    "/merges/{merge_id}/dissolve",
    needs=MANAGING,
    tag=TAG,
    answer=MergeAnswer,
    conditional=True,
    refusals=(NotFound, MergeNotPooled),
)
async def dissolve_merge(call: Call, merge_id: UUID) -> Outcome:
    """Dissolve a pool before the load has fallen. Tickets stay with the agents who hold them."""
    merges = call.backend.core.merges
    return await merges.dissolve(merge_id, call.actor, call.envelope, call.expected_version, at=call.at)


@query("/merges", needs=READING, tag=TAG)
async def list_merges(call: Call, query: MergesQuery) -> Read[Page[MergeView]]:
    """List merges, the latest first."""
    cursors = call.backend.cursors
    behind = cursors.read("merges", query.cursor, MergeKey) if query.cursor else None
    found = await merge_page(call.backend.database, query, behind=behind, limit=query.limit + 1)
    page = page_of(
        cursors, "merges", found.value, query.limit, lambda merge: MergeKey(merge.suggested_at, merge.merge_id)
    )
    return Read(page, found.position)


@query("/merges/{merge_id}", needs=READING, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_merge(call: Call, merge_id: UUID) -> Read[MergeView]:
    """Read one merge, with the loads that it was suggested, begun and ended on."""
    found = await merge_detail(call.backend.database, merge_id)
    if found.value is None:
        raise NotFound(f"no merge has the id {merge_id}")
    return Read(found.value, found.position, version=found.value.version)


ENDPOINTS = (
    change_merging,
    get_merging,
    suggest_merge,
    approve_merge,
    dismiss_merge,
    dissolve_merge,
    list_merges,
    get_merge,
)
