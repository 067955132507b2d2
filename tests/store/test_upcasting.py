"""Old versions of an event are read as the present fact, and upcasters that lead astray are found at once."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from tests.golden.old_versions import must_mean_what_it_says
from tests.store.streams import event

from supportix.domain.aggregate import Fact
from supportix.domain.history import FACTS
from supportix.store import log as reading
from supportix.store.committer import Command
from supportix.store.errors import CorruptEvent
from supportix.store.mapper import FactDecoder
from supportix.store.upcasting import UPCASTERS, Body, Upcaster

STREAM = UUID(int=7)
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class ParcelSent(Fact):
    TOPIC = "parcel.sent.v3"
    grams: int
    receiver_id: UUID
    fragile: bool = False


def grams_for_pounds(body: Body) -> Body:
    return {"grams": round(body.pop("pounds") * 453.59237), **body}


def receiver_for_address(body: Body) -> Body:
    body["receiver_id"] = body.pop("address")["id"]
    return body


PARCELS = {"parcel.sent.v3": ParcelSent}
OLD_PARCELS = {
    "parcel.sent.v1": Upcaster("parcel.sent.v2", grams_for_pounds),
    "parcel.sent.v2": Upcaster("parcel.sent.v3", receiver_for_address),
}
decode = FactDecoder(PARCELS, OLD_PARCELS).decode


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("parcel.sent.v1", {"pounds": 2, "address": {"id": str(STREAM)}}),
        ("parcel.sent.v2", {"grams": 907, "address": {"id": str(STREAM)}}),
        ("parcel.sent.v3", {"grams": 907, "receiver_id": str(STREAM)}),
    ],
)
def test_every_version_is_read_as_the_fact_of_today(name, body):
    stored = msgspec.json.encode({"occurred_at": AT, **body})
    assert decode(name, stored, STREAM, 1) == ParcelSent(occurred_at=AT, grams=907, receiver_id=STREAM)


def test_the_golden_file_of_an_old_version_pins_what_it_means_today():
    bodies = (
        b'{"full":{"occurred_at":"2026-03-02T09:00:00Z","grams":5,"address":{"id":"%s"},"fragile":true},'
        b'"minimal":{"occurred_at":"2026-03-02T09:00:00Z","grams":5,"address":{"id":"%s"}},'
    ).replace(b"%s", str(STREAM).encode())
    means = {"occurred_at": "2026-03-02T09:00:00Z", "grams": 5, "receiver_id": str(STREAM)}
    said = b'"full_means":%b,"minimal_means":%b}'
    full, minimal = (msgspec.json.encode({**means, "fragile": fragile}) for fragile in (True, False))
    must_mean_what_it_says(decode, bodies + said % (full, minimal), "parcel.sent.v2")
    with pytest.raises(AssertionError, match="minimal"):
        must_mean_what_it_says(decode, bodies + said % (full, full), "parcel.sent.v2")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"pounds":"2","address":{}}', b'{"pounds":2,"address":1}'])
def test_an_old_body_that_can_not_be_read_is_called_corrupt(body):
    with pytest.raises(CorruptEvent, match=f"event 'parcel.sent.v1', version 4 of stream {STREAM}"):
        decode("parcel.sent.v1", body, STREAM, 4)


def test_a_name_that_is_neither_old_nor_present_is_called_corrupt():
    with pytest.raises(CorruptEvent, match=r"event 'parcel.sent.v4', version 4 of stream .* newer release"):
        decode("parcel.sent.v4", b"{}", STREAM, 4)


@pytest.mark.parametrize(
    ("upcasters", "why"),
    [
        ({"parcel.sent.v1": "parcel.sent.v2"}, "end at 'parcel.sent.v2'"),
        ({"parcel.sent.v1": "parcel.sent.v1"}, "go round"),
        ({"parcel.sent.v1": "parcel.sent.v2", "parcel.sent.v2": "parcel.sent.v1"}, "go round"),
        ({"parcel.sent.v0": "parcel.sent.v1", "parcel.sent.v1": "parcel.sent.v1"}, "go round"),
        ({"parcel.sent.v3": "parcel.sent.v3"}, "is a fact of the present"),
    ],
)
def test_upcasters_that_lead_nowhere_are_refused_before_anything_is_read(upcasters, why):
    with pytest.raises(ValueError, match=why):
        FactDecoder(PARCELS, {name: Upcaster(to, dict) for name, to in upcasters.items()})


async def test_the_log_is_read_through_upcasters(core, monkeypatch):
    """An invented old name of a fact of today, stored as it once would have been."""
    old = {
        "department.resumed.v0": Upcaster("department.assignment_resumed.v1", lambda body: {"occurred_at": body["at"]})
    }
    monkeypatch.setattr(reading, "decode_fact", FactDecoder(FACTS, {**UPCASTERS, **old}).decode)
    stream_id = uuid4()
    await core.committer.append(
        [event(stream_id, 1, "department.resumed.v0", b'{"at":"2026-03-02T09:00:00Z"}'), event(stream_id, 2)], Command()
    )
    assert len({entry.fact for entry in await core.desk.reading.stream(stream_id)}) == 1
    assert len({entry.fact for entry in await core.desk.reading.after(0, 10)}) == 1
