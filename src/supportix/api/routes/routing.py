"""Routing: departments' rules and request types, the models, and what would become of a ticket."""

from typing import Annotated
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Read
from supportix.api.endpoints import action, command, query
from supportix.api.inputs import NO_NUL, Description, Ids, Name, RequestTypeName, Subject
from supportix.commands.departments import DepartmentAnswer
from supportix.commands.desk import Outcome
from supportix.domain.department import Department
from supportix.domain.errors import NotFound
from supportix.domain.ids import CustomerId
from supportix.domain.routing import RoutingEvidence, SuggestedTag
from supportix.domain.routing_rules import (
    LARGEST_ORDER,
    MOST_REQUEST_TYPES,
    MOST_RULES,
    MOST_TERMS,
    LooksIn,
    RequestTypeInvalid,
    RequestTypeTaken,
    RoutingRule,
    RoutingRuleInvalid,
)
from supportix.domain.ticket_words import Channel, RoutingStep
from supportix.identity.roles import Permission
from supportix.routing.book import Request
from supportix.routing.decide import RequestTypeElsewhere, UnknownRequestType
from supportix.routing.models import StoredModel, stored_models

TAG = "Routing"
MANAGING = any_of(Permission.DEPARTMENTS_MANAGE)
STAFF = any_of(Permission.QUEUES_READ)
EVERYBODY = any_of(Permission.DEPARTMENTS_READ)
NOBODY = CustomerId(UUID(int=0))

Term = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NO_NUL, examples=["invoice"])]
Order = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ORDER, description="The lowest is tried first.")]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes a ticket where everything that it names fits: one of its terms, of its customers, of its channels.

    Terms are whole words or phrases; case and accents make no difference.
    """

    name: Name
    order: Order = 100
    terms: Annotated[tuple[Term, ...], msgspec.Meta(max_length=MOST_TERMS)] = ()
    looks_in: LooksIn = LooksIn.BOTH
    customers: Ids = ()
    channels: Annotated[tuple[Channel, ...], msgspec.Meta(max_length=len(Channel))] = ()


class NewRoutingRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which rules the department takes tickets from now on; they replace those that it had."""

    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=MOST_RULES)]


class RoutingRules(msgspec.Struct, frozen=True):
    """By which rules a department takes tickets."""

    department_id: UUID
    rules: tuple[Rule, ...]


class NewRequestTypes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which request types the department owns from now on; each is owned by one department."""

    request_types: Annotated[tuple[RequestTypeName, ...], msgspec.Meta(max_length=MOST_REQUEST_TYPES)]


class RequestTypes(msgspec.Struct, frozen=True):
    """Which request types a department owns."""

    department_id: UUID
    request_types: tuple[str, ...]


class OwnedRequestType(msgspec.Struct, frozen=True):
    """A request type, and the department that gets its tickets."""

    name: str
    department_id: UUID


class EveryRequestType(msgspec.Struct, frozen=True):
    """All request types, by name."""

    items: tuple[OwnedRequestType, ...]


class Models(msgspec.Struct, frozen=True):
    """All models, the latest first, with what was measured when each was trained."""

    items: tuple[StoredModel, ...]


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ticket that might be opened."""

    subject: Subject
    description: Description = ""
    channel: Channel = Channel.API
    requester_id: UUID | None = None
    request_type: RequestTypeName | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Where it would go, which step would decide, why, and which tags would be suggested."""

    department_id: UUID
    step: RoutingStep
    evidence: RoutingEvidence | None
    suggested_tags: tuple[SuggestedTag, ...]
    model_version: int | None


@command(
    "PUT",
    "/departments/{department_id}/routing-rules",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, RoutingRuleInvalid),
)
async def change_routing_rules(call: Call, department_id: UUID, body: NewRoutingRules) -> Outcome:
    """Change by which rules a department takes tickets."""
    rules = [_stored(rule) for rule in body.rules]
    return await call.backend.core.departments.change_routing_rules(
        department_id, rules, call.actor, call.envelope, call.expected_version, at=call.at
    )


@query("/departments/{department_id}/routing-rules", needs=STAFF, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_routing_rules(call: Call, department_id: UUID) -> Read[RoutingRules]:
    """Read by which rules a department takes tickets."""
    position, department = await _department(call, department_id)
    rules = tuple(_shown(rule) for rule in department.routing_rules)
    return Read(RoutingRules(department_id, rules), position, version=department.version)


@command(
    "PUT",
    "/departments/{department_id}/request-types",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, RequestTypeInvalid, RequestTypeTaken),
)
async def change_request_types(call: Call, department_id: UUID, body: NewRequestTypes) -> Outcome:
    """Change which request types a department owns."""
    return await call.backend.core.departments.change_request_types(
        department_id, body.request_types, call.actor, call.envelope, call.expected_version, at=call.at
    )


@query("/departments/{department_id}/request-types", needs=EVERYBODY, tag=TAG, conditional=True, refusals=(NotFound,))
async def get_request_types(call: Call, department_id: UUID) -> Read[RequestTypes]:
    """Read which request types a department owns."""
    position, department = await _department(call, department_id)
    return Read(RequestTypes(department_id, department.request_types), position, version=department.version)


@query("/request-types", needs=EVERYBODY, tag=TAG)
async def list_request_types(call: Call) -> Read[EveryRequestType]:
    """List all request types, to be named when a ticket is opened."""
    router = call.backend.core.router
    await router.refresh()
    owned = [OwnedRequestType(each.name, each.department_id) for each in router.book.request_types.values()]
    return Read(EveryRequestType(tuple(sorted(owned, key=lambda each: each.name))), router.book.based_on)


@action("GET", "/routing/models", needs=STAFF, tag=TAG)
async def list_routing_models(call: Call) -> Models:
    """List the models that were trained, and tell which is active."""
    return Models(tuple(await stored_models(call.backend.core.pool)))


@action("POST", "/routing/preview", needs=STAFF, tag=TAG, refusals=(UnknownRequestType, RequestTypeElsewhere))
async def preview_routing(call: Call, body: Sample) -> Preview:
    """Tell where a ticket would go and why, without opening one."""
    request = Request(
        subject=body.subject,
        description=body.description,
        requester_id=CustomerId(body.requester_id) if body.requester_id else NOBODY,
        channel=body.channel,
        request_type=body.request_type,
    )
    routed = await call.backend.core.router.route(request)
    decision = routed.decision
    return Preview(
        department_id=decision.department_id,
        step=decision.step,
        evidence=decision.evidence,
        suggested_tags=routed.tags,
        model_version=routed.model_version,
    )


async def _department(call: Call, department_id: UUID) -> tuple[int, Department]:
    """The department, and a position up to which it is known. Refused: NotFound."""
    desk = call.backend.core.desk
    position = await desk.reading.head()
    return position, await desk.load(Department, department_id)


def _stored(rule: Rule) -> RoutingRule:
    return RoutingRule(
        name=rule.name,
        order=rule.order,
        terms=rule.terms,
        looks_in=rule.looks_in,
        customers=tuple(map(CustomerId, rule.customers)),
        channels=rule.channels,
    )


def _shown(rule: RoutingRule) -> Rule:
    return Rule(**msgspec.structs.asdict(rule))


ENDPOINTS = (
    change_routing_rules,
    get_routing_rules,
    change_request_types,
    get_request_types,
    list_request_types,
    list_routing_models,
    preview_routing,
)
