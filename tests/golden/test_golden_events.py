"""Every stored event name is pinned: what was stored under it is read today, and is stored the same way.

A failure here means that stored history would be read differently. Add a version of the event (`...v2`) instead, and
its golden file with `python -m tests.golden.add`.
"""

from typing import NamedTuple
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import JSONTranscoder
from msgspec import inspect
from tests.golden.add import DIRECTORY
from tests.golden.old_versions import must_mean_what_it_says
from tests.golden.samples import all_fields, full, minimal

from supportix.domain.aggregate import DomainEvent
from supportix.domain.history import FACTS
from supportix.store.errors import CorruptEvent
from supportix.store.mapper import FactMapper, decode_fact, encode_fact
from supportix.store.upcasting import UPCASTERS

STREAM = UUID(int=7)


class Golden(NamedTuple):
    """Bodies as stored, byte by byte, what the short one means, and bodies from before a field was added."""

    full: bytes
    minimal: bytes
    minimal_means: object
    earlier: list[bytes]


def golden(name: str) -> Golden:
    parts = msgspec.json.decode((DIRECTORY / f"{name}.json").read_bytes(), type=dict[str, msgspec.Raw])
    earlier = msgspec.json.decode(parts["earlier"], type=list[msgspec.Raw]) if "earlier" in parts else []
    meaning = msgspec.json.decode(parts["minimal_means"])
    return Golden(bytes(parts["full"]), bytes(parts["minimal"]), meaning, [bytes(body) for body in earlier])


each_name = pytest.mark.parametrize("name", FACTS)


def test_each_stored_event_has_a_golden_file_and_each_golden_file_an_event():
    assert {path.stem for path in DIRECTORY.glob("*.json")} == {*FACTS, *UPCASTERS}


def test_old_versions_still_mean_what_their_golden_files_say():
    for name in UPCASTERS:
        must_mean_what_it_says(decode_fact, (DIRECTORY / f"{name}.json").read_bytes(), name)


@each_name
def test_golden_bodies_are_read_as_the_facts_they_are(name):
    assert decode_fact(name, golden(name).full, STREAM, 1) == full(FACTS[name])
    assert decode_fact(name, golden(name).minimal, STREAM, 1) == minimal(FACTS[name])


@each_name
def test_golden_bodies_are_what_is_stored(name):
    for body in (*golden(name)[:2], *golden(name).earlier):
        assert encode_fact(decode_fact(name, body, STREAM, 1)) == body


@each_name
def test_a_golden_file_sets_every_field_once_and_once_only_what_must_be(name):
    fields = inspect.type_info(FACTS[name]).fields
    assert set(msgspec.json.decode(golden(name).full)) == {field.encode_name for field in fields}
    assert set(msgspec.json.decode(golden(name).minimal)) == {field.encode_name for field in fields if field.required}


@each_name
def test_what_is_left_out_still_means_the_same(name):
    assert all_fields(decode_fact(name, golden(name).minimal, STREAM, 1)) == golden(name).minimal_means


@each_name
def test_the_librarys_mapper_stores_the_golden_bodies(name):
    event = DomainEvent(STREAM, 3, full(FACTS[name]))
    mapper = FactMapper(JSONTranscoder())
    stored = mapper.to_stored_event(event)
    assert (stored.originator_id, stored.originator_version, stored.topic) == (STREAM, 3, name)
    assert stored.state == golden(name).full
    assert mapper.to_domain_event(stored) == event


@each_name
def test_a_body_that_lacks_a_field_is_called_corrupt(name):
    with pytest.raises(CorruptEvent, match=f"event '{name}', version 4 of stream {STREAM}"):
        decode_fact(name, b"{}", STREAM, 4)


@pytest.mark.parametrize("body", [b"", b"{", b'{"occurred_at":"2026-03-02T09:00:00Z","name":"\xff"}', b"[]"])
def test_a_body_that_is_no_json_is_called_corrupt(body):
    with pytest.raises(CorruptEvent):
        decode_fact("department.renamed.v1", body, STREAM, 4)


def test_an_event_of_a_newer_release_is_called_corrupt():
    with pytest.raises(CorruptEvent, match="was it written by a newer release"):
        decode_fact("ticket.teleported.v1", b"{}", STREAM, 4)


def test_the_fields_that_are_marked_as_personal():
    """What a person wrote, or is called. These are protected and can be erased."""
    marked = {
        name: {field.name for field in inspect.type_info(fact).fields if _is_personal(field.type)}
        for name, fact in FACTS.items()
    }
    assert {name: fields for name, fields in marked.items() if fields} == {
        "ticket.opened.v1": {"subject", "description"},
        "ticket.unassigned.v1": {"reason"},
        "ticket.transferred.v1": {"reason"},
        "ticket.resolved.v1": {"resolution"},
        "ticket.closed.v1": {"reason"},
        "ticket.reopened.v1": {"reason"},
        "agent.registered.v1": {"name"},
        "agent.availability_changed.v1": {"reason"},
        "agent.work_forced.v1": {"reason"},
        "merge.dismissed.v1": {"reason"},
        "staffing_advice.accepted.v1": {"reason"},
        "staffing_advice.dismissed.v1": {"reason"},
    }


def _is_personal(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.Metadata) and bool((kind.extra or {}).get("personal"))
