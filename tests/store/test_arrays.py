"""Our binary arrays are, byte by byte, what PostgreSQL itself makes of the same values."""

import struct
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supportix.store.arrays import ByteaArray, Int4Array, Int8Array, TextArray, UuidArray, register_arrays


@pytest.fixture(scope="module")
def connection(postgres_server) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        register_arrays(connection)
        yield connection


def must_agree(connection: psycopg.Connection[Any], ours: bytes, element: str, items: list[Any]) -> None:
    """The same bytes as PostgreSQL's from single values, and the same values when PostgreSQL reads ours."""
    elements = ", ".join([f"%s::{element}"] * len(items))
    cursor = connection.cursor(binary=True)
    cursor.execute(f"SELECT array_send(ARRAY[{elements}]::{element}[]), %s", (*items, ours))
    sent, read = cursor.fetchone()
    assert bytes(ours) == sent
    assert read == items


NULL = st.none()
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
INT4 = st.integers(-(2**31), 2**31 - 1)
INT8 = st.integers(-(2**63), 2**63 - 1)


@given(items=st.lists(NULL | st.uuids()))
def test_uuids(connection, items):
    must_agree(connection, UuidArray.of(items), "uuid", items)


@given(items=st.lists(INT4))
@example(items=[-1, 0, 1, -(2**31), 2**31 - 1])
def test_integers_of_four_bytes(connection, items):
    must_agree(connection, Int4Array.of(items), "int4", items)


@given(items=st.lists(NULL | INT8))
@example(items=[None, -1, 2**63 - 1, -(2**63)])
def test_integers_of_eight_bytes(connection, items):
    must_agree(connection, Int8Array.of(items), "int8", items)


@given(items=st.lists(NULL | st.binary()))
@example(items=[b"", b"\0", b"\xff\xff\xff\xff", None])
def test_bytes(connection, items):
    must_agree(connection, ByteaArray.of(items), "bytea", items)


@given(items=st.lists(NULL | TEXT))
@example(items=["", "NULL", None, "„Größe“", "請求書", "🧾", "{", '"', "\\", ","])
def test_texts(connection, items):
    must_agree(connection, TextArray.of(items), "text", items)


@pytest.mark.parametrize(
    ("array", "element"),
    [(UuidArray, "uuid"), (Int4Array, "int4"), (Int8Array, "int8"), (ByteaArray, "bytea"), (TextArray, "text")],
)
def test_no_items(connection, array, element):
    must_agree(connection, array.of([]), element, [])


@pytest.mark.parametrize(("array", "element"), [(UuidArray, "uuid"), (Int8Array, "int8"), (TextArray, "text")])
def test_nothing_but_nulls(connection, array, element):
    must_agree(connection, array.of([None, None]), element, [None, None])


def test_an_array_keeps_its_type_where_the_query_names_none(connection):
    for array, name in (
        (UuidArray.of([]), "uuid[]"),
        (Int4Array.of([1]), "integer[]"),
        (Int8Array.of([1]), "bigint[]"),
        (ByteaArray.of([b""]), "bytea[]"),
        (TextArray.of(["x"]), "text[]"),
    ):
        assert connection.execute("SELECT pg_typeof(%s)::text", (array,)).fetchone() == (name,)


@pytest.mark.parametrize("too_large", [2**31, -(2**31) - 1])
def test_what_does_not_fit_is_refused_before_it_is_sent(too_large):
    with pytest.raises(struct.error):
        Int4Array.of([too_large])
