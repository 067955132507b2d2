"""Columns of a batch as PostgreSQL arrays in binary form, so that a flush is one call with a few parameters.

Layout: https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES and array_recv() in
PostgreSQL's arrayfuncs.c: dimensions, has-null flag, element type, then length and lower bound of the one dimension,
then each element as its length (-1 for null) and bytes, integers big-endian.
"""

from collections.abc import Sequence
from itertools import chain, repeat
from struct import Struct, pack
from typing import Any, Self
from uuid import UUID

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct(">iiIii")
_EMPTY = Struct(">iiI")
_LENGTH = Struct(">i")
_INT8 = Struct(">iq")
_UUID_LENGTH = _LENGTH.pack(16)
_NULL = _LENGTH.pack(-1)

_UUID_OID, _INT4_OID, _INT8_OID, _TEXT_OID, _BYTEA_OID = 2950, 23, 20, 25, 17


class _Array(bytes):
    """The binary form of a one-dimensional array."""

    @classmethod
    def of(cls, items: Sequence[Any]) -> Self:
        raise NotImplementedError

    @classmethod
    def of_any(cls, items: Sequence[Any]) -> Self:
        """The items, or an empty array where all of them are null; SQL's unnest fills it up with nulls."""
        return cls.of(items if any(item is not None for item in items) else ())


class UuidArray(_Array):
    @classmethod
    def of(cls, items: Sequence[UUID | None]) -> Self:
        return cls(_array(_UUID_OID, [_NULL if item is None else _uuid(item) for item in items]))

    @classmethod
    def repeated(cls, items: Sequence[tuple[UUID, int]]) -> Self:
        """Each id as often as its number says."""
        count = sum(times for _, times in items)
        return cls(_joined(_UUID_OID, count, b"".join([_uuid(item) * times for item, times in items])))


class Int4Array(_Array):
    @classmethod
    def of(cls, items: Sequence[int]) -> Self:
        lengths_and_items = chain.from_iterable(zip(repeat(4), items, strict=False))
        return cls(_joined(_INT4_OID, len(items), pack(f">{2 * len(items)}i", *lengths_and_items)))


class Int8Array(_Array):
    @classmethod
    def of(cls, items: Sequence[int | None]) -> Self:
        return cls(_array(_INT8_OID, [_NULL if item is None else _INT8.pack(8, item) for item in items]))


class ByteaArray(_Array):
    @classmethod
    def of(cls, items: Sequence[bytes | None]) -> Self:
        return cls(_array(_BYTEA_OID, [_NULL if item is None else _LENGTH.pack(len(item)) + item for item in items]))


class TextArray(_Array):
    @classmethod
    def of(cls, items: Sequence[str | None]) -> Self:
        encoded = [None if item is None else item.encode() for item in items]
        return cls(_array(_TEXT_OID, [_NULL if item is None else _LENGTH.pack(len(item)) + item for item in encoded]))


def _uuid(item: UUID) -> bytes:
    return _UUID_LENGTH + item.int.to_bytes(16)


def _array(element_oid: int, items: Sequence[bytes]) -> bytes:
    return _joined(element_oid, len(items), b"".join(items), 1 if _NULL in items else 0)


def _joined(element_oid: int, count: int, elements: bytes, has_null: int = 0) -> bytes:
    if not count:
        return _EMPTY.pack(0, 0, element_oid)
    return _HEADER.pack(1, has_null, element_oid, count, 1) + elements


def _dumper(array_oid: int) -> type[Dumper]:
    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = array_oid

        def dump(self, obj: Any) -> Buffer:
            return obj  # type: ignore[no-any-return]

    return ArrayDumper


_DUMPERS = {
    UuidArray: _dumper(2951),
    Int4Array: _dumper(1007),
    Int8Array: _dumper(1016),
    TextArray: _dumper(1009),
    ByteaArray: _dumper(1001),
}


def register_arrays(context: AdaptContext) -> None:
    """Let a connection take these arrays as parameters."""
    for array_type, dumper in _DUMPERS.items():
        context.adapters.register_dumper(array_type, dumper) if context.adapters else None
