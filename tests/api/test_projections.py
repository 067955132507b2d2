"""Read models and what is parked for them: who sees it, and who retries and drops it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from tests.api.scene import Json, Person, problem, wait_for

from supportix.bootstrap import open_core
from supportix.domain.ids import CustomerId
from supportix.domain.ticket_facts import TicketOpened
from supportix.domain.ticket_words import Channel, Priority
from supportix.projections.catalogue import PROJECTIONS
from supportix.settings import Settings
from supportix.store.committer import Command, NewEvent
from supportix.store.mapper import encode_fact

NOBODY = "01a207a0-0000-7000-8000-000000000000"
CONSUMERS_OF_TICKETS = {"agent_load", "department_queue", "ticket_list", "traffic_history"}
OPENED = TicketOpened(
    occurred_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    number="SUP-2099-000001",
    subject="The spoiled one",
    description="",
    requester_id=CustomerId(uuid4()),
    priority=Priority.LOW,
    channel=Channel.API,
)


def mend(database: str, ticket_id: str) -> None:
    """Make the ticket's event what it should have been."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE events SET body = %s WHERE stream_id = %s", (encode_fact(OPENED), ticket_id))


@pytest.fixture
def a_parked_ticket(api_database: str, supervisor: Person) -> Iterator[str]:
    """A ticket whose only event can't be read."""
    ticket_id = uuid4()

    async def append() -> None:
        async with open_core(Settings(database_url=api_database)) as core:
            await core.committer.append([NewEvent(ticket_id, 1, TicketOpened.TOPIC, b"{}")], Command())

    asyncio.run(append())
    wait_for(lambda: len(parked(supervisor, str(ticket_id))) == len(CONSUMERS_OF_TICKETS), "parked streams")
    yield str(ticket_id)
    mend(api_database, str(ticket_id))


def parked(person: Person, ticket_id: str) -> dict[str, Json]:
    """By read model, how the ticket is parked for it."""
    found = person.reads_all_pages("/projections/parked?limit=3")
    return {each["projection"]: each for each in found if each["stream_id"] == ticket_id}


def troubles(person: Person) -> int:
    return sum(each["parked"] for each in person.get("/projections").json()["items"])


def test_how_far_each_read_model_is(supervisor: Person, a_waiting_ticket: Json):
    supervisor.sees(f"/tickets/{a_waiting_ticket['ticket_id']}", status="queued")
    items = supervisor.get("/projections").json()["items"]
    assert [each["name"] for each in items] == sorted(PROJECTIONS)
    for each in items:
        assert each["position"] > 0
        assert each["lag_events"] >= 0
        assert each["lag_seconds"] >= 0


def test_a_parked_stream_is_taken_up_again_once_it_makes_sense(admin: Person, api_database: str, a_parked_ticket: str):
    before = troubles(admin)
    assert set(parked(admin, a_parked_ticket)) == CONSUMERS_OF_TICKETS
    assert "ticket.opened.v1" in parked(admin, a_parked_ticket)["ticket_list"]["reason"]
    path = f"/projections/{{}}/parked/{a_parked_ticket}/retry"
    assert problem(admin.post(path.format("ticket_list"))) == (409, "stays-parked")

    mend(api_database, a_parked_ticket)
    for name in CONSUMERS_OF_TICKETS:
        assert admin.post(path.format(name)).status_code == 204

    assert parked(admin, a_parked_ticket) == {}
    assert troubles(admin) == before - len(CONSUMERS_OF_TICKETS)
    assert admin.get(f"/tickets/{a_parked_ticket}").json()["subject"] == OPENED.subject
    assert problem(admin.post(path.format("ticket_list"))) == (404, "not-parked")


def test_a_dropped_stream_is_no_trouble_any_more(admin: Person, a_parked_ticket: str):
    before = troubles(admin)
    for name in CONSUMERS_OF_TICKETS:
        dropped = admin.does("POST", f"/projections/{name}/parked/{a_parked_ticket}/drop")
        assert dropped["dropped_at"] is not None
        assert parked(admin, a_parked_ticket)[name] == dropped
    assert troubles(admin) == before - len(CONSUMERS_OF_TICKETS)


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_what_is_not_parked(admin: Person, supervisor: Person, verb: str):
    path = f"/projections/ticket_list/parked/{NOBODY}/{verb}"
    assert problem(admin.post(path)) == (404, "not-parked")
    assert problem(admin.post(f"/projections/nonsense/parked/{NOBODY}/{verb}")) == (404, "not-parked")
    assert problem(admin.post(f"/projections/No%00/parked/{NOBODY}/{verb}")) == (400, "invalid-request")
    assert problem(supervisor.post(path)) == (403, "forbidden")
