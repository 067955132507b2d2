"""Dates of any declared form become UTC, and a fast parser agrees with the slow one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportix.importing.dates import Dates


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date_format", "text", "expected"),
    [
        ("%d/%m/%Y %H:%M", "5/3/2021 09:07", utc(2021, 3, 5, 9, 7)),
        ("%d/%m/%Y %H:%M", "29/2/2016 1:16", utc(2016, 2, 29, 1, 16)),
        ("%m/%d/%Y %H:%M:%S", "12/31/2021 23:59:58", utc(2021, 12, 31, 23, 59, 58)),
        ("%d %b %Y %I:%M %p", "05 Mar 2021 01:07 PM", utc(2021, 3, 5, 13, 7)),
        ("iso", "2021-03-05T09:07:00+02:00", utc(2021, 3, 5, 7, 7)),
        ("iso", "2021-03-05T09:07:00Z", utc(2021, 3, 5, 9, 7)),
    ],
)
def test_a_date_becomes_utc(date_format, text, expected):
    assert Dates((date_format,), "UTC").utc(text) == expected


@pytest.mark.parametrize(
    "text", ["31/2/2021 09:00", "5/13/2021 09:00", "5/3/21 09:00", "5/3/2021", "yesterday", "\u0665/3/2021 09:00"]
)
def test_what_is_no_date_of_the_form_is_refused(text):
    with pytest.raises(ValueError, match="isn't a date of the form %d/%m/%Y %H:%M"):
        Dates(("%d/%m/%Y %H:%M",), "UTC").utc(text)


def test_the_next_format_is_tried_where_the_first_does_not_fit():
    assert Dates(("%d/%m/%Y", "iso"), "UTC").utc("2021-03-05") == utc(2021, 3, 5)


def test_a_local_time_is_read_in_the_mappings_time_zone():
    assert Dates(("iso",), "Europe/Lisbon").utc("2021-07-01T12:00") == utc(2021, 7, 1, 11)


@pytest.mark.parametrize(("text", "expected"), [("2021-10-31T01:30", (0, 30)), ("2021-03-28T01:30", (0, 30))])
def test_a_local_time_that_the_clock_showed_twice_or_never_is_read_early_and_marked(text, expected):
    dates = Dates(("iso",), "Europe/Lisbon")

    at = dates.utc(text)

    assert (at.hour, at.minute) == expected
    assert dates.ambiguous == {text}


@given(at=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001
def test_the_fast_parser_agrees_with_strptime(at):
    text = at.strftime("%d.%m.%Y %H:%M:%S")

    assert Dates(("%d.%m.%Y %H:%M:%S",), "UTC").utc(text) == at.replace(microsecond=0, tzinfo=UTC)
