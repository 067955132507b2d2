"""What leaves the log: everything but what is marked personal, found by its mark and not by a list."""

from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid4

import msgspec
import pytest
from tests.golden.samples import all_fields, full

from supportix.domain.agent import AgentRegistered
from supportix.domain.aggregate import Fact, PersonalText
from supportix.domain.history import FACTS
from supportix.domain.ids import CustomerId, DepartmentId
from supportix.domain.ticket_facts import TicketOpened, TicketReopened, TicketResolved, TicketRouted
from supportix.domain.ticket_words import Priority, RoutingStep
from supportix.realtime.publication import personal_fields, public_body, publication, received
from supportix.store.log import LogEntry, Unreadable
from supportix.store.mapper import encode_fact

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPENED = TicketOpened(
    occurred_at=AT,
    number="SUP-2026-000001",
    subject="My heating is off",
    description="Call me: Ada, 555-0100",
    requester_id=CustomerId(uuid4()),
    priority=Priority.HIGH,
    tags=("heating",),
)


class Letter(msgspec.Struct, frozen=True):
    pages: int
    text: PersonalText


class LetterReceived(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A kind of fact that nobody thought of when the relay was written."""

    TOPIC: ClassVar[str] = "ticket.letter_received.v1"
    sender: PersonalText
    letter: Letter
    notes: "dict[str, list[PersonalText]]" = {}
    age: "int | None" = None
    weight_grams: int = 0


def entry_of(fact: Fact, position: int = 7, version: int = 1) -> LogEntry:
    return LogEntry(position, uuid4(), version, fact, uuid4(), AT)


def test_the_personal_fields_of_todays_facts() -> None:
    found = {fact: personal_fields(fact) for fact in FACTS.values() if personal_fields(fact)}
    assert (
        found.items()
        >= {
            TicketOpened: frozenset({"subject", "description"}),
            TicketResolved: frozenset({"resolution"}),
            TicketReopened: frozenset({"reason"}),
            AgentRegistered: frozenset({"name"}),
        }.items()
    )


def test_a_published_body_lacks_them_and_has_all_else() -> None:
    assert msgspec.json.decode(public_body(OPENED)) == {
        "occurred_at": "2026-03-01T12:00:00Z",
        "number": "SUP-2026-000001",
        "requester_id": str(OPENED.requester_id),
        "priority": "high",
        "tags": ["heating"],
    }


def test_a_new_fact_is_published_without_its_personal_fields_too_also_deep_inside() -> None:
    fact = LetterReceived(
        occurred_at=AT, sender="Ada", letter=Letter(2, "Dear all"), notes={"by": ["Grace"]}, weight_grams=20
    )
    assert personal_fields(LetterReceived) == {"sender", "letter", "notes"}
    assert msgspec.json.decode(public_body(fact)) == {"occurred_at": "2026-03-01T12:00:00Z", "weight_grams": 20}


@pytest.mark.parametrize("fact", sorted(FACTS.values(), key=lambda fact: fact.TOPIC), ids=lambda fact: fact.TOPIC)
def test_every_fact_is_published_with_all_its_fields_but_the_personal_ones(fact: type[Fact]) -> None:
    sample = full(fact)
    published = msgspec.json.decode(public_body(sample))
    assert published.keys() == set(fact.__struct_fields__) - personal_fields(fact)
    assert published.items() <= all_fields(sample).items()
    _, event = received(*_message(sample))
    assert isinstance(event.fact, fact)


def _message(fact: Fact) -> tuple[dict[str, str], bytes]:
    message = publication(entry_of(fact), "epoch")
    return message.headers, message.body


def test_who_receives_it_gets_the_same_fact_with_these_fields_unset() -> None:
    entry = entry_of(OPENED)
    message = publication(entry, "epoch")
    position, event = received(message.headers, message.body)
    assert (position, event.originator_id, event.originator_version) == (7, entry.stream_id, 1)
    fact = event.fact
    assert isinstance(fact, TicketOpened)
    assert fact.subject is msgspec.UNSET
    assert (fact.number, fact.requester_id, fact.priority) == (OPENED.number, OPENED.requester_id, Priority.HIGH)


def test_a_fact_without_personal_fields_is_published_as_it_is_stored() -> None:
    routed = TicketRouted(
        occurred_at=AT,
        department_id=DepartmentId(uuid4()),
        step=RoutingStep.TRIAGE,
        priority=Priority.LOW,
        opened_at=AT,
    )
    assert public_body(routed) == encode_fact(routed)


def test_an_event_of_a_newer_release_keeps_its_place_and_its_name_but_no_content() -> None:
    message = publication(entry_of(Unreadable(occurred_at=AT, name="ticket.teleported.v9", reason="unknown")), "epoch")
    assert message.subject.startswith("supportix.v1.events.ticket.")
    assert message.headers["ce-type"] == "ticket.teleported.v9"
    assert message.body == b"{}"
    with pytest.raises(ValueError, match="not a published event"):
        received(message.headers, message.body)
