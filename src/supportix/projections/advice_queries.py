"""Reading advice on staffing."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, tuple_

from supportix.domain.advice_words import AdviceEvidence, AdviceKind, AdviceScore, AdviceState
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, bound, fetch, fetch_one
from supportix.projections.staffing_advice import AdviceList, AdviceRow, staffing_advice


class AdviceView(msgspec.Struct, frozen=True, kw_only=True):
    """An advice as it was told last: what for, on which evidence, what was decided on it, and what came of it.

    `share_without` and `share_with` it: of what comes in the span, taken within the target's time. `score` is null
    until the span is over, and stays so where the advice was withdrawn before.
    """

    advice_id: UUID
    department_id: UUID
    state: AdviceState
    kind: AdviceKind
    begins_at: datetime
    ends_at: datetime
    agents: int
    with_department_id: UUID | None
    """Who has agents to spare then: for a `merge` as many as are asked for, else fewer."""
    share_without: float
    share_with: float
    sentence: str
    evidence: AdviceEvidence
    given_at: datetime
    changed_at: datetime | None
    decided_at: datetime | None
    withdrawn_at: datetime | None
    scored_at: datetime | None
    score: AdviceScore | None
    version: int
    position: int


class AdviceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that all have to be met; of several values of one, any."""

    state: tuple[AdviceState, ...] = ()
    department_id: tuple[UUID, ...] = ()


class AdviceKey(msgspec.Struct, frozen=True, array_like=True):
    """Where an advice stands in the list."""

    begins_at: datetime
    advice_id: UUID


_COLUMNS = [staffing_advice.c[name] for name in AdviceRow.__struct_fields__]


async def advice_page(
    database: ReadDatabase,
    wanted: AdviceFilter,
    *,
    behind: AdviceKey | None,
    limit: int,
    ends_after: datetime | None = None,
) -> AsOf[list[AdviceView]]:
    """Advice, what begins latest first."""
    own = staffing_advice.c
    columns = [own.begins_at, own.advice_id]
    query = select(*_COLUMNS)
    if wanted.state:
        query = query.where(own.state.in_(wanted.state))
    if wanted.department_id:
        query = query.where(own.department_id.in_(wanted.department_id))
    if ends_after is not None:
        query = query.where(own.ends_at > ends_after)
    if behind is not None:
        query = query.where(tuple_(*columns) < bound(columns, behind.begins_at, behind.advice_id))
    order = [column.desc() for column in columns]
    return await fetch(database, query, AdviceView, of=[AdviceList.name], order=order, limit=limit)


async def advice_detail(database: ReadDatabase, advice_id: UUID) -> AsOf[AdviceView | None]:
    query = select(*_COLUMNS).where(staffing_advice.c.advice_id == advice_id)
    return await fetch_one(database, query, AdviceView, of=[AdviceList.name])
