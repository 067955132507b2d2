"""Between domain events and their stored form: the stable name of the fact, and its fields as JSON."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent

from supportix.domain.aggregate import DomainEvent, Fact
from supportix.domain.history import FACTS
from supportix.store.errors import CorruptEvent

_encode = msgspec.json.Encoder().encode
_decoders: Mapping[str, msgspec.json.Decoder[Fact]] = {name: msgspec.json.Decoder(fact) for name, fact in FACTS.items()}


def encode_fact(fact: Fact) -> bytes:
    return _encode(fact)


def decode_fact(name: str, body: bytes, stream_id: UUID, version: int) -> Fact:
    """The fact of a stored event. Raises CorruptEvent, also where the name is unknown to this release."""
    decoder = _decoders.get(name)
    if decoder is None:
        raise CorruptEvent(
            stream_id, version, name, "no fact of that name is known; was it written by a newer release?"
        )
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptEvent(stream_id, version, name, str(error)) from error


class FactMapper(Mapper[UUID]):
    """The library's mapper, on msgspec. Ids and versions are columns, not part of the body."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        if not isinstance(domain_event, DomainEvent):
            raise TypeError(f"a DomainEvent was expected, not {type(domain_event).__name__}")
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=domain_event.fact.TOPIC,
            state=encode_fact(domain_event.fact),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEvent:
        stream_id = stored_event.originator_id
        if not isinstance(stream_id, UUID):
            raise TypeError(f"a stream is named by a UUID, not by {stream_id!r}")
        version = stored_event.originator_version
        return DomainEvent(stream_id, version, decode_fact(stored_event.topic, stored_event.state, stream_id, version))
