"""Columns of a batch as PostgreSQL arrays in binary form, so that a flush is one call with a few parameters.

Layout: https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES and array_recv() in
PostgreSQL's arrayfuncs.c: dimensions, has-null flag, element type, then length and lower bound of the one dimension,
then each element as its length (-1 for null) and bytes, integers big-endian.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any
from uuid import UUID

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct(">iiIii")
_EMPTY = Struct(">iiI")
_LENGTH = Struct(">i")
_INT4 = Struct(">ii")
_INT8 = Struct(">iq")
_UUID_LENGTH = _LENGTH.pack(16)
_NULL = _LENGTH.pack(-1)

_UUID_OID, _INT4_OID, _INT8_OID, _TEXT_OID, _BYTEA_OID = 2950, 23, 20, 25, 17


class _Array(bytes):
    """The binary form of a one-dimensional array."""


class UuidArray(_Array):
    @classmethod
    def of(cls, items: Sequence[UUID | None]) -> "UuidArray":
        return cls(_array(_UUID_OID, [_NULL if item is None else _UUID_LENGTH + item.bytes for item in items]))


class Int4Array(_Array):
    @classmethod
    def of(cls, items: Sequence[int]) -> "Int4Array":
        return cls(_array(_INT4_OID, [_INT4.pack(4, item) for item in items]))


class Int8Array(_Array):
    @classmethod
    def of(cls, items: Sequence[int | None]) -> "Int8Array":
        return cls(_array(_INT8_OID, [_NULL if item is None else _INT8.pack(8, item) for item in items]))


class ByteaArray(_Array):
    @classmethod
    def of(cls, items: Sequence[bytes | None]) -> "ByteaArray":
        return cls(_array(_BYTEA_OID, [_NULL if item is None else _LENGTH.pack(len(item)) + item for item in items]))


class TextArray(_Array):
    @classmethod
    def of(cls, items: Sequence[str | None]) -> "TextArray":
        encoded = [None if item is None else item.encode() for item in items]
        return cls(_array(_TEXT_OID, [_NULL if item is None else _LENGTH.pack(len(item)) + item for item in encoded]))


def _array(element_oid: int, items: Sequence[bytes]) -> bytes:
    if not items:
        return _EMPTY.pack(0, 0, element_oid)
    has_null = 1 if _NULL in items else 0
    return _HEADER.pack(1, has_null, element_oid, len(items), 1) + b"".join(items)


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
