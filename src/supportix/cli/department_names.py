"""Departments as people name them on the command line, as far as the read models know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from supportix.cli.errors import CommandRefused

if TYPE_CHECKING:
    from uuid import UUID

    from supportix.settings import Settings

_DEPARTMENTS = "SELECT department_id, name, coalesce(calendar->>'time_zone', 'UTC') FROM read_model.departments"


class NamedDepartment(NamedTuple):
    department_id: UUID
    name: str
    time_zone: str


def departments(settings: Settings) -> list[NamedDepartment]:
    from supportix.cli.connecting import connected

    with connected(settings) as connection:
        return [NamedDepartment(*row) for row in connection.execute(_DEPARTMENTS).fetchall()]


def named_department(settings: Settings, given: str) -> NamedDepartment:
    """The department of this name or id. Refused: CommandRefused."""
    from supportix.domain.routing_rules import name_key

    known = departments(settings)
    for each in known:
        if given == str(each.department_id) or name_key(given) == name_key(each.name):
            return each
    names = ", ".join(sorted(each.name for each in known)) or "there is none yet"
    raise CommandRefused(f"--department {given!r}: the name or the id of a department was expected: {names}")


def department_names(settings: Settings) -> dict[UUID, str]:
    return {each.department_id: each.name for each in departments(settings)}
