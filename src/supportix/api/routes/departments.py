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
from supportix.domain.agent import WEIGHT_LIMIT
from supportix.domain.department import (
    LONGEST_PATIENCE_SECONDS,
    LONGEST_TARGET_MINUTES,
    DepartmentNameMissing,
    DepartmentNameTaken,
    TermsOutOfRange,
)
from supportix.domain.department_facts import TakeBack
from supportix.domain.errors import NotFound
from supportix.domain.ticket_words import Channel, Priority
from supportix.identity.roles import Permission
from supportix.projections.department_queries import DepartmentView, NameKey, department_detail, department_page

TAG = "Departments"
MANAGING = any_of(Permission.DEPARTMENTS_MANAGE)
READING = any_of(Permission.DEPARTMENTS_READ)

PolicyName = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=50, pattern="^[a-z_]+$", examples=["round_robin", "least_busy", "weighted", "sticky"]
    ),
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


Minutes = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TARGET_MINUTES)]
Weight = Annotated[int, msgspec.Meta(ge=1, le=WEIGHT_LIMIT)]
Patience = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_PATIENCE_SECONDS, description="Seconds; null for never.")]


class NewTargets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Within how many minutes tickets of a priority have to be resolved; no target where it isn't named."""

    minutes: Annotated[dict[Priority, Minutes], msgspec.Meta(examples=[{"urgent": 60, "high": 240}])]


class NewWorkWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many points of capacity a ticket takes: its priority's weight times its channel's, each 1 by default."""

    by_priority: Annotated[dict[Priority, Weight], msgspec.Meta(examples=[{"urgent": 3}])] = {}
    by_channel: Annotated[dict[Channel, Weight], msgspec.Meta(examples=[{"phone": 2}])] = {}


class NewTakeBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When work goes back to the head of the queue: its agent is offline, or hasn't begun with it, for so long.

    An agent that didn't begin goes away, so that it doesn't get the next ticket, unless it `stays_online`.
    """

    offline_after_seconds: Patience | None = 300
    unanswered_after_seconds: Patience | None = None
    stays_online: bool = False


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


@command(
    "PUT",
    "/departments/{department_id}/targets",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, TermsOutOfRange),
)
async def change_targets(call: Call, department_id: UUID, body: NewTargets) -> Outcome:
    """Say within which time tickets have to be resolved. It decides on their order in the queue, after priority."""
    departments = call.backend.core.departments
    return await departments.change_targets(
        department_id, body.minutes, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "PUT",
    "/departments/{department_id}/work-weights",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, TermsOutOfRange),
)
async def change_work_weights(call: Call, department_id: UUID, body: NewWorkWeights) -> Outcome:
    """Say how much of an agent's capacity tickets take, from the next ticket that is queued on."""
    departments = call.backend.core.departments
    return await departments.change_work_weights(
        department_id,
        body.by_priority,
        body.by_channel,
        call.actor,
        call.envelope,
        call.expected_version,
        at=call.at,
    )


@command(
    "PUT",
    "/departments/{department_id}/take-back",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, TermsOutOfRange),
)
async def change_take_back(call: Call, department_id: UUID, body: NewTakeBack) -> Outcome:
    """Say when work is taken back from agents who are offline or don't begin with it."""
    take_back = TakeBack(
        offline_after=body.offline_after_seconds,
        unanswered_after=body.unanswered_after_seconds,
        stays_online=body.stays_online,
    )
    departments = call.backend.core.departments
    return await departments.change_take_back(
        department_id, take_back, call.actor, call.envelope, call.expected_version, at=call.at
    )


@query("/departments", needs=READING, tag=TAG)
async def list_departments(call: Call, query: ByName) -> Read[Page[DepartmentView]]:
    """List the departments by name."""
    behind, limit = query.start(call.backend.cursors, "departments")
    found = await department_page(call.backend.database, behind=behind, limit=limit + 1)
    page = page_of(
        call.backend.cursors, "departments", found.value, limit, lambda row: NameKey(row.name, row.department_id)
    )
    return Read(page, found.position)


@query("/departments/{department_id}", needs=READING, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_department(call: Call, department_id: UUID) -> Read[DepartmentView]:
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
    change_targets,
    change_work_weights,
    change_take_back,
    list_departments,
    get_department,
)
