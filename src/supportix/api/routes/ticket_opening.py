"""Opening tickets, for oneself or for a customer."""

from typing import Literal
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call
from supportix.api.endpoints import command
from supportix.api.inputs import Description, RequestTypeName, Skills, Subject, Tags
from supportix.api.refusals import RequesterMissing, UnknownRequester
from supportix.commands.desk import Outcome
from supportix.commands.known_departments import UnknownDepartment
from supportix.commands.tickets import OpenTicket, TicketAnswer
from supportix.domain.errors import Forbidden
from supportix.domain.ids import CustomerId, DepartmentId
from supportix.domain.ticket import SubjectMissing
from supportix.domain.ticket_words import Channel, Priority
from supportix.identity.errors import AccountNotFound
from supportix.identity.roles import Permission, Role
from supportix.routing.decide import RequestTypeElsewhere, UnknownRequestType

TAG = "Tickets"


class NewTicket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ticket to open. Staff name the requester; customers open their own, at normal priority.

    `skills`: what its agent has to have, as staff see it. `request_type`: one that a department owns, which then gets
    the ticket.
    """

    subject: Subject
    description: Description = ""
    priority: Priority = Priority.NORMAL
    channel: Literal["api", "portal", "email", "phone", "chat"] = "api"
    tags: Tags = ()
    skills: Skills = ()
    department_id: UUID | None = None
    request_type: RequestTypeName | None = None
    requester_id: UUID | None = None


@command(
    "POST",
    "/tickets",
    needs=any_of(Permission.TICKETS_OPEN),
    tag=TAG,
    answer=TicketAnswer,
    status=201,
    refusals=(
        Forbidden,
        UnknownDepartment,
        UnknownRequestType,
        RequestTypeElsewhere,
        SubjectMissing,
        RequesterMissing,
        UnknownRequester,
    ),
)
async def open_ticket(call: Call, body: NewTicket) -> Outcome:
    """Open a ticket.

    It is routed to the department that is named or that owns the request type, else by the departments' rules, else by
    the active model where that is sure enough, else to triage. There it waits until the department's policy or a person
    gives it to an agent. Its timeline tells which step decided, and why.
    """
    opened = OpenTicket(
        subject=body.subject,
        description=body.description,
        requester_id=await _requester(call, body),
        priority=body.priority,
        channel=Channel(body.channel),
        tags=body.tags,
        skills=body.skills,
        department_id=DepartmentId(body.department_id) if body.department_id else None,
        request_type=body.request_type,
    )
    return await call.backend.core.tickets.open(opened, call.actor, call.envelope, at=call.at)


async def _requester(call: Call, body: NewTicket) -> CustomerId:
    sender = call.sender
    if sender.role is Role.CUSTOMER:
        if body.requester_id not in {None, sender.account_id}:
            raise Forbidden("customers open their own tickets; leave requester_id out")
        if body.skills:
            raise Forbidden("customers don't say which skills their tickets need; say in the text what it is about")
        if body.priority is not Priority.NORMAL:
            raise Forbidden("customers open tickets at normal priority; say in the text why it is urgent")
        return CustomerId(sender.account_id)
    if body.requester_id is None:
        raise RequesterMissing("requester_id was expected: the account that the ticket is opened for")
    try:
        await call.backend.accounts.get(body.requester_id)
    except AccountNotFound:
        raise UnknownRequester(f"no account has the id {body.requester_id}") from None
    return CustomerId(body.requester_id)


ENDPOINTS = (open_ticket,)
