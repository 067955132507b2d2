"""Processes of people and an assigner race for the last places: benchmarks/race.py at a small size.

What it finds of people who break a rule on purpose is tested too, since a race that can't be lost proves nothing.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RACE = Path(__file__).parents[2] / "benchmarks" / "race.py"


def race(url: str, *options: str) -> tuple[int, dict[str, Any], str]:
    """Its exit code, its figures, and all that it printed."""
    ended = subprocess.run(
        [sys.executable, str(RACE), "--url", url, "--processes", "5", "--seconds", "3", "--json", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout.splitlines()[-1]), ended.stdout


def test_nobody_gets_too_many_and_no_ticket_two_agents_or_none(database_url):
    code, figures, printed = race(database_url)
    assert (code, figures["race.audit_findings"], figures["race.books_findings"]) == (0, 0, 0), printed
    assert figures["race.proved"] == figures["race.by_policy"] > 20
    assert figures["race.by_person"] > 20
    assert figures["race.refused"] > 20


@pytest.mark.parametrize(
    ("careless", "audited", "booked"),
    [
        ("reservation", "the command holds no reservation of the agent", "by the tickets' alone"),
        ("capacity", "of at most", "by its own events"),
        ("claim", "held it", "held it"),
    ],
)
def test_both_checks_find_who_breaks_a_rule(database_url, careless, audited, booked):
    code, figures, printed = race(database_url, "--careless", careless)
    assert code == 1
    assert figures["race.audit_findings"] > 0
    assert figures["race.books_findings"] > 0
    assert any(line.startswith("audit:") and audited in line for line in printed.splitlines()), printed
    assert any(line.startswith("books:") and booked in line for line in printed.splitlines()), printed
