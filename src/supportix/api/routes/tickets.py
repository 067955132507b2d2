"""Commands on one ticket: giving it to somebody, working on it, ending it."""

from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call
from supportix.api.endpoints import command
from supportix.api.inputs import Description, Nothing, Reason, SomeTags
from supportix.api.routes.ticket_opening import TAG
from supportix.commands.desk import Outcome
from supportix.commands.known_departments import UnknownDepartment
from supportix.commands.tickets import (
    AcceptTags,
    AssignTicket,
    AwaitCustomer,
    ChangePriority,
    CloseTicket,
    CustomerAnswered,
    DismissTags,
    ReassignTicket,
    ReopenTicket,
    ResolveTicket,
    StartWork,
    TicketAnswer,
    TicketCommand,
    TransferTicket,
    UnassignTicket,
    UnknownAgent,
)
from supportix.domain.agent import AgentAtCapacity, AgentLacksSkill, AgentUnavailable, NotInDepartment
from supportix.domain.errors import Forbidden, NotFound
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.ticket import (
    AlreadyInDepartment,
    ReopenWindowPassed,
    TagsNotSuggested,
    TicketHasAgent,
    TicketHasNoAgent,
    TicketNotEnded,
    TransitionRefused,
)
from supportix.domain.ticket_words import Priority
from supportix.identity.roles import Permission

WORKING = any_of(Permission.TICKETS_WORK)


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets the ticket; with `force`, whatever its capacity and skills are, which needs a permission of its own."""

    agent_id: UUID
    force: bool = False
    reason: Reason = ""


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the ticket goes, and why; the reason is for staff."""

    department_id: UUID
    reason: Reason = ""


class Unassignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the ticket goes back to the queue; the reason is for staff."""

    reason: Reason = ""


class Resolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the ticket was resolved, for the customer to read."""

    resolution: Description = ""


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the ticket is closed, for everyone to read."""

    reason: Reason = ""


class Reopening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is still wrong, for everyone to read."""

    reason: Reason = ""


class NewPriority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How urgent the ticket is."""

    priority: Priority


class DecidedTags(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some of the tags that were suggested for the ticket."""

    tags: SomeTags


@command(
    "POST",
    "/tickets/{ticket_id}/assign",
    needs=any_of(Permission.TICKETS_ASSIGN, Permission.TICKETS_WORK, Permission.TICKETS_FORCE),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(
        NotFound,
        Forbidden,
        UnknownAgent,
        TicketHasAgent,
        TransitionRefused,
        AgentAtCapacity,
        AgentUnavailable,
        AgentLacksSkill,
        NotInDepartment,
    ),
)
async def assign_ticket(call: Call, ticket_id: UUID, body: Assignment) -> Outcome:
    """Give a waiting ticket to an agent. Agents may take tickets on themselves."""
    return await _carry_out(
        call,
        AssignTicket(
            ticket_id=TicketId(ticket_id),
            expected_version=call.expected_version,
            agent_id=AgentId(body.agent_id),
            force=body.force,
            reason=body.reason,
        ),
    )


@command(
    "POST",
    "/tickets/{ticket_id}/reassign",
    needs=any_of(Permission.TICKETS_ASSIGN),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(
        NotFound,
        Forbidden,
        UnknownAgent,
        TicketHasAgent,
        TicketHasNoAgent,
        AgentAtCapacity,
        AgentUnavailable,
        AgentLacksSkill,
        NotInDepartment,
    ),
)
async def reassign_ticket(call: Call, ticket_id: UUID, body: Assignment) -> Outcome:
    """Take a ticket from its agent and give it to another one, both or neither."""
    return await _carry_out(
        call,
        ReassignTicket(
            ticket_id=TicketId(ticket_id),
            expected_version=call.expected_version,
            agent_id=AgentId(body.agent_id),
            force=body.force,
            reason=body.reason,
        ),
    )


@command(
    "POST",
    "/tickets/{ticket_id}/unassign",
    needs=any_of(Permission.TICKETS_ASSIGN, Permission.TICKETS_WORK),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TicketHasNoAgent),
)
async def unassign_ticket(call: Call, ticket_id: UUID, body: Unassignment) -> Outcome:
    """Put a ticket back into its department's queue."""
    return await _carry_out(
        call,
        UnassignTicket(ticket_id=TicketId(ticket_id), expected_version=call.expected_version, reason=body.reason),
    )


@command(
    "POST",
    "/tickets/{ticket_id}/transfer",
    needs=any_of(Permission.TICKETS_TRANSFER),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, UnknownDepartment, AlreadyInDepartment, TransitionRefused),
)
async def transfer_ticket(call: Call, ticket_id: UUID, body: Transfer) -> Outcome:
    """Move a ticket to another department's queue."""
    return await _carry_out(
        call,
        TransferTicket(
            ticket_id=TicketId(ticket_id),
            expected_version=call.expected_version,
            department_id=DepartmentId(body.department_id),
            reason=body.reason,
        ),
    )


@command(
    "POST",
    "/tickets/{ticket_id}/start-work",
    needs=WORKING,
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TransitionRefused),
)
async def start_work(call: Call, ticket_id: UUID, body: Nothing) -> Outcome:  # noqa: ARG001 - checked to be empty.
    """Begin to work on a ticket, or go on after the customer answered."""
    return await _carry_out(call, StartWork(ticket_id=TicketId(ticket_id), expected_version=call.expected_version))


@command(
    "POST",
    "/tickets/{ticket_id}/await-customer",
    needs=WORKING,
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TransitionRefused),
)
async def await_customer(call: Call, ticket_id: UUID, body: Nothing) -> Outcome:  # noqa: ARG001 - checked to be empty.
    """Wait for the customer."""
    return await _carry_out(call, AwaitCustomer(ticket_id=TicketId(ticket_id), expected_version=call.expected_version))


@command(
    "POST",
    "/tickets/{ticket_id}/customer-answered",
    needs=any_of(Permission.TICKETS_ANSWER_OWN, Permission.TICKETS_WORK),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TransitionRefused),
)
async def customer_answered(call: Call, ticket_id: UUID, body: Nothing) -> Outcome:  # noqa: ARG001 - checked to be empty.
    """Say that what was asked of the customer has come. Customers say so of their own tickets.

    The ticket is in progress again; where its agent has gone offline, it goes back to the head of its queue.
    """
    answered = CustomerAnswered(ticket_id=TicketId(ticket_id), expected_version=call.expected_version)
    return await _carry_out(call, answered)


@command(
    "POST",
    "/tickets/{ticket_id}/resolve",
    needs=WORKING,
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TransitionRefused),
)
async def resolve_ticket(call: Call, ticket_id: UUID, body: Resolution) -> Outcome:
    """Resolve a ticket. Its agent's capacity is free from then on."""
    return await _carry_out(
        call,
        ResolveTicket(
            ticket_id=TicketId(ticket_id), expected_version=call.expected_version, resolution=body.resolution
        ),
    )


@command(
    "POST",
    "/tickets/{ticket_id}/close",
    needs=any_of(Permission.TICKETS_CLOSE_OWN, Permission.TICKETS_WORK),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TransitionRefused),
)
async def close_ticket(call: Call, ticket_id: UUID, body: Closing) -> Outcome:
    """Close a resolved ticket, or withdraw one that waits. Customers close their own."""
    return await _carry_out(
        call, CloseTicket(ticket_id=TicketId(ticket_id), expected_version=call.expected_version, reason=body.reason)
    )


@command(
    "POST",
    "/tickets/{ticket_id}/reopen",
    needs=any_of(Permission.TICKETS_REOPEN_OWN, Permission.TICKETS_WORK),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TicketNotEnded, ReopenWindowPassed),
)
async def reopen_ticket(call: Call, ticket_id: UUID, body: Reopening) -> Outcome:
    """Put a resolved or closed ticket back into its queue, within 14 days. Customers reopen their own."""
    return await _carry_out(
        call, ReopenTicket(ticket_id=TicketId(ticket_id), expected_version=call.expected_version, reason=body.reason)
    )


@command(
    "PUT",
    "/tickets/{ticket_id}/priority",
    needs=any_of(Permission.TICKETS_PRIORITISE, Permission.TICKETS_WORK),
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TransitionRefused),
)
async def change_priority(call: Call, ticket_id: UUID, body: NewPriority) -> Outcome:
    """Say how urgent a ticket is. A waiting ticket changes its place."""
    return await _carry_out(
        call,
        ChangePriority(ticket_id=TicketId(ticket_id), expected_version=call.expected_version, priority=body.priority),
    )


@command(
    "POST",
    "/tickets/{ticket_id}/tags/accept",
    needs=WORKING,
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TagsNotSuggested),
)
async def accept_tags(call: Call, ticket_id: UUID, body: DecidedTags) -> Outcome:
    """Take over tags that a model suggested: from then on they are the ticket's tags. For whoever sees the ticket."""
    accepted = AcceptTags(ticket_id=TicketId(ticket_id), expected_version=call.expected_version, tags=body.tags)
    return await _carry_out(call, accepted)


@command(
    "POST",
    "/tickets/{ticket_id}/tags/dismiss",
    needs=WORKING,
    tag=TAG,
    answer=TicketAnswer,
    conditional=True,
    refusals=(NotFound, Forbidden, TagsNotSuggested),
)
async def dismiss_tags(call: Call, ticket_id: UUID, body: DecidedTags) -> Outcome:
    """Let go of tags that a model suggested. For whoever sees the ticket."""
    dismissed = DismissTags(ticket_id=TicketId(ticket_id), expected_version=call.expected_version, tags=body.tags)
    return await _carry_out(call, dismissed)


async def _carry_out(call: Call, wanted: TicketCommand) -> Outcome:
    return await call.backend.core.tickets.carry_out(wanted, call.actor, call.envelope, at=call.at)


ENDPOINTS = (
    assign_ticket,
    reassign_ticket,
    unassign_ticket,
    transfer_ticket,
    start_work,
    await_customer,
    customer_answered,
    resolve_ticket,
    close_ticket,
    reopen_ticket,
    change_priority,
    accept_tags,
    dismiss_tags,
)
