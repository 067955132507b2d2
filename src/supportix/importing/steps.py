"""A ticket's history in our words: how it was opened and the steps it took, and the table of which step may follow."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from supportix.importing.mapping import Priority, TicketState


class _Step(msgspec.Struct, frozen=True, tag=True):
    at: datetime


class MovedToDepartment(_Step, frozen=True):
    """The ticket is unassigned and queued there."""

    department: str


class AssignedTo(_Step, frozen=True):
    agent: str


class Unassigned(_Step, frozen=True):
    """Back to the queue of its department."""


class WorkStarted(_Step, frozen=True):
    pass


class WaitingOnCustomer(_Step, frozen=True):
    pass


class Resumed(_Step, frozen=True):
    pass


class Resolved(_Step, frozen=True):
    """By the agent who has the ticket, or straight from the queue by nobody we know."""


class Closed(_Step, frozen=True):
    pass


class Reopened(_Step, frozen=True):
    """To the agent who had the ticket when it was resolved, or to the queue where `agent` is None."""

    agent: str | None = None


class PriorityChanged(_Step, frozen=True):
    priority: Priority


Step = (
    MovedToDepartment
    | AssignedTo
    | Unassigned
    | WorkStarted
    | WaitingOnCustomer
    | Resumed
    | Resolved
    | Closed
    | Reopened
    | PriorityChanged
)


class TicketHistory(msgspec.Struct, frozen=True):
    """One ticket: `department` and `priority` are those at the opening. Steps are in order; their times never decrease,
    never precede `opened_at`, and are in UTC.
    """

    number: str
    requester: str
    channel: str
    subject: str
    description: str
    tags: tuple[str, ...]
    opened_at: datetime
    department: str
    priority: Priority
    steps: tuple[Step, ...]


class IllegalHistory(Exception):  # noqa: N818  # Named as the fact, like every refusal of this project.
    """A step that may not follow the ones before it."""


class Situation(msgspec.Struct, frozen=True):
    """A ticket after a step. `agent` stays named after a resolution, since a reopening may go back to them."""

    state: TicketState
    department: str
    priority: Priority
    agent: str | None = None

    @property
    def held_by(self) -> str | None:
        """The agent whose capacity the ticket takes."""
        return self.agent if self.state in ("assigned", "in_progress", "pending") else None


HELD: frozenset[TicketState] = frozenset({"assigned", "in_progress", "pending"})

# Step -> (the states that it may follow, the state that it leads to; None where it leaves the state).
TRANSITIONS: dict[type[Step], tuple[frozenset[TicketState], TicketState | None]] = {
    MovedToDepartment: (HELD | {"queued"}, "queued"),
    AssignedTo: (frozenset({"queued"}), "assigned"),
    Unassigned: (HELD, "queued"),
    WorkStarted: (frozenset({"assigned"}), "in_progress"),
    WaitingOnCustomer: (frozenset({"in_progress"}), "pending"),
    Resumed: (frozenset({"pending"}), "in_progress"),
    Resolved: (HELD | {"queued"}, "resolved"),
    Closed: (frozenset({"resolved"}), "closed"),
    Reopened: (frozenset({"resolved", "closed"}), "queued"),
    PriorityChanged: (HELD | {"queued"}, None),
}


def opened(history: TicketHistory) -> Situation:
    return Situation("queued", history.department, history.priority)


def after(now: Situation, step: Step) -> Situation:
    """The ticket after `step`. Raises `IllegalHistory` where the step may not follow."""
    follows, leads_to = TRANSITIONS[type(step)]
    if now.state not in follows:
        raise IllegalHistory(f"{type(step).__name__} can't follow the state {now.state}")
    match step:
        case MovedToDepartment():
            return Situation("queued", step.department, now.priority)
        case AssignedTo():
            return Situation("assigned", now.department, now.priority, step.agent)
        case Unassigned():
            return Situation("queued", now.department, now.priority)
        case PriorityChanged():
            return Situation(now.state, now.department, step.priority, now.agent)
        case Reopened():
            return _reopened(now, step)
    return Situation(leads_to or now.state, now.department, now.priority, now.agent)


def _reopened(now: Situation, step: Reopened) -> Situation:
    if step.agent is not None and step.agent != now.agent:
        raise IllegalHistory(f"Reopened to {step.agent}, who didn't have the ticket")
    return Situation("assigned" if step.agent else "queued", now.department, now.priority, step.agent)


def situations(history: TicketHistory) -> Iterator[tuple[Step, Situation, Situation]]:
    """(step, before, after) for each step. Raises `IllegalHistory` on a wrong step or a time that goes back."""
    now, last_at = opened(history), history.opened_at
    for step in history.steps:
        if step.at < last_at:
            raise IllegalHistory(f"{type(step).__name__} at {step.at} comes after {last_at}")
        then = after(now, step)
        yield step, now, then
        now, last_at = then, step.at
