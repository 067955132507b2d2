"""Departments: making, naming and steering them, and reading them."""

from typing import Annotated
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import command, query
from supportix.api.inputs import Name, Reason
from supportix.api.paging import ByName, page_of
from supportix.commands.departments import DepartmentAnswer, UnknownPolicy
from supportix.commands.desk import Outcome
from supportix.domain.department import DepartmentNameMissing, DepartmentNameTaken
from supportix.domain.errors import NotFound
from supportix.identity.roles import Permission
from supportix.projections.department_queries import NameKey, department_detail, department_page
from supportix.projections.departments import DepartmentRow

TAG = "Departments"
MANAGING = any_of(Permission.DEPARTMENTS_MANAGE)
READING = any_of(Permission.DEPARTMENTS_READ)

PolicyName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=50, pattern="^[a-z_]+$", examples=["round_robin", "least_busy"])
]


class NewDepartment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A department, and the policy that gives out its tickets."""

    name: Name
    policy: PolicyName = "round_robin"


class NewName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the department is called from now on."""

    name: Name


class NewPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the department's tickets are given out from now on."""

    policy: PolicyName


class Pause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the policy holds back. People may assign by hand meanwhile."""

    paused: bool
    reason: Reason = ""


@command(
    "POST",
    "/departments",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    status=201,
    refusals=(UnknownPolicy, DepartmentNameMissing, DepartmentNameTaken),
)
async def create_department(call: Call, body: NewDepartment) -> Outcome:
    """Create a department."""
    departments = call.backend.core.departments
    return await departments.create(body.name, body.policy, call.actor, call.envelope, at=call.at)


@command(
    "PUT",
    "/departments/{department_id}/name",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, DepartmentNameMissing, DepartmentNameTaken),
)
async def rename_department(call: Call, department_id: UUID, body: NewName) -> Outcome:
    """Rename a department."""
    departments = call.backend.core.departments
    return await departments.rename(
        department_id, body.name, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "PUT",
    "/departments/{department_id}/policy",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, UnknownPolicy),
)
async def change_department_policy(call: Call, department_id: UUID, body: NewPolicy) -> Outcome:
    """Change how a department's tickets are given out."""
    departments = call.backend.core.departments
    return await departments.change_policy(
        department_id, body.policy, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "PUT",
    "/departments/{department_id}/assignment-pause",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound,),
)
async def pause_assignment(call: Call, department_id: UUID, body: Pause) -> Outcome:
    """Stop or resume giving a department's tickets out."""
    departments = call.backend.core.departments
    return await departments.pause(
        department_id, body.paused, body.reason, call.actor, call.envelope, call.expected_version, at=call.at
    )


@query("/departments", needs=READING, tag=TAG)
async def list_departments(call: Call, query: ByName) -> Read[Page[DepartmentRow]]:
    """List the departments by name."""
    behind, limit = query.start(call.backend.cursors, "departments")
    found = await department_page(call.backend.database, behind=behind, limit=limit + 1)
    page = page_of(
        call.backend.cursors, "departments", found.value, limit, lambda row: NameKey(row.name, row.department_id)
    )
    return Read(page, found.position)


@query("/departments/{department_id}", needs=READING, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_department(call: Call, department_id: UUID) -> Read[DepartmentRow]:
    """Read one department."""
    found = await department_detail(call.backend.database, department_id)
    if found.value is None:
        raise NotFound(f"no department has the id {department_id}")
    return Read(found.value, found.position, version=found.value.version)


ENDPOINTS = (
    create_department,
    rename_department,
    change_department_policy,
    pause_assignment,
    list_departments,
    get_department,
)
