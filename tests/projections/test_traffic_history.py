"""The traffic history: who gave up, how long tickets took their agents, and where that counts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
from tests.projections.read_models import a_runner, append_all, catch_up
from tests.traffic import traffic_of

from supportix.bootstrap import Core
from supportix.domain.calendar import BusinessCalendar, EventKind, KnownEvent
from supportix.domain.department import create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, KnownEventId, MergeId, TicketId
from supportix.domain.staffing_terms import StaffingTerms, WorkKind
from supportix.domain.ticket import Ticket, open_ticket
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep
from supportix.domain.traffic_past import PastInterval, TrafficPast, traffic_past_id
from supportix.projections.checkpoint_queries import ReadDatabase
from supportix.projections.traffic_history import HANDLE_TIME_EDGES, bucket_of
from supportix.projections.traffic_queries import TrafficStep, own_traffic_since, traffic
from supportix.projections.traffic_series import PastSpan, department_series
from supportix.settings import Settings

OPENED = datetime(2026, 3, 2, 9, 2, tzinfo=UTC)
SALES, HELP = (DepartmentId(UUID(int=number)) for number in (1, 2))
ANNA, BEN = (AgentId(UUID(int=number)) for number in (11, 12))
MERGE = MergeId(UUID(int=99))
DAY = datetime(2026, 2, 1, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return OPENED + timedelta(minutes=count)


def a_ticket(number: int = 1000) -> Ticket:
    return open_ticket(
        TicketId(UUID(int=number)),
        number=f"SUP-2026-{number:06}",
        subject="No invoice",
        description="",
        requester_id=CustomerId(UUID(int=5)),
        priority=Priority.NORMAL,
        channel=Channel.API,
        tags=(),
        department_id=SALES,
        step=RoutingStep.REQUEST,
        at=OPENED,
    )


def given_to(ticket: Ticket, agent: AgentId, at: float) -> Ticket:
    return ticket.assign(agent, at=minutes(at), by=AssignedBy.PERSON)


def resolved(ticket: Ticket, at: float) -> Ticket:
    return ticket.resolve(resolution="", at=minutes(at))


def counted(ticket: Ticket) -> dict[str, object]:
    """What the tests' own reckoning says in all, which is then held against the rows."""
    traffic_said = traffic_of(ticket.pending_events)
    sums = np.sum([row[2:] for row in traffic_said.quarters], axis=0)
    return dict(zip(("abandonments", "handled", "handle_seconds"), map(int, sums[4:]), strict=True))


SCENES = {
    "closed while it waited": (lambda t: t.close(reason="", at=minutes(3)), (1, 0, 0)),
    "closed, reopened and closed again": (
        lambda t: t.close(reason="", at=minutes(3)).reopen(reason="", at=minutes(4)).close(reason="", at=minutes(5)),
        (1, 0, 0),
    ),
    "closed after an agent had it": (
        lambda t: given_to(t, ANNA, 1).unassign(reason="", at=minutes(2)).close(reason="", at=minutes(3)),
        (0, 0, 0),
    ),
    "resolved by nobody and closed": (lambda t: resolved(t, 2).close(reason="", at=minutes(3)), (0, 0, 0)),
    "handled": (lambda t: resolved(given_to(t, ANNA, 1), 11).close(reason="", at=minutes(30)), (0, 1, 600)),
    "handled but for the time with its customer": (
        lambda t: resolved(
            given_to(t, ANNA, 1)
            .start_work(at=minutes(2))
            .await_customer(at=minutes(3))
            .start_work(at=minutes(1_443))
            .await_customer(at=minutes(1_444)),
            5_000,
        ),
        (0, 1, 180),
    ),
    "handled by the agent who had it before": (
        lambda t: resolved(
            given_to(
                given_to(given_to(t, ANNA, 0).unassign(reason="", at=minutes(1)), BEN, 2).unassign(
                    reason="", at=minutes(10)
                ),
                ANNA,
                20,
            ),
            22,
        ),
        (0, 1, 180),
    ),
    "handled twice": (
        lambda t: resolved(given_to(resolved(given_to(t, ANNA, 0), 1).reopen(reason="", at=minutes(60)), ANNA, 61), 63),
        (0, 2, 180),
    ),
    "handled elsewhere after a merge": (
        lambda t: resolved(given_to(t.transfer(HELP, reason="", at=minutes(1), merge_id=MERGE), BEN, 2), 3),
        (0, 1, 60),
    ),
    "given to another department by a person": (
        lambda t: resolved(given_to(given_to(t, ANNA, 0).transfer(HELP, reason="", at=minutes(1)), BEN, 2), 3),
        (0, 1, 60),
    ),
}


@pytest.mark.parametrize("scene", SCENES)
async def test_how_a_ticket_counts(core: Core, scene: str):
    decide, (abandonments, handled, seconds) = SCENES[scene]
    ticket = decide(a_ticket())
    log = list(ticket.pending_events)
    expected = traffic_of(log)
    assert counted(ticket) == {"abandonments": abandonments, "handled": handled, "handle_seconds": seconds}

    await append_all(core, log)
    await catch_up(await a_runner(core))

    rows = await stored(core, "traffic_history")
    assert set(rows) == expected.quarters
    home = HELP if scene == "given to another department by a person" else SALES
    assert {row[0] for row in rows if row[7]} <= {home}
    assert set(await stored(core, "handle_times")) == expected.handle_times


@pytest.mark.parametrize(
    ("seconds", "low", "high"),
    [(0, 0, 1), (1, 1, 2), (7, 6, 8), (8, 8, 11), (300, 256, 362), (10**9, 67_108_864, None)],
)
def test_buckets_of_handle_times(seconds: int, low: int, high: int | None):
    bucket = bucket_of(seconds)
    assert HANDLE_TIME_EDGES[bucket] == low
    assert (HANDLE_TIME_EDGES[bucket + 1] if high is not None else None) == high


def test_edges_are_about_a_root_of_two_apart_and_never_change():
    assert all(before < after for before, after in pairwise(HANDLE_TIME_EDGES))
    assert (len(HANDLE_TIME_EDGES), HANDLE_TIME_EDGES[:9]) == (53, (0, 1, 2, 3, 4, 6, 8, 11, 16))


async def a_desk_with_a_past(core: Core) -> None:
    """Sales knows all there is to know; help is new."""
    sales = create_department(SALES, name="Sales", policy="least_busy", at=OPENED)
    sales.change_calendar(BusinessCalendar(time_zone="Europe/Lisbon", country="PT"), at=OPENED)
    sales.change_staffing(StaffingTerms(kind=WorkKind.CALLS, target_seconds=20.0), at=OPENED)
    fair = KnownEvent(
        event_id=KnownEventId(UUID(int=77)),
        name="Fair",
        kind=EventKind.CAMPAIGN,
        begin=DAY,
        end=DAY + timedelta(days=1),
    )
    sales.note_event(fair, at=OPENED)
    past = TrafficPast(id=traffic_past_id(SALES))
    past.record_intervals(
        SALES,
        [PastInterval(begin=DAY, arrivals=7, resolutions=3, handle_seconds=601, quarters=4)],
        step_seconds=3_600,
        at=OPENED,
    )
    past.record_intervals(SALES, [PastInterval(begin=DAY + timedelta(days=1), arrivals=5)], step_seconds=900, at=OPENED)
    ticket = resolved(given_to(a_ticket(), ANNA, 1), 11)
    help_ = create_department(HELP, name="Help", policy="least_busy", at=OPENED)
    await append_all(core, [event for each in (sales, help_, past, ticket) for event in each.collect_events()])
    await catch_up(await a_runner(core))


async def test_the_series_of_departments(core: Core):
    await a_desk_with_a_past(core)

    found = await department_series(core.pool, None, DAY, OPENED + timedelta(hours=1))

    sales, help_ = found.value
    assert found.position == await core.desk.reading.head()
    assert (sales.name, sales.calendar.country, sales.begins_at) == ("Sales", "PT", DAY)
    assert sales.staffing == StaffingTerms(kind=WorkKind.CALLS, target_seconds=20.0)
    assert [(each.name, each.begin) for each in sales.events] == [("Fair", DAY)]
    assert sales.pasts == (
        PastSpan(timedelta(minutes=15), DAY + timedelta(days=1), DAY + timedelta(days=1, minutes=15)),
        PastSpan(timedelta(hours=1), DAY, DAY + timedelta(hours=1)),
    )
    assert len(sales.arrivals) == (29 * 24 + 10) * 4 + 1
    assert sales.arrivals[:5].tolist() == [2, 2, 2, 1, 0]
    assert (sales.arrivals[96], sales.arrivals[(29 * 24 + 9) * 4]) == (5, 1)
    assert (sales.arrivals.sum(), sales.past_arrivals.sum()) == (13, 12)
    assert (sales.handled.sum(), sales.handle_seconds.sum()) == (4, 1_201)
    assert sales.handle_seconds[:4].tolist() == [151, 150, 150, 150]
    assert np.flatnonzero(sales.handle_times).tolist() == [bucket_of(600)]
    assert (help_.name, help_.begins_at, help_.arrivals.sum(), help_.staffing) == ("Help", None, 0, None)
    assert len(help_.arrivals) == len(sales.arrivals)


async def test_the_series_of_some_departments_in_a_span(core: Core):
    await a_desk_with_a_past(core)

    (sales,) = (
        await department_series(core.pool, [SALES], DAY + timedelta(minutes=20), DAY + timedelta(hours=1))
    ).value
    none = await department_series(core.pool, [], DAY, OPENED)

    assert sales.arrivals.tolist() == [2, 2, 1]
    assert (sales.begins_at, sales.handle_times.sum()) == (DAY, 0)
    assert none.value == ()
    assert none.position == await core.desk.reading.head()


async def test_traffic_in_steps_of_a_time_zone(core: Core, database_url: str):
    await a_desk_with_a_past(core)
    database = ReadDatabase(Settings(database_url=database_url))

    async def in_steps(step: TrafficStep, department_id: UUID | None, begin: datetime, end: datetime, zone: str):
        return (
            await traffic(database, department_id=department_id, begin=begin, end=end, step=step, time_zone=zone)
        ).value

    lisbon = await in_steps(TrafficStep.DAY, SALES, DAY, DAY + timedelta(days=2), "Europe/Lisbon")
    # In Denver the first day begins while it is the evening before.
    denver = await in_steps(TrafficStep.DAY, None, DAY - timedelta(days=1), DAY + timedelta(days=1), "America/Denver")
    hours = await in_steps(TrafficStep.HOUR, SALES, DAY, DAY + timedelta(hours=2), "Asia/Kolkata")
    await database.close()

    assert [each.arrivals for each in lisbon] == [7, 5]
    assert [(each.begin.hour, each.arrivals) for each in denver] == [(7, 7), (7, 5)]
    assert [(each.begin.minute, each.arrivals, each.handle_seconds) for each in hours] == [(30, 3, 300), (30, 0, 0)]
    assert lisbon[0].past_arrivals == 7


async def test_when_a_department_s_own_traffic_began(core: Core):
    await a_desk_with_a_past(core)
    found = await own_traffic_since(core.pool)
    assert found.value == {SALES: datetime(2026, 3, 2, 9, 0, tzinfo=UTC)}
    assert found.position == await core.desk.reading.head()


async def stored(core: Core, table: str) -> list[tuple[object, ...]]:
    names = {
        "traffic_history": "department_id, quarter, arrivals, past_arrivals, assignments, resolutions, abandonments, "
        "handled, handle_seconds",
        "handle_times": "department_id, day, bucket, tickets",
    }
    async with core.pool.connection() as connection:
        cursor = await connection.execute(f"SELECT {names[table]} FROM read_model.{table}")  # noqa: S608
        return await cursor.fetchall()
