"""A mapping is found by name or path, and a wrong one says which file and which key is wrong."""

import re

import pytest

from supportix.importing.mapping import load_mapping, mapping_from_toml
from supportix.importing.report import ImportRefused

SMALL = """
date_formats = ["iso"]
[columns]
ticket = "id"
changed_at = "when"
state = "status"
[states]
open = "queued"
done = "closed"
"""


def test_the_servicenow_mapping_ships_with_the_package():
    mapping = load_mapping("servicenow")

    assert mapping.name == "servicenow"
    assert mapping.states["Awaiting Vendor"] == "pending"
    assert mapping.priorities["1 - Critical"] == "urgent"
    assert mapping.columns.named()["sys_updated_at"] == "changed_at"


def test_a_path_reads_that_file_and_is_named_after_it(tmp_path):
    path = tmp_path / "our_desk.toml"
    path.write_text(SMALL, encoding="utf-8")

    assert load_mapping(path).name == "our_desk"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ImportRefused, match="no mapping 'zendesc': expected a TOML file or one of: servicenow"):
        load_mapping("zendesc")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('open = "queued"', 'open = "waiting"', "desk.toml: states[...]: Invalid enum value 'waiting'"),
        ('ticket = "id"', "", "desk.toml: columns: Object missing required field `ticket`"),
        ('ticket = "id"', 'ticket = "id"\ntickt = "x"', "desk.toml: columns: Object contains unknown field `tickt`"),
        ('ticket = "id"', "ticket = 3", "desk.toml: columns.ticket: Expected `str`, got `int`"),
        ('["iso"]', '["%d/%m %H:%M"]', "desk.toml: date_formats: '%d/%m %H:%M' must hold a day, a month and a year"),
        ('["iso"]', '["%d/%m/%Y %Q"]', "desk.toml: date_formats: '%d/%m/%Y %Q' can't be used"),
        ('["iso"]', '["iso"]\ntimezone = "Lisbon"', "desk.toml: timezone: 'Lisbon' isn't known"),
        ('["iso"]', '["iso"]\nencoding = "utf-9"', "desk.toml: encoding: 'utf-9' isn't known"),
        ('["iso"]', '["iso"]\ndelimiter = ";;"', "desk.toml: delimiter: expected one character, got ';;'"),
        ('["iso"]', '["iso"]\nignored_states = ["open"]', "desk.toml: ignored_states: 'open' is also in [states]"),
        ('["iso"]', '["iso"]\napproximate_states = ["x"]', "desk.toml: approximate_states: 'x' isn't in [states]"),
        ("[columns]", "[columns", "desk.toml: not valid TOML"),
    ],
)
def test_a_wrong_mapping_names_file_key_and_what_was_expected(old, new, message):
    assert old in SMALL
    with pytest.raises(ImportRefused, match=re.escape(message)):
        mapping_from_toml(SMALL.replace(old, new), source="desk.toml", name="desk")
