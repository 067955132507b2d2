"""Between domain events and their stored form: the stable name of the fact, and its fields as JSON."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent

from supportix.domain.aggregate import DomainEvent, Fact
from supportix.domain.history import FACTS
from supportix.store.errors import CorruptEvent
from supportix.store.upcasting import UPCASTERS, Upcaster, must_reach_the_present, upcast

_encode = msgspec.json.Encoder().encode


def encode_fact(fact: Fact) -> bytes:
    return _encode(fact)


class FactDecoder:
    """Makes facts of stored events, those of old versions too. Raises ValueError where an upcaster leads astray."""

    def __init__(self, facts: Mapping[str, type[Fact]], upcasters: Mapping[str, Upcaster]) -> None:
        must_reach_the_present(upcasters, facts)
        self._decoders = {name: msgspec.json.Decoder(fact) for name, fact in facts.items()}
        self._upcasters = upcasters

    def decode(self, name: str, body: bytes, stream_id: UUID, version: int) -> Fact:
        """The fact of a stored event. Raises CorruptEvent, also where the name is unknown to this release."""
        decoder = self._decoders.get(name)
        if decoder is None:
            return self._decode_old(name, body, stream_id, version)
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CorruptEvent(stream_id, version, name, str(error)) from error

    def _decode_old(self, name: str, body: bytes, stream_id: UUID, version: int) -> Fact:
        if name not in self._upcasters:
            raise CorruptEvent(
                stream_id, version, name, "no fact of that name is known; was it written by a newer release?"
            )
        try:
            present, upcasted = upcast(name, body, self._upcasters)
            return self._decoders[present].decode(upcasted)
        except (LookupError, TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
            raise CorruptEvent(stream_id, version, name, f"{type(error).__name__}: {error}") from error


decode_fact = FactDecoder(FACTS, UPCASTERS).decode
"""Makes facts of what is stored, as this release knows them. Raises CorruptEvent."""


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
