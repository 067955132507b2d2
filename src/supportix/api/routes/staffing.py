"""Staffing: how many agents the next day needs against those on shift, and advice on what to do about it."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from supportix.api.access import any_of
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import command, query
from supportix.api.inputs import CursorText, Ids, Limit, Moment, Reason
from supportix.api.paging import page_of
from supportix.commands.advice import AdviceAnswer
from supportix.commands.desk import Outcome
from supportix.domain.advice_words import AdviceState
from supportix.domain.errors import NotFound
from supportix.domain.forecast_words import LEVELS
from supportix.domain.staffing_advice import AdviceDecided, AdviceOver
from supportix.forecasting.staffing_table import NothingForecast, StaffingTable, StaffingTermsNotSet, staffing_table
from supportix.identity.roles import Permission
from supportix.projections.advice_queries import AdviceFilter, AdviceKey, AdviceView, advice_detail, advice_page

TAG = "Staffing"
READING = any_of(Permission.FORECASTS_READ)
MANAGING = any_of(Permission.FORECASTS_MANAGE)

StaffedFor = Annotated[
    float,
    Meta(
        ge=LEVELS[0],
        le=LEVELS[-1],
        description="A quantile of the arrivals to staff for instead of their mean: 0.8 staffs for four hours of five.",
        examples=[0.8],
    ),
]


class StaffingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is staffed for."""

    staffed_for: StaffedFor | None = None


class AdviceQuery(AdviceFilter, frozen=True, kw_only=True):
    """Which advice, and which page of it. `ends_after`: only what isn't over by then."""

    state: Annotated[tuple[AdviceState, ...], Meta(max_length=4)] = ()
    department_id: Ids = ()
    ends_after: Moment | None = None
    limit: Limit = 50
    cursor: CursorText | None = None


class AdviceDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, or how."""

    reason: Reason = ""


@query("/staffing/{department_id}", needs=READING, tag=TAG, refusals=(NotFound, StaffingTermsNotSet, NothingForecast))
async def get_staffing(call: Call, department_id: UUID, query: StaffingQuery) -> Read[StaffingTable]:
    """Read what the next 24 hours need, who is on shift, and what customers will meet with, hour by hour."""
    pool = call.backend.core.pool
    found = await staffing_table(pool, department_id, call.at, staffed_for=query.staffed_for)
    return Read(found.value, found.position)


@query("/staffing/advice", needs=READING, tag=TAG)
async def list_advice(call: Call, query: AdviceQuery) -> Read[Page[AdviceView]]:
    """List advice on staffing, what begins latest first."""
    cursors = call.backend.cursors
    behind = cursors.read("advice", query.cursor, AdviceKey) if query.cursor else None
    found = await advice_page(
        call.backend.database, query, behind=behind, limit=query.limit + 1, ends_after=query.ends_after
    )
    page = page_of(
        cursors, "advice", found.value, query.limit, lambda advice: AdviceKey(advice.begins_at, advice.advice_id)
    )
    return Read(page, found.position)


@query("/staffing/advice/{advice_id}", needs=READING, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_advice(call: Call, advice_id: UUID) -> Read[AdviceView]:
    """Read one advice, with its evidence and what came of it."""
    found = await advice_detail(call.backend.database, advice_id)
    if found.value is None:
        raise NotFound(f"no advice has the id {advice_id}")
    return Read(found.value, found.position, version=found.value.version)


@command(
    "POST",
    "/staffing/advice/{advice_id}/accept",
    needs=MANAGING,
    tag=TAG,
    answer=AdviceAnswer,
    conditional=True,
    refusals=(NotFound, AdviceDecided, AdviceOver),
)
async def accept_advice(call: Call, advice_id: UUID, body: AdviceDecision) -> Outcome:
    """Accept an advice: it is upheld whatever newer forecasts say. Who works when is changed in agents' schedules."""
    advice = call.backend.core.advice
    return await advice.accept(advice_id, body.reason, call.actor, call.envelope, call.expected_version, at=call.at)


@command(
    "POST",
    "/staffing/advice/{advice_id}/dismiss",
    needs=MANAGING,
    tag=TAG,
    answer=AdviceAnswer,
    conditional=True,
    refusals=(NotFound, AdviceDecided, AdviceOver),
)
async def dismiss_advice(call: Call, advice_id: UUID, body: AdviceDecision) -> Outcome:
    """Dismiss an advice: nothing like it is given for that time, unless more is needed. It is scored all the same."""
    advice = call.backend.core.advice
    return await advice.dismiss(advice_id, body.reason, call.actor, call.envelope, call.expected_version, at=call.at)


ENDPOINTS = (list_advice, get_advice, accept_advice, dismiss_advice, get_staffing)
