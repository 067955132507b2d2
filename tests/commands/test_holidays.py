"""A calendar's country has to be one whose holidays are known."""

import pytest

from supportix.commands.planning import UnknownCountry, must_have_holidays


@pytest.mark.parametrize("country", [None, "PT", "US-CA", "DE-BY"])
def test_countries_and_subdivisions_that_are_known(country):
    must_have_holidays(country)


@pytest.mark.parametrize(
    ("country", "saying"),
    [
        ("ZZ", "country 'ZZ' was given"),
        ("US-ZZ", "subdivision 'ZZ' of US was given"),
        ("PT-X", "'X'"),
    ],
)
def test_those_that_are_not_are_refused(country, saying):
    with pytest.raises(UnknownCountry, match=saying):
        must_have_holidays(country)
