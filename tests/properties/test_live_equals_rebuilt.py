"""Read models that followed the log live equal those rebuilt from nothing, and say what the domain says."""

import asyncio
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table
from tests.histories import EVENTFUL, STEPS, history
from tests.projections.read_models import InBatchesOf, Rows, a_runner, all_rows, append_all, checkpoints, rebuilt_rows
from tests.small_desk import Desk
from tests.traffic import traffic_of

from supportix.bootstrap import Core, open_core
from supportix.domain.advice_words import AdviceEvidence, AdviceScore
from supportix.domain.agent import Agent, AgentDutyChanged, AgentRegistered, AgentScheduleChanged, WorkReserved
from supportix.domain.calendar import BusinessCalendar
from supportix.domain.demand import Demand
from supportix.domain.department import Department
from supportix.domain.forecast_day import ForecastDay, ForecastUpdated
from supportix.domain.forecast_model import ForecastModel, ForecastModelChosen
from supportix.domain.forecast_words import DESK_ID
from supportix.domain.schedule import Schedule
from supportix.domain.staffing_advice import StaffingAdvice
from supportix.domain.staffing_terms import StaffingTerms
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import Status
from supportix.domain.waiting import NEVER_DUE
from supportix.projections.agent_load import agent_load
from supportix.projections.catalogue import PROJECTIONS
from supportix.projections.department_queue import department_queue
from supportix.projections.departments import departments as departments_table
from supportix.projections.forecasts import forecasts
from supportix.projections.rebuild import rebuild
from supportix.projections.schema import TABLES
from supportix.projections.shadow import SHADOW
from supportix.projections.staffing_advice import staffing_advice
from supportix.settings import Settings

BATCHES = st.lists(st.integers(1, 11), min_size=1, max_size=6)
RESTARTS = st.sets(st.integers(0, 12), max_size=4)


@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])  # To shrink takes a database for each try.
@example(steps=EVENTFUL, batches=[7, 1], restarts={3, 9})
@given(steps=STEPS, batches=BATCHES, restarts=RESTARTS)
def test_live_equals_rebuilt(make_database, steps, batches, restarts):
    desk = history(steps)

    async def compare(url: str) -> None:
        async with open_core(Settings(database_url=url, pool_size=3)) as core:
            await append_all(core, desk.log)
            live = await followed(core, batches, restarts)
            assert await checkpoints(core) == dict.fromkeys(PROJECTIONS, len(desk.log))
            says_what_the_domain_says(live, desk)
            report = await rebuild(core.pool, list(PROJECTIONS), swap=False)
            assert [each for each in report.comparisons if not each.equal] == []
            assert await rebuilt_rows(core) == live
            async with core.pool.connection() as connection:
                await connection.execute(f"DROP SCHEMA {SHADOW} CASCADE")

    with make_database() as url:
        asyncio.run(compare(url))


async def followed(core: Core, batches: list[int], restarts: set[int]) -> Rows:
    """The rows after following the log in these batches, with new owners after some of them."""
    feed = InBatchesOf(core, batches)
    runner = await a_runner(core, feed=feed)
    step = epoch = 1
    while await runner.step():
        if step in restarts:
            epoch += 1
            runner = await a_runner(core, epoch, feed)
        step += 1
    return await all_rows(core)


def says_what_the_domain_says(rows: Rows, desk: Desk) -> None:
    tickets_say_so(rows, desk)
    agents_say_so(rows, desk)
    departments_say_so(rows, desk)
    traffic_says_so(rows, desk)
    forecasts_say_so(rows, desk)
    advice_says_so(rows, desk)


def tickets_say_so(rows: Rows, desk: Desk) -> None:
    tickets = desk.all(Ticket)
    assert of(
        rows, "tickets", "ticket_id", "status", "priority", "department_id", "reopen_count", "version", "agent_id"
    ) == {
        (
            each.id,
            each.status,
            each.priority,
            each.department_id,
            each.reopen_count,
            each.version,
            each.agent_id if each.resolved_at is None else each.last_agent_id,
        )
        for each in tickets
    }
    assert of(rows, "tickets", "ticket_id", "queued_at", "opened_at", "resolved_at", "closed_at") == {
        (each.id, each.queued_at, each.opened_at, each.resolved_at, each.closed_at) for each in tickets
    }
    assert of(
        rows, "department_queue", "ticket_id", "department_id", "priority_rank", "opened_at", "queued_at", "version"
    ) == {
        (each.id, each.department_id, each.priority.rank, each.opened_at, each.queued_at, each.version)
        for each in tickets
        if each.status is Status.QUEUED
    }
    queued = {each.id: each.demand for each in tickets if each.status is Status.QUEUED}
    assert of(rows, "department_queue", "ticket_id", "kept_back", "due_at") == {
        (ticket_id, not demand.returned, demand.due_at or NEVER_DUE) for ticket_id, demand in queued.items()
    }
    assert by_id(rows, department_queue, "demand", Demand) == queued


def agents_say_so(rows: Rows, desk: Desk) -> None:
    agents = desk.all(Agent)
    assigned_total = Counter(event.originator_id for event in desk.log if isinstance(event.fact, WorkReserved))
    names = {event.originator_id: event.fact.name for event in desk.log if isinstance(event.fact, AgentRegistered)}
    assert of(rows, "agent_load", "agent_id", "name", "department_ids", "availability", "availability_since") == {
        (each.id, names[each.id], each.department_ids, each.availability, _available_since(desk, each))
        for each in agents
    }
    assert of(rows, "agent_load", "agent_id", "capacity", "open_work", "open_tickets", "assigned_total") == {
        (each.id, each.capacity, each.open_work, len(each.work), assigned_total[each.id]) for each in agents
    }
    assert of(rows, "agent_load", "agent_id", "on_duty", "duty_changes_at") == {
        (each.id, each.on_duty, _duty_changes_at(desk, each)) for each in agents
    }
    assert by_id(rows, agent_load, "skills", dict[str, int]) == {each.id: each.skills for each in agents}
    assert by_id(rows, agent_load, "schedule", Schedule) == {each.id: each.schedule for each in agents}
    assert of(rows, "agent_turns", "agent_id", "department_id", "last_turn") == {
        (*key, position) for key, position in _turns(desk).items()
    }


def departments_say_so(rows: Rows, desk: Desk) -> None:
    departments = desk.all(Department)
    assert of(rows, "departments", "department_id", "name", "policy", "paused", "version") == {
        (each.id, each.name, each.policy, each.paused, each.version) for each in departments
    }
    assert of(rows, "departments", "department_id", "offline_after", "unanswered_after", "stays_online") == {
        (each.id, each.take_back.offline_after, each.take_back.unanswered_after, each.take_back.stays_online)
        for each in departments
    }
    for name in ("targets", "weights_by_priority", "weights_by_channel"):
        said = by_id(rows, departments_table, name, dict[str, int])
        assert said == {each.id: getattr(each, name) for each in departments}
    assert by_id(rows, departments_table, "calendar", BusinessCalendar) == {e.id: e.calendar for e in departments}
    assert by_id(rows, departments_table, "staffing", StaffingTerms | None) == {e.id: e.staffing for e in departments}
    assert of(rows, "known_events", "department_id", "event_id", "name", "kind", "begins_at", "ends_at") == {
        (each.id, *msgspec.structs.astuple(event)) for each in departments for event in each.known_events.values()
    }


def traffic_says_so(rows: Rows, desk: Desk) -> None:
    traffic = traffic_of(desk.log)
    assert set(rows["traffic_history"]) == traffic.quarters
    assert set(rows["handle_times"]) == traffic.handle_times
    spans = msgspec.convert(
        {row[1]: row[2] for row in rows["traffic_pasts"]}, dict[UUID, dict[int, list[datetime]]], strict=False
    )
    assert spans == traffic.pasts
    assert {row[0] for row in rows["open_tickets"] if row[1] is None} == {
        each.id for each in desk.all(Ticket) if each.status not in {Status.RESOLVED, Status.CLOSED}
    }


def forecasts_say_so(rows: Rows, desk: Desk) -> None:
    assert of(rows, "forecasts", "department_id", "horizon", "begin") == {
        (day.department_id or DESK_ID, *key) for day in desk.all(ForecastDay) for key in day.issued
    }
    assert _updates(rows) == _last_updates(desk)
    assert of(rows, "forecast_scores", "department_id", "hour", "lead_hours") == {
        (day.department_id or DESK_ID, *key) for day in desk.all(ForecastDay) for key in day.scored
    }
    chosen = Counter(event.originator_id for event in desk.log if isinstance(event.fact, ForecastModelChosen))
    assert of(
        rows, "forecast_models", "model_id", "department_id", "model", "settings", "chosen_at", "times_chosen"
    ) == {
        (each.id, each.department_id or DESK_ID, each.model, each.settings, each.chosen_at, chosen[each.id])
        for each in desk.all(ForecastModel)
    }
    assert of(rows, "forecast_models", "model_id", "drifted", "choice_asked", "version") == {
        (each.id, each.drifted, each.choice_asked, each.version) for each in desk.all(ForecastModel)
    }


def advice_says_so(rows: Rows, desk: Desk) -> None:
    assert of(rows, "staffing_advice", "advice_id", "department_id", "state", "kind", "agents", "version") == {
        (each.id, each.department_id, each.state, each.told.kind, each.told.agents, each.version)
        for each in desk.all(StaffingAdvice)
    }
    assert of(rows, "staffing_advice", "advice_id", "begins_at", "ends_at", "with_department_id", "share_without") == {
        (each.id, each.told.begin, each.told.end, each.told.with_department_id, each.told.share_without)
        for each in desk.all(StaffingAdvice)
    }
    assert by_id(rows, staffing_advice, "evidence", AdviceEvidence) == {
        each.id: each.told.evidence for each in desk.all(StaffingAdvice)
    }
    scores = by_id(rows, staffing_advice, "score", AdviceScore | None)
    assert {advice_id: score is not None for advice_id, score in scores.items()} == {
        each.id: each.scored for each in desk.all(StaffingAdvice)
    }


def of(rows: Rows, table: str, *names: str) -> set[tuple]:
    """These columns of a table's rows."""
    columns = next([column.name for column in each.columns] for each in TABLES if each.name == table)
    indexes = [columns.index(name) for name in names]
    return {tuple(_plain(row[index]) for index in indexes) for row in rows[table]}


def _updates(rows: Rows) -> dict[tuple[UUID, datetime], int]:
    """Which hours of which series were updated, and by how many arrivals the last time."""
    names = list(forecasts.c.keys())
    whose, begin, updated = (names.index(name) for name in ("department_id", "begin", "updated"))
    return {(row[whose], row[begin]): row[updated]["arrived"] for row in rows["forecasts"] if row[updated]}


def _last_updates(desk: Desk) -> dict[tuple[UUID, datetime], int]:
    facts = [event.fact for event in desk.log if isinstance(event.fact, ForecastUpdated)]
    return {(fact.department_id or DESK_ID, fact.steps.begin): fact.arrived for fact in facts}


def by_id(rows: Rows, table: Table, name: str, kind: Any) -> dict[UUID, Any]:
    """What a column of JSON says, by the id in the first column."""
    index = list(table.c.keys()).index(name)
    return {row[0]: msgspec.convert(row[index], kind) for row in rows[table.name]}


def _available_since(desk: Desk, agent: Agent) -> datetime:
    """Since it was registered, where nothing changed since."""
    registered_at = next(event.fact.occurred_at for event in desk.log if event.originator_id == agent.id)
    return agent.availability_since or registered_at


def _duty_changes_at(desk: Desk, agent: Agent) -> datetime | None:
    """As the schedule had it when the agent's schedule or duty last changed."""
    looked_at = [
        event.fact.occurred_at
        for event in desk.log
        if event.originator_id == agent.id and isinstance(event.fact, AgentScheduleChanged | AgentDutyChanged)
    ]
    return agent.schedule.next_change(looked_at[-1]) if looked_at else None


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _turns(desk: Desk) -> dict[tuple[UUID, UUID], int]:
    return {
        (event.fact.agent_id, event.fact.department_id): position
        for position, event in enumerate(desk.log, 1)
        if isinstance(event.fact, TicketAssigned)
    }
