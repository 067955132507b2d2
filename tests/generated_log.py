"""A change log like a real ServiceNow export, with the traps that real ones hold, for tests without the real file."""

import csv
import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

COLUMNS = [
    "number",
    "incident_state",
    "active",
    "reassignment_count",
    "reopen_count",
    "sys_mod_count",
    "made_sla",
    "caller_id",
    "opened_by",
    "opened_at",
    "sys_created_by",
    "sys_created_at",
    "sys_updated_by",
    "sys_updated_at",
    "contact_type",
    "location",
    "category",
    "subcategory",
    "u_symptom",
    "cmdb_ci",
    "impact",
    "urgency",
    "priority",
    "assignment_group",
    "assigned_to",
    "knowledge",
    "u_priority_confirmation",
    "notify",
    "problem_id",
    "rfc",
    "vendor",
    "caused_by",
    "closed_code",
    "resolved_by",
    "resolved_at",
    "closed_at",
]

START = datetime(2021, 2, 27, 8, tzinfo=UTC)
GROUPS = [f"Group {number}" for number in range(1, 9)]
RESOLVERS = [f"Resolver {number}" for number in range(1, 31)]
WAITS = ["Awaiting User Info"] * 8 + ["Awaiting Vendor", "Awaiting Problem", "Awaiting Evidence"]
PRIORITIES = ["3 - Moderate"] * 9 + ["1 - Critical", "2 - High", "4 - Low"]
CHANNELS = ["Phone"] * 9 + ["Self service", "Email", "IVR", "Direct opening"]


def write_log(path: Path, *, tickets: int, seed: int) -> int:
    """Write a plain CSV and return the number of its rows (without the header). From 20 tickets on, every trap occurs:
    a change before the opening, an ignored state, rows out of time order, missing groups and customers, a reopening.
    """
    dice = random.Random(seed)  # noqa: S311  # Repeatable, and no secret.
    rows = [row for number in range(tickets) for row in _ticket_rows(number, dice)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="?")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def write_as_json_lines(log: Path, path: Path, *, nested: bool = False) -> None:
    """The same log as `write_log` wrote it, gzipped where the path says so: what is missing as null, counts as numbers.

    Where `nested`, who and what are objects: `{"caller": {"name": ...}, "is": {"state": ..., "priority": ...}}`.
    """
    with log.open(encoding="utf-8", newline="") as file:
        lines = [json.dumps(_as_object(row, nested=nested)) + "\n" for row in csv.DictReader(file)]
    text = "".join(lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


NESTED_COLUMNS = {
    "state": "is.state",
    "priority": "is.priority",
    "requester": "caller.name",
    "agent": "people.0.name",
    "department": "people.1.name",
}
"""Where `write_as_json_lines` put what the servicenow mapping names, if it was told to nest."""


def _as_object(row: dict[str, str], *, nested: bool) -> dict[str, object]:
    found: dict[str, object] = {column: None if cell == "?" else cell for column, cell in row.items()}
    found |= {column: int(row[column]) for column in ("reopen_count", "sys_mod_count")}
    if nested:
        found["is"] = {"state": found.pop("incident_state"), "priority": found.pop("priority")}
        caller = found.pop("caller_id")
        found["caller"] = None if caller is None else {"name": caller}
        found["people"] = [{"name": found.pop("assigned_to")}, {"name": found.pop("assignment_group")}]
    return found


def _ticket_rows(number: int, dice: random.Random) -> list[dict[str, str]]:
    opened_at = START + timedelta(minutes=dice.randrange(60 * 24 * 90))
    row = {
        "number": f"INC{number:07}",
        "caller_id": "?" if number % 20 == 7 else f"Caller {dice.randrange(1, 400)}",
        "opened_at": day_first(opened_at),
        "contact_type": dice.choice(CHANNELS),
        "category": f"Category {dice.randrange(1, 20)}",
        "subcategory": f"Subcategory {dice.randrange(1, 60)}",
        "u_symptom": dice.choice(["?", f"Symptom {dice.randrange(1, 90)}"]),
        "priority": dice.choice(PRIORITIES),
        "assignment_group": "?" if number % 20 == 3 else dice.choice(GROUPS),
        "assigned_to": dice.choice(["?", dice.choice(RESOLVERS)]),
        "reopen_count": "0",
    }
    rows, at = [], opened_at
    for mod, state in enumerate(_states(number, dice)):
        at += timedelta(minutes=dice.choice([0, 1, 7, 45, 200, 1500]))
        if mod:
            _change(row, state, dice)
        if state == "reopened":
            state, row["reopen_count"] = "Active", "1"  # noqa: PLW2901
        rows.append(row | {"incident_state": state, "sys_mod_count": str(mod), "sys_updated_at": day_first(at)})
    _set_traps(number, rows, opened_at)
    return rows


def _states(number: int, dice: random.Random) -> list[str]:
    middle = dice.choices(["New", "Active", dice.choice(WAITS)], weights=[1, 3, 1], k=dice.randrange(4))
    middle.sort(key=lambda state: state != "New")
    ignored = ["-100"] if number % 20 == 5 else []
    reopened = ["reopened", "Resolved"] if number % 20 == 11 else []
    return ["New", *middle, *ignored, "Resolved", *reopened, "Closed"]


def _change(row: dict[str, str], state: str, dice: random.Random) -> None:
    if state in {"Resolved", "Closed"}:
        return
    if dice.random() < 0.2:
        row["assignment_group"] = dice.choice([*GROUPS, "?"])
        row["assigned_to"] = dice.choice([row["assigned_to"], "?"])
    if dice.random() < 0.4:
        row["assigned_to"] = dice.choice(RESOLVERS)


def _set_traps(number: int, rows: list[dict[str, str]], opened_at: datetime) -> None:
    if number % 20 == 2:
        rows[0]["sys_updated_at"] = day_first(opened_at - timedelta(minutes=3))
    if number % 20 == 4:  # The first change is stamped after the resolution, as if it had been saved again.
        resolved_at = rows[-1]["sys_updated_at"]
        for row in rows[:-1]:
            row["sys_updated_at"] = day_first(opened_at + timedelta(minutes=1))
        rows[0]["sys_updated_at"] = day_first(opened_at + timedelta(minutes=2))
        rows[-1]["sys_updated_at"] = resolved_at if len(rows) > 2 else rows[-1]["sys_updated_at"]


def day_first(at: datetime) -> str:
    """`5/3/2021 09:07`: day first, day and month without zero padding."""
    return f"{at.day}/{at.month}/{at.year} {at:%H:%M}"
