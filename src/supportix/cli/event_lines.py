"""An event as one line: for a person with names in place of ids and without personal text, for a program as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, get_args
from uuid import UUID

import msgspec
import psycopg

from supportix.domain.aggregate import PERSONAL, Fact
from supportix.domain.ticket_facts import Reasons
from supportix.store.errors import CorruptEvent
from supportix.store.mapper import decode_fact

Row = Sequence[Any]
"""position, stream_id, version, name, body, command_id, recorded_at."""

_NOT_SHOWN = frozenset({"occurred_at", "opened_at", "number"})
_NAMES = """
SELECT ticket_id, number FROM read_model.tickets WHERE ticket_id = ANY(%(ids)s)
UNION ALL SELECT department_id, name FROM read_model.departments WHERE department_id = ANY(%(ids)s)
UNION ALL SELECT agent_id, name FROM read_model.agent_load WHERE agent_id = ANY(%(ids)s)
"""


class EventLines:
    """Makes lines for people, and remembers what the streams are called."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._names: dict[UUID, str] = {}

    def of(self, rows: Sequence[Row]) -> Iterator[str]:
        """Position, time (UTC), name, whose event it is, and the facts."""
        decoded = [_decoded(row) for row in rows]
        self._learn({row[1] for row in rows} | {each for fact in decoded if fact for each in _ids(fact)})
        for row, fact in zip(rows, decoded, strict=True):
            at = fact.occurred_at if fact else row[6]
            number = getattr(fact, "number", None)
            if number is not None:
                self._names[row[1]] = number
            facts = " ".join(self._facts(fact)) if fact else "(its body can't be read)"
            yield f"{row[0]:>9}  {at:%Y-%m-%d %H:%M:%S}  {row[3]:<33}  {self._name(row[1]):<16}  {facts}".rstrip()

    def _facts(self, fact: Fact) -> Iterator[str]:
        for name in _shown_fields(type(fact)):
            value = getattr(fact, name)
            if value not in (None, "", (), {}):
                yield f"{name.removesuffix('_id').removesuffix('_ids')}={self._text(value)}"

    def _text(self, value: object) -> str:
        if isinstance(value, UUID):
            return self._name(value)
        if isinstance(value, tuple):
            return ",".join(self._text(each) for each in value)
        if isinstance(value, Reasons):
            return f"{value.policy}.v{value.policy_version} based_on={value.based_on} eligible={value.eligible}"
        return str(value)

    def _name(self, stream_id: UUID) -> str:
        return self._names.get(stream_id) or f"…{stream_id.hex[-12:]}"

    def _learn(self, ids: set[UUID]) -> None:
        unknown = [each for each in ids if each not in self._names]
        if unknown:
            self._names.update(self._connection.execute(_NAMES, {"ids": unknown}).fetchall())


def json_line(row: Row) -> str:
    """The event as it is stored."""
    position, stream_id, version, name, body, command_id, recorded_at = row
    return msgspec.json.encode(
        {
            "position": position,
            "recorded_at": recorded_at,
            "name": name,
            "stream_id": stream_id,
            "version": version,
            "command_id": command_id,
            "body": msgspec.Raw(body),
        }
    ).decode()


def _decoded(row: Row) -> Fact | None:
    try:
        return decode_fact(row[3], row[4], row[1], row[2])
    except CorruptEvent:
        return None


def _ids(fact: Fact) -> Iterator[UUID]:
    for name in _shown_fields(type(fact)):
        value = getattr(fact, name)
        yield from (each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, UUID))


@cache
def _shown_fields(kind: type[Fact]) -> tuple[str, ...]:
    """All but personal ones and those that the line has anyway."""
    fields = msgspec.structs.fields(kind)
    return tuple(field.name for field in fields if field.name not in _NOT_SHOWN and not _is_personal(field.type))


def _is_personal(annotation: Any) -> bool:
    marks = getattr(annotation, "__metadata__", ())
    return PERSONAL in marks or any(_is_personal(each) for each in get_args(annotation))
