"""An event as it leaves the log: its subject, its CloudEvents headers, and a body without personal text.

CloudEvents 1.0, NATS binding, binary mode:
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType, inspect

from supportix.domain.aggregate import DomainEvent, Fact
from supportix.domain.history import FACTS
from supportix.store.log import LogEntry, Unreadable

EVENTS = "supportix.v1.events"
"""Subjects below it: `<aggregate>.<stream id>`; the aggregate is the first part of the event's name."""
POSITION = "Supportix-Position"
EPOCH = "Supportix-Epoch"
SOURCE = "/supportix"

_encode = msgspec.json.Encoder().encode


class Publication(msgspec.Struct, frozen=True, gc=False):
    """An event on its way out."""

    subject: str
    headers: dict[str, str]
    body: bytes


def publication(entry: LogEntry, epoch: str) -> Publication:
    """What is published of an event. `epoch` names the run of positions that its copy belongs to."""
    fact, name, stream = entry.fact, entry.name, str(entry.stream_id)
    headers = {
        "ce-specversion": "1.0",
        "ce-id": f"{stream}/{entry.version}",
        "ce-source": SOURCE,
        "ce-type": name,
        "ce-subject": stream,
        "ce-time": fact.occurred_at.isoformat(),
        "ce-datacontenttype": "application/json",
        POSITION: str(entry.position),
        EPOCH: epoch,
    }
    return Publication(f"{EVENTS}.{name.partition('.')[0]}.{stream}", headers, public_body(fact))


def received(headers: Mapping[str, str], body: bytes) -> tuple[int, DomainEvent]:
    """The position and the event of a published message. Raises ValueError where it isn't one of ours."""
    try:
        position = int(headers[POSITION])
        stream, _, version = headers["ce-id"].partition("/")
        return position, DomainEvent(UUID(stream), int(version), _public_fact(headers["ce-type"], body))
    except (LookupError, msgspec.DecodeError) as error:
        raise ValueError(f"not a published event: {error!r}") from error


def public_body(fact: Fact) -> bytes:
    """The fact as JSON without its personal fields; `{}` of one that this release can't read."""
    if isinstance(fact, Unreadable):
        return b"{}"
    return _body_of(type(fact))(fact)


def personal_fields(fact: type[Fact]) -> frozenset[str]:
    """Names of the fields that hold text marked PERSONAL, also deep inside."""
    described = inspect.type_info(fact)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{fact.__name__} is no struct")
    return frozenset(field.name for field in described.fields if _is_marked(field.type))


def _is_marked(described: object) -> bool:
    if isinstance(described, inspect.Metadata) and (described.extra or {}).get("personal"):
        return True
    if isinstance(described, tuple):
        return any(_is_marked(each) for each in described)
    if isinstance(described, inspect.Type | inspect.Field):
        return any(_is_marked(getattr(described, name)) for name in described.__struct_fields__)
    return False


@cache
def _without_personal(fact: type[Fact]) -> type[Fact]:
    """The same fact with its personal fields optional and unset; an unset field doesn't appear in JSON."""
    personal = personal_fields(fact)
    if not personal:
        return fact
    unset: list[tuple[str, Any, Any]] = [(name, Any | UnsetType, UNSET) for name in sorted(personal)]
    public = msgspec.defstruct(
        fact.__name__, unset, bases=(fact,), frozen=True, kw_only=True, omit_defaults=True, gc=False
    )
    return cast("type[Fact]", public)


@cache
def _body_of(fact: type[Fact]) -> Callable[[Fact], bytes]:
    public = _without_personal(fact)
    if public is fact:
        return _encode
    kept = [name for name in fact.__struct_fields__ if name not in personal_fields(fact)]
    return lambda full: _encode(public(**{name: getattr(full, name) for name in kept}))


@cache
def _decoder(fact: type[Fact]) -> msgspec.json.Decoder[Fact]:
    return msgspec.json.Decoder(_without_personal(fact))


def _public_fact(name: str, body: bytes) -> Fact:
    fact = FACTS.get(name)
    if fact is None or body == b"{}":
        raise LookupError(f"{name} can't be read")
    return _decoder(fact).decode(body)
