"""Reading merges, and how departments take part in them."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import or_, select, tuple_

from supportix.domain.merge import AbandonReason, DecidedBy, MergeState
from supportix.domain.merge_evidence import Evidence, Trigger
from supportix.domain.merge_settings import MergeSettings, MergeStrategy
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, bound, fetch, fetch_one
from supportix.projections.departments import DepartmentDirectory, departments
from supportix.projections.merges import MergeList, MergeRow, department_merging, merges


class MergeView(msgspec.Struct, frozen=True, kw_only=True):
    """A merge as it stands, with the loads that it was suggested, begun and ended on.

    Of the `planned` tickets, those `passed_over` no longer waited in the source when their turn came.
    """

    merge_id: UUID
    source_id: UUID
    target_id: UUID
    state: MergeState
    strategy: MergeStrategy
    suggested_by: DecidedBy
    triggers: tuple[Trigger, ...]
    evidence: Evidence
    settings: MergeSettings
    approved_by: DecidedBy | None
    dissolved_by: DecidedBy | None
    abandon_reason: AbandonReason | None
    begin_evidence: Evidence | None
    end_evidence: Evidence | None
    planned: int
    moved: int
    passed_over: int
    shared: int
    """Tickets that a pool gave to agents of the other department."""
    suggested_at: datetime
    approved_at: datetime | None
    begun_at: datetime | None
    ended_at: datetime | None
    version: int
    position: int


class DepartmentMergingView(msgspec.Struct, frozen=True, kw_only=True):
    """How a department takes part in merges: null settings suggest none to it, but let it help others."""

    department_id: UUID
    settings: MergeSettings | None
    merge_id: UUID | None
    """The live merge that it takes part in."""
    merge_left_at: datetime | None
    version: int


class MergeFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that all have to be met; of several values of one, any."""

    state: tuple[MergeState, ...] = ()
    department_id: tuple[UUID, ...] = ()


class MergeKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a merge stands in the list."""

    suggested_at: datetime
    merge_id: UUID


_COLUMNS = [merges.c[name] for name in MergeRow.__struct_fields__]


async def merge_page(
    database: ReadDatabase, wanted: MergeFilter, *, behind: MergeKey | None, limit: int
) -> AsOf[list[MergeView]]:
    """Merges, the latest first."""
    columns = [merges.c.suggested_at, merges.c.merge_id]
    query = select(*_COLUMNS)
    if wanted.state:
        query = query.where(merges.c.state.in_(wanted.state))
    if wanted.department_id:
        ids = wanted.department_id
        query = query.where(or_(merges.c.source_id.in_(ids), merges.c.target_id.in_(ids)))
    if behind is not None:
        query = query.where(tuple_(*columns) < bound(columns, behind.suggested_at, behind.merge_id))
    order = [column.desc() for column in columns]
    return await fetch(database, query, MergeView, of=[MergeList.name], order=order, limit=limit)


async def merge_detail(database: ReadDatabase, merge_id: UUID) -> AsOf[MergeView | None]:
    query = select(*_COLUMNS).where(merges.c.merge_id == merge_id)
    return await fetch_one(database, query, MergeView, of=[MergeList.name])


async def merging_of_department(database: ReadDatabase, department_id: UUID) -> AsOf[DepartmentMergingView | None]:
    """None where there is no such department."""
    own = department_merging.c
    query = (
        select(departments.c.department_id, own.settings, own.merge_id, own.merge_left_at, departments.c.version)
        .select_from(departments.outerjoin(department_merging, own.department_id == departments.c.department_id))
        .where(departments.c.department_id == department_id)
    )
    names = [MergeList.name, DepartmentDirectory.name]
    return await fetch_one(database, query, DepartmentMergingView, of=names)
