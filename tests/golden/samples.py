"""A fact with every field set and one with as few as allowed, made from its type alone."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec import inspect

from supportix.domain.aggregate import Fact

_NAMES = UUID("00000000-0000-7000-8000-00000000901d")
_AT = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)


def full(fact: type[Fact]) -> Fact:
    """Every field set, to something else than its default."""
    return msgspec.convert(_struct(inspect.type_info(fact), required_only=False), fact)


def minimal(fact: type[Fact]) -> Fact:
    """Only the fields set that have no default."""
    return msgspec.convert(_struct(inspect.type_info(fact), required_only=True), fact)


def all_fields(fact: Fact) -> dict[str, Any]:
    """The value of every field as JSON types, those at their default too."""
    values = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return msgspec.json.decode(msgspec.json.encode(values))


def _struct(kind: inspect.StructType, *, required_only: bool) -> dict[str, Any]:
    return {
        field.encode_name: _value(field.type, field.name, field.default)
        for field in kind.fields
        if field.required or not required_only
    }


def _value(kind: inspect.Type, name: str, default: Any) -> Any:
    match kind:
        case inspect.Metadata(type=inner):
            return _value(inner, name, default)
        case inspect.UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, inspect.NoneType)), name, default)
        case inspect.StructType():
            return _struct(kind, required_only=False)
        case inspect.VarTupleType(item_type=item):
            return [_value(item, name, default)]
        case inspect.DictType(key_type=key, value_type=value):
            return {_value(key, name, default): _value(value, name, default)}
        case _:
            return _SINGLE[type(kind)](kind, name, default)


def _other_than(default: Any, members: type[Enum]) -> Any:
    return next(member.value for member in reversed(members) if member is not default)


_SINGLE: Mapping[type[inspect.Type], Callable[[Any, str, Any], Any]] = {
    inspect.EnumType: lambda kind, _, default: _other_than(default, kind.cls),
    inspect.UUIDType: lambda _, name, __: str(uuid5(_NAMES, name)),
    inspect.DateTimeType: lambda *_: _AT.isoformat(),
    inspect.StrType: lambda _, name, __: f'{name}: „Größe“ 請求書 "\\\n',
    inspect.IntType: lambda _, name, __: 1 + len(name),
    inspect.FloatType: lambda _, name, __: len(name) / 64,
    inspect.BoolType: lambda _, __, default: default is not True,
}
"""Of a type that isn't here, no sample is known yet."""
